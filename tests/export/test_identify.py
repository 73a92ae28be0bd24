"""Names and shapes → family and sizes; every error names the key or the shape."""

import dataclasses
import re

import numpy as np
import pytest
import torch

from explorer.errors import ExplorerError
from explorer.export import identify as room
from explorer.export.identify import identify
from explorer.models.crate import Size
from tests.conftest import SIZES, TINY, network_of


def empty(*shape: int) -> np.ndarray:
    """An array of any shape that takes four bytes."""
    return np.broadcast_to(np.float32(0), shape)


def shapes(family: str, size: Size) -> dict[str, np.ndarray]:
    """A state dict of the right names and shapes and no memory."""
    with torch.device("meta"):
        return {name: empty(*tensor.shape) for name, tensor in network_of(family)(size).state_dict().items()}


def refusal(weights: dict[str, np.ndarray], heads: int | None = 2) -> str:
    with pytest.raises(ExplorerError) as caught:
        identify(weights, heads)
    assert str(caught.value).endswith(".")
    return str(caught.value)


@pytest.mark.parametrize("family", SIZES)
def test_tiny_models_are_recognised(family):
    found = identify(shapes(family, SIZES[family]), heads=2)
    assert (found.family.name, found.size, found.ignored) == (family, SIZES[family], ())


@pytest.mark.parametrize(
    ("family", "dim", "heads", "patch"),
    [
        ("crate", 384, 6, 16), ("crate", 576, 12, 16), ("crate", 768, 12, 8), ("crate", 1024, 16, 16),
        ("crate_alpha", 768, 12, 32), ("crate_alpha", 1024, 16, 14),
        ("vit", 192, 3, 16), ("vit", 384, 6, 8), ("vit", 768, 12, 16), ("vit", 1024, 16, 16),
    ],
)  # fmt: skip
def test_heads_of_the_released_models(family, dim, heads, patch):
    size = Size(dim=dim, layers=2, heads=heads, patch=patch, image_size=224, norm_eps=SIZES[family].norm_eps)
    assert identify(shapes(family, size)).size == size


def test_heads_can_be_said():
    """The demo model of the emergence notebook: 768 wide, 6 heads, patches of 8, with a head that is never read."""
    size = Size(dim=768, layers=2, heads=6, patch=8, classes=768)
    weights = shapes("crate", size) | {"head.weight": empty(21842, 768), "head.bias": empty(21842)}
    found = identify(weights, heads=6)
    assert found.size == size
    assert found.ignored == ("head.bias", "head.weight")
    assert identify(weights) == found  # its extra head gives it away
    assert identify(weights, heads=12).size.heads == 12


def test_heads_wider_than_the_tokens():
    size = dataclasses.replace(TINY, heads=3, inner=12)
    assert identify(shapes("crate", size), heads=3).size == size


def test_one_head_without_an_output_matrix():
    size = dataclasses.replace(TINY, heads=1)
    assert "transformer.layers.0.0.fn.to_out.0.weight" not in shapes("crate", size)
    assert identify(shapes("crate", size), heads=1).size == size


def test_unknown_width_needs_its_heads():
    sentence = refusal(shapes("crate", TINY), heads=None)
    assert "8 wide" in sentence
    assert "--heads" in sentence


@pytest.mark.parametrize("heads", [3, 16, -2, 0])
def test_heads_that_do_not_divide(heads):
    assert re.search(rf"{heads} heads do not divide .* 8\b", refusal(shapes("crate", TINY), heads))


@pytest.mark.parametrize("family", SIZES)
def test_every_missing_tensor_is_named(family):
    for name in shapes(family, SIZES[family]):
        weights = shapes(family, SIZES[family])
        del weights[name]
        sentence = refusal(weights)
        # without the tensors that give a model away, any sentence that says so will do
        assert name in sentence or "No known model" in sentence or "no layers" in sentence, (name, sentence)


@pytest.mark.parametrize("family", SIZES)
def test_every_wrong_shape_is_named(family):
    """One more entry along the first axis: the sentence names that tensor or one that contradicts it."""
    for name, array in shapes(family, SIZES[family]).items():
        weights = shapes(family, SIZES[family]) | {name: empty(array.shape[0] + 1, *array.shape[1:])}
        if name in ("head.weight", "mlp_head.1.weight"):  # one class more is a model of its own, but for the bias
            assert "bias has shape (3,): (4,) was expected" in refusal(weights)
        elif name.endswith("layers.0.0.fn.qkv.weight"):  # the projected width is read from it
            assert "9" in refusal(weights)
        else:
            assert name in refusal(weights), name


@pytest.mark.parametrize("family", SIZES)
def test_every_wrong_rank_is_named(family):
    for name, array in shapes(family, SIZES[family]).items():
        weights = shapes(family, SIZES[family]) | {name: empty(*array.shape, 1)}
        assert name in refusal(weights), name


@pytest.mark.parametrize("extra", ["transformer.layers.0.1.fn.weight_mask", "ema.decay", "head.weight2"])
def test_extra_tensor_is_named(extra):
    sentence = refusal(shapes("crate", TINY) | {extra: empty(5, 8)})
    assert extra in sentence
    assert "(5, 8)" in sentence


def test_the_unused_head_belongs_to_crate_only():
    assert "head.weight" in refusal(shapes("crate_alpha", SIZES["crate_alpha"]) | {"head.weight": empty(5, 8)})


@pytest.mark.parametrize("tokens", [1, 6, 9, 197 - 1])
def test_positions_that_are_no_square(tokens):
    sentence = refusal(shapes("crate", TINY) | {"pos_embedding": empty(1, tokens, 8)})
    assert "pos_embedding" in sentence
    assert str(tokens) in sentence


