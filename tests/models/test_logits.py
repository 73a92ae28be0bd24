"""The lean forward of training gives the logits, and their gradients, of the traced one."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from explorer.models.parts import attention, keep_patches
from tests.conftest import SIZES, draw, pixels


@pytest.mark.parametrize("family", SIZES)
@pytest.mark.parametrize("side", [12, 20])
def test_same_logits(modules, family, side):
    image = torch.from_numpy(pixels(2, side, side))
    with torch.inference_mode():
        traced, lean = modules[family](image)["logits"], modules[family].logits(image)
    torch.testing.assert_close(lean, traced, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", SIZES)
def test_same_gradients(family):
    module, image = draw(family).requires_grad_(True), torch.from_numpy(pixels(3))
    answers = torch.tensor([0, 1, 2])
    traced = torch.autograd.grad(F.cross_entropy(module(image)["logits"], answers), list(module.parameters()))
    lean = torch.autograd.grad(F.cross_entropy(module.logits(image), answers), list(module.parameters()))
    for (name, _), expected, found in zip(module.named_parameters(), traced, lean, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


def test_one_wide_head_without_an_output_matrix():
    module = draw("crate", dataclasses.replace(SIZES["crate"], heads=1))
    image = torch.from_numpy(pixels())
    torch.testing.assert_close(module.logits(image), module(image)["logits"], rtol=1e-4, atol=1e-5)


def test_kept_patches_by_hand():
    z = torch.arange(8.0).reshape(2, 4, 1)
    kept = torch.tensor([[2, 0], [1, 1]])
    assert keep_patches(z, kept)[..., 0].tolist() == [[0, 3, 1], [4, 6, 6]]
    assert keep_patches(z, None) is z


@pytest.mark.parametrize("family", SIZES)
def test_patches_that_are_not_kept_are_not_seen(modules, family):
    """Everything outside the top left patch of the 3×3 grid changes, and the logits do not."""
    image, kept = torch.from_numpy(pixels(2)), torch.zeros(2, 1, dtype=torch.long)
    other = torch.from_numpy(pixels(2, seed=1))
    other[..., :4, :4] = image[..., :4, :4]
    module = modules[family]
    torch.testing.assert_close(module.logits(image, kept), module.logits(other, kept), rtol=0, atol=0)
    assert not torch.allclose(module.logits(image), module.logits(other))


def test_attention_in_bfloat16_is_that_of_float32():
    u = torch.randn(2, 3, 7, 4, generator=torch.Generator().manual_seed(0)).bfloat16()
    exact = attention(u.float(), u.float(), u.float(), None)
    torch.testing.assert_close(attention(u, u, u, None).float(), exact, rtol=0.02, atol=0.02)
