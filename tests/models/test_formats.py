"""Names, shapes and sizes are those of the released checkpoints."""

import dataclasses

import pytest
import torch

from explorer.models.crate import BASE, LARGE, SMALL, TINY, Crate, Size
from explorer.models.crate_alpha import ALPHA_BASE, ALPHA_LARGE, CrateAlpha
from explorer.models.vit import ViT

VIT_TINY = Size(dim=192, layers=12, heads=3, norm_eps=1e-6)
VIT_SMALL = Size(dim=384, layers=12, heads=6, norm_eps=1e-6)
NORM = ("norm.weight", "norm.bias")


def shapes(family: type, size: Size) -> dict[str, tuple[int, ...]]:
    """Shapes by name, on the meta device, which takes no memory."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in family(size).state_dict().items()}


@pytest.mark.parametrize(
    ("family", "size", "millions", "keys"),
    [
        (Crate, TINY, "6.09", 108),
        (Crate, SMALL, "13.12", 108),
        (Crate, BASE, "22.80", 108),
        (Crate, LARGE, "77.64", 204),
        (CrateAlpha, ALPHA_BASE, "72.3", 104),
        (CrateAlpha, ALPHA_LARGE, "253.7", 200),
        (ViT, VIT_TINY, "5.72", 152),
        (ViT, VIT_SMALL, "22.05", 152),
    ],
)
def test_published_parameters_and_keys(family, size, millions, keys):
    found = shapes(family, size)
    count = sum(torch.Size(shape).numel() for shape in found.values())
    digits = len(millions.split(".")[1])
    assert (f"{count / 1e6:.{digits}f}", len(found)) == (millions, keys)


def test_crate_names_and_shapes():
    d, P, n, C = 384, 16, 196, 1000
    expected = {
        "pos_embedding": (1, n + 1, d), "cls_token": (1, 1, d),
        "to_patch_embedding.1.weight": (3 * P**2,), "to_patch_embedding.1.bias": (3 * P**2,),
        "to_patch_embedding.2.weight": (d, 3 * P**2), "to_patch_embedding.2.bias": (d,),
        "to_patch_embedding.3.weight": (d,), "to_patch_embedding.3.bias": (d,),
        "mlp_head.0.weight": (d,), "mlp_head.0.bias": (d,), "mlp_head.1.weight": (C, d), "mlp_head.1.bias": (C,),
    }  # fmt: skip
    for i in range(12):
        layer = f"transformer.layers.{i}"
        expected |= {f"{layer}.{block}.{norm}": (d,) for block in (0, 1) for norm in NORM}
        expected |= {f"{layer}.0.fn.qkv.weight": (d, d), f"{layer}.1.fn.weight": (d, d)}
        expected |= {f"{layer}.0.fn.to_out.0.weight": (d, d), f"{layer}.0.fn.to_out.0.bias": (d,)}
    assert shapes(Crate, TINY) == expected


def test_crate_alpha_names_and_shapes():
    d, P, n, C = 768, 16, 196, 1000
    expected = {
        "conv1.weight": (d, 3, P, P), "conv1.bias": (d,), "pos_embedding": (1, n + 1, d), "cls_token": (1, 1, d),
        "mlp_head.0.weight": (d,), "mlp_head.0.bias": (d,), "mlp_head.1.weight": (C, d), "mlp_head.1.bias": (C,),
    }  # fmt: skip
    for i in range(12):
        layer = f"transformer.layers.{i}"
        expected |= {f"{layer}.{block}.{norm}": (d,) for block in (0, 1) for norm in NORM}
        expected |= {f"{layer}.0.fn.qkv.weight": (d, d), f"{layer}.0.fn.to_out.0.weight": (d, d)}
        expected |= {f"{layer}.1.fn.D": (d, 4 * d), f"{layer}.1.fn.D1": (d, 4 * d)}
    assert shapes(CrateAlpha, ALPHA_BASE) == expected


def test_vit_names_and_shapes():
    d = 192
    expected = {
        "cls_token": (1, 1, d), "pos_embed": (1, 197, d), "patch_embed.proj.weight": (d, 3, 16, 16),
        "patch_embed.proj.bias": (d,), "norm.weight": (d,), "norm.bias": (d,), "head.weight": (1000, d),
        "head.bias": (1000,),
    }  # fmt: skip
    for i in range(12):
        for name, shape in {
            "norm1": (d,), "norm2": (d,), "attn.qkv": (3 * d, d), "attn.proj": (d, d),
            "mlp.fc1": (4 * d, d), "mlp.fc2": (d, 4 * d),
        }.items():  # fmt: skip
            expected |= {f"blocks.{i}.{name}.weight": shape, f"blocks.{i}.{name}.bias": shape[:1]}
    assert shapes(ViT, VIT_TINY) == expected


def test_epsilons():
    """CRATE 1e-5 everywhere; CRATE-α 1e-6 in the blocks and 1e-5 in the head; ViT 1e-6."""

    def found(family: type, size: Size) -> dict[str, float]:
        with torch.device("meta"):
            return {n: m.eps for n, m in family(size).named_modules() if isinstance(m, torch.nn.LayerNorm)}

    assert set(found(Crate, TINY).values()) == {1e-5}
    alpha = found(CrateAlpha, ALPHA_BASE)
    assert alpha.pop("mlp_head.0") == 1e-5
    assert set(alpha.values()) == {1e-6}
    assert set(found(ViT, VIT_TINY).values()) == {1e-6}


def test_wrong_number_of_step_sizes_is_refused():
    with pytest.raises(ValueError, match="zip"), torch.device("meta"):
        Crate(dataclasses.replace(TINY, eta=(0.1,) * 11))
