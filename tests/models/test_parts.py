"""Patches, positions, knobs and laws of initialisation."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from explorer.models.crate import Crate
from explorer.models.parts import initialise, patches, positions
from tests.conftest import SIZES, TINY, draw, pixels, state_of, torch_points
from tests.models import reference


def test_patches_by_hand():
    """A 3×4 picture whose pixel (y, x) of channel c is 100c + 10y + x, cut in patches of 2 at stride 1."""
    c, y, x = np.ogrid[:3, :3, :4]
    image = torch.from_numpy((100 * c + 10 * y + x)[None].astype(np.float32))
    windows = patches(image, patch=2, stride=1)
    assert windows.shape == (1, 2, 3, 2, 2, 3)
    assert windows[0, 1, 2].flatten().tolist() == [12, 112, 212, 13, 113, 213, 22, 122, 222, 23, 123, 223]


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("family", SIZES)
def test_overlapping_patches_are_cut_by_hand(modules, family, stride):
    """Tokens at any stride are those of each window cut out and embedded alone."""
    image = torch.from_numpy(pixels(1, 12, 9))
    windows, rows, cols = reference.cut(image.numpy(), 4, stride)
    together = modules[family].embed(image, stride)[0]
    embedding = modules[family].pos_embed if family == "vit" else modules[family].pos_embedding
    together = together - positions(embedding, rows, cols)[0]
    for i, window in enumerate(windows[0]):
        alone = modules[family].embed(torch.from_numpy(window[None]), stride)[0] - positions(embedding, 1, 1)[0]
        torch.testing.assert_close(together[1 + i], alone[1], rtol=1e-5, atol=1e-5)


def test_pixels_beyond_the_last_patch_are_not_seen(modules):
    image = pixels(1, 12, 12)
    wider = np.concatenate([image, np.full((1, 3, 12, 3), 9, np.float32)], -1)
    np.testing.assert_array_equal(
        torch_points(modules["crate"], wider)["z.1"], torch_points(modules["crate"], image)["z.1"]
    )


def test_positions_at_the_trained_grid_are_unchanged():
    embedding = torch.randn(1, 10, 4, generator=torch.Generator().manual_seed(0))
    assert positions(embedding, 3, 3) is embedding


@pytest.mark.parametrize(("rows", "cols"), [(5, 2), (1, 1), (3, 7), (9, 9)])
def test_positions_are_resized_by_cubic_convolution(rows, cols):
    embedding = torch.randn(1, 10, 4, generator=torch.Generator().manual_seed(0))
    expected = reference.resized_positions(embedding.double().numpy(), rows, cols)
    np.testing.assert_allclose(positions(embedding, rows, cols)[0].numpy(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", SIZES)
def test_gain_zero_removes_exactly_one_head(modules, family):
    gain = np.ones((2, 2), np.float32)
    gain[0, 1] = 0
    full, without = torch_points(modules[family], pixels()), torch_points(modules[family], pixels(), mssa_gain=gain)
    query, key = (full.get(f"{part}.1", full.get("subspace.1")) for part in ("query", "key"))
    value, state = full.get("subspace.1"), state_of(modules[family])
    out = state["blocks.0.attn.proj.weight" if family == "vit" else "transformer.layers.0.0.fn.to_out.0.weight"]
    if family == "vit":
        normed = reference.layer_norm(full["z.1"], state, "blocks.0.norm1", 1e-6)
        qkv = normed @ state["blocks.0.attn.qkv.weight"].T + state["blocks.0.attn.qkv.bias"]
        value = reference.split(qkv[..., 16:], 2)
    head = reference.softmax(query[:, 1] @ key[:, 1].swapaxes(-1, -2) / 2) @ value[:, 1]  # p = 4, √p = 2
    np.testing.assert_allclose(full["z_half.1"] - without["z_half.1"], head @ out[:, 4:].T, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(full["z.1"], without["z.1"])


def test_gains_of_one_change_nothing(modules):
    ones = np.ones((2, 2), np.float32)
    plain, turned = torch_points(modules["crate"], pixels()), torch_points(modules["crate"], pixels(), mssa_gain=ones)
    for name, array in plain.items():
        np.testing.assert_array_equal(array, turned[name], err_msg=name)


def test_a_higher_threshold_never_adds_nonzeros(modules):
    """In the first layer, whose input does not depend on λ: each support lies within the one before."""
    before = np.ones((2, 10, 8), bool)
    for lam in (0.0, 0.1, 1.0, 5.0, 50.0):
        knob = np.full(2, lam, np.float32)
        codes = torch_points(modules["crate"], pixels(), ista_lambda=knob)["z.2"]
        assert (codes >= 0).all()
        assert not ((codes > 0) & ~before).any()
        before = codes > 0
    assert not before.any()


def test_permuting_the_patches_permutes_the_tokens(modules):
    """MSSA and ISTA know tokens only by their content: an invariant of the layers behind the positions."""
    z = torch.randn(1, 6, 8, generator=torch.Generator().manual_seed(0))
    order = torch.tensor([0, 3, 1, 5, 2, 4])
    mssa, ista = modules["crate"].transformer.layer(0)
    torch.testing.assert_close(mssa(z)[0][:, order], mssa(z[:, order])[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ista(z)[:, order], ista(z[:, order]), rtol=1e-5, atol=1e-6)


WIDE = {family: dataclasses.replace(size, dim=64, heads=4, layers=1) for family, size in SIZES.items()}


@pytest.mark.parametrize("family", SIZES)
def test_initialise_follows_the_laws(family):
    module = type(draw(family))(WIDE[family])
    laws = module.init_laws()
    assert set(laws) == {name for name, _ in module.named_parameters()}
    initialise(module, laws, seed=0)
    for name, tensor in state_of(module).items():
        ((kind, value),) = laws[name].items()
        if kind == "constant":
            assert (tensor == value).all(), name
            continue
        spread = value / math.sqrt(3) if kind == "uniform" else value
        assert abs(tensor.mean()) < 5 * spread / math.sqrt(tensor.size), name
        assert tensor.std() == pytest.approx(spread, rel=4 / math.sqrt(tensor.size)), name
        if kind == "uniform":
            assert np.abs(tensor).max() <= value, name


def test_laws_are_those_of_torch():
    """The bounds against what torch's own initialisers draw: nn.Linear, nn.Conv2d and kaiming_uniform_."""
    torch.manual_seed(0)
    crate, alpha = (draw(f, WIDE[f]).init_laws() for f in ("crate", "crate_alpha"))
    kaiming = nn.init.kaiming_uniform_(torch.empty(64, 64)).abs().max()
    overcomplete = nn.init.kaiming_uniform_(torch.empty(64, 256)).abs().max()
    conv = nn.Conv2d(3, 64, 4, 4).weight.abs().max()
    for law, drawn in [
        (crate["transformer.layers.0.1.fn.weight"], kaiming),
        (crate["transformer.layers.0.0.fn.qkv.weight"], nn.Linear(64, 64).weight.abs().max()),
        (crate["to_patch_embedding.2.weight"], nn.Linear(48, 64).weight.abs().max()),
        (alpha["transformer.layers.0.1.fn.D"], overcomplete),
        (alpha["transformer.layers.0.1.fn.D1"], overcomplete),
        (alpha["conv1.weight"], conv),
    ]:
        assert 0.99 * law["uniform"] < drawn <= law["uniform"]
    assert crate["pos_embedding"] == crate["cls_token"] == {"normal": 1.0}


def test_initialise_is_seeded_and_complete():
    first, again, other = Crate(TINY), Crate(TINY), Crate(TINY)
    for module, seed in ((first, 1), (again, 1), (other, 2)):
        initialise(module, module.init_laws(), seed)
    assert torch.equal(first.cls_token, again.cls_token)
    assert not torch.equal(first.cls_token, other.cls_token)
    with pytest.raises(KeyError, match="cls_token"):
        initialise(first, {"pos_embedding": {"normal": 1.0}}, 0)