@pytest.mark.parametrize("values", [0, 2, 47, 3 * 15])
def test_patch_that_is_no_square(values):
    sentence = refusal(shapes("crate", TINY) | {"to_patch_embedding.1.weight": empty(values)})
    assert f"to_patch_embedding.1.weight has {values} values" in sentence


def test_kernel_that_is_no_square():
    weights = shapes("crate_alpha", SIZES["crate_alpha"]) | {"conv1.weight": empty(8, 3, 4, 2)}
    assert "conv1.weight has shape (8, 3, 4, 2)" in refusal(weights)


OTHERS = {
    "Swin": [
        "patch_embed.proj.weight", "layers.0.blocks.0.attn.qkv.weight", "layers.0.blocks.0.attn.qkv.bias",
        "layers.0.blocks.0.attn.relative_position_bias_table", "layers.0.downsample.norm.weight", "head.weight",
    ],
    "ConvNeXt": ["stem.0.weight", "stages.0.blocks.0.conv_dw.weight", "stages.0.blocks.0.mlp.fc1.weight"],
    "ResNet": ["conv1.weight", "layer1.0.conv1.weight", "layer4.0.conv1.weight", "fc.weight"],
    "gated ViT": ["cls_token", "pos_embed", "blocks.0.attn.qkv.weight", "blocks.0.mlp.w12.weight"],
    "BEiT": ["cls_token", "blocks.0.attn.qkv.weight", "blocks.0.attn.q_bias", "blocks.0.gamma_1"],
    "XCiT": ["blocks.0.attn.qkv.weight", "blocks.0.attn.temperature", "cls_attn_blocks.0.attn.qkv.weight"],
    "CaiT": ["blocks.0.attn.qkv.weight", "blocks_token_only.0.attn.q.weight", "cls_token"],
    "DINOv3": ["cls_token", "storage_tokens", "rope_embed.periods", "blocks.0.attn.qkv.weight", "blocks.0.ls1.gamma"],
    "BEiT or EVA": ["cls_token", "blocks.0.attn.q_proj.weight", "blocks.0.attn.qkv.weight"],
    "CLIP": ["vision_model.encoder.layers.0.self_attn.q_proj.weight", "logit_scale"],
    " BERT": ["bert.embeddings.word_embeddings.weight", "bert.encoder.layer.0.attention.self.query.weight"],
    "MAE": [
        "cls_token", "pos_embed", "mask_token", "decoder_pos_embed", "patch_embed.proj.weight",
        "blocks.0.layers.0.0.fn.qkv.weight", "blocks.0.layers.0.1.fn.weight", "norm.weight",
        "decoder_blocks.0.layers.0.0.fn.weight", "decoder_blocks.0.layers.0.1.fn.qkv.weight", "decoder_pred.weight",
    ],
    "CLIPA": [
        "logit_scale", "text.token_embedding.weight", "visual.conv1.weight",
        "visual.transformer.resblocks.0.attn.in_proj_weight", "visual.transformer.resblocks.0.mlp.c_fc.weight",
    ],
    "BERT": [
        "crate.embeddings.word_embeddings.weight", "crate.encoder.layer.0.attention.self.prenorm.weight",
        "crate.encoder.layer.0.attention.self.qkv.weight", "crate.encoder.layer.0.output.weight",
    ],
    "ToST vision": [
        "patch_embed.proj.0.0.weight", "blocks.0.attn.temp", "blocks.0.attn.qkv.weight", "blocks.0.gamma1",
        "cls_attn_blocks.0.attn.qkv.weight", "pos_embeder.token_projection.weight", "head.weight",
    ],
    "ToST language": [
        "transformer.wte.weight", "transformer.h.0.attn.temp", "transformer.h.0.attn.denom_bias",
        "transformer.h.0.attn.c_attn.weight", "transformer.h.0.mlp.c_fc.weight", "lm_head.weight",
    ],
}  # fmt: skip


@pytest.mark.parametrize("family", OTHERS)
def test_other_families_are_named(family):
    sentence = refusal({key: empty(4, 4) for key in OTHERS[family]})
    assert family in sentence
    assert "CRATE-α" in sentence  # what can be imported instead


def test_no_family_is_called_by_anothers_name():
    """Transformers of Meta and OpenAI are refused as what they are, not as CRATE's relatives with like names."""
    for family in ("XCiT", " BERT", "CLIP", "BEiT or EVA"):
        sentence = refusal({key: empty(4, 4) for key in OTHERS[family]}).split(":")[0]
        assert "CRATE" not in sentence
        assert "ToST" not in sentence


def test_unknown_keys_are_shown():
    sentence = refusal({"fc.weight": empty(2, 2), "conv1.weight": empty(2, 2, 1, 1)})
    assert "conv1.weight, fc.weight" in sentence


def test_a_huge_layer_number_builds_nothing(monkeypatch):
    """A single key of a small file must not make the importer build a million layers."""
    weights = shapes("crate", TINY) | {"transformer.layers.1000000.0.norm.weight": empty(8)}
    monkeypatch.setattr(room, "network", lambda _, size: pytest.fail(f"would have built {size.layers} layers"))
    assert "layers" in refusal(weights)


@pytest.mark.parametrize("family", ["crate", "crate_alpha"])
@pytest.mark.parametrize(("eta", "lam"), [((0.1,) * 3, 0.1), (0.1, (0.1,)), ((0.1,) * 3, (0.1,) * 3), ((0.1,), (0.2,))])
def test_step_sizes_of_another_number_of_layers(family, eta, lam):
    with pytest.raises(ExplorerError, match="eta and lambda should have one value for each of 2 layers"):
        identify(shapes(family, SIZES[family]), 2, eta, lam)
