"""Checkpoints of ViTs of every form and under every naming → identity, graph and card."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from explorer import runtime, zoo
from explorer.errors import ExplorerError
from explorer.export.checkpoint import Checkpoint
from explorer.export.identify import identify
from explorer.export.importer import checked_card, import_file, is_current
from explorer.export.renaming import renamed
from explorer.trace import Knobs
from tests.conftest import draw, pixels, prepared, state_of, torch_points
from tests.models.forms import FORMS, SAID, size_of


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_read_from_its_tensors(form):
    size = size_of(form)
    found = identify(state_of(draw("vit", size)), heads=2, said=SAID.get(form))
    assert (found.family.name, found.size, found.ignored) == ("vit", size, ())


def imported(form, folder, state=None, said=None, name="vit"):
    """A tiny ViT of a form, imported from a file."""
    module = draw("vit", size_of(form))
    torch.save(module.state_dict() if state is None else state, folder / "vit.pth")
    (folder / "card.json").write_text(json.dumps({"heads": 2, **(said or SAID.get(form, {}))}))
    return module, import_file(folder / "vit.pth", name, card_path=folder / "card.json", directory=folder)


@pytest.mark.parametrize("form", FORMS)
def test_the_graph_agrees_with_torch(form, tmp_path, quick_reader):
    module, card = imported(form, tmp_path)
    assert (card.prefix, card.has_head) == (FORMS[form].prefix, FORMS[form].head)
    assert card.parity["max_relative_error"] < 1e-4
    gain = np.random.default_rng(0).uniform(0, 2, (2, 2)).astype(np.float32)
    ours = runtime.run(runtime.open_model(card), prepared(pixels(2, 20, 8)), None, Knobs(mssa_gain=gain, stride=3))
    theirs = torch_points(module, pixels(2, 20, 8), mssa_gain=gain, stride=3)
    assert set(ours.points) == set(theirs)
    for name, array in theirs.items():
        np.testing.assert_allclose(ours.points[name], array, rtol=1e-5, atol=1e-5, err_msg=name)
    assert ours.points["z.1"].shape[1] == ours.front + ours.grid[0] * ours.grid[1]
    assert is_current(card, *checked_card(card))  # so that the file can be taken to another zoo
    keys = zoo.layer_weights(card)[1]
    state = state_of(module)
    np.testing.assert_array_equal(keys.subspaces, state["blocks.1.attn.qkv.weight"][8:16])
    assert (keys.bias is not None) == FORMS[form].qkv_bias
    assert set(zoo.draw_control(card)) == set(state)


def test_positions_of_the_trained_grid_stay(tmp_path, quick_reader):
    """A grid that is no square is trained for 2 × 5 patches; at that size nothing is resized."""
    module, card = imported("grid that is no square", tmp_path)
    found = runtime.run(runtime.open_model(card), prepared(np.zeros((1, 3, 8, 20), np.float32)), ["z.1"]).points["z.1"]
    bias = module.patch_embed.proj.bias.numpy()
    np.testing.assert_allclose(found[0, 1:] - bias, module.pos_embed[0, 1:].numpy(), atol=1e-6)


def test_a_model_without_a_head_says_so(tmp_path, quick_reader):
    _, card = imported("no head", tmp_path)
    trace = runtime.run(runtime.open_model(card), prepared(pixels()), [])
    assert trace.points["features"].shape == (2, 8)
    with pytest.raises(ExplorerError, match="no head: it gives features alone"):
        _ = trace.logits


def test_classes_of_a_model_without_a_head(tmp_path, quick_reader):
    with pytest.raises(ExplorerError, match="names 3 classes, but the checkpoint has no head"):
        imported("no head", tmp_path, said={"classes": ["a", "b", "c"]})


def test_pooling_that_no_tensor_tells_is_said(tmp_path, quick_reader):
    """timm's global_pool="avg" with the norm before it has the tensors of a ViT that reads its class token."""
    plain = draw(
        "vit",
        dataclasses.replace(size_of("no head"), form=dataclasses.replace(FORMS["layer scale"], pool="avg"), classes=3),
    )
    torch.save(plain.state_dict(), tmp_path / "vit.pth")
    (tmp_path / "card.json").write_text(json.dumps({"heads": 2}))
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "vit", "global_pool": "avg"}))
    card = import_file(tmp_path / "vit.pth", "vit", card_path=tmp_path / "card.json", directory=tmp_path)
    found = runtime.run(runtime.open_model(card), prepared(pixels()), []).logits
    np.testing.assert_allclose(found, torch_points(plain, pixels())["logits"], rtol=1e-5, atol=1e-5)
    assert is_current(card, *checked_card(card))


# ---- namings ----


def checkpoint(weights) -> Checkpoint:
    return Checkpoint(weights, {}, "vit.pth", "")


def as_hugging_face(state, kind: str, modules: bool = False) -> dict[str, np.ndarray]:
    """timm's names as Hugging Face's: kind vit or dinov2; modules: as a module of its fifth version calls them."""
    dino, found = kind == "dinov2", {}
    layer = "layers" if modules and not dino else "encoder.layer"
    looks = [f"{part}_proj" for part in "qkv"] if modules else [f"attention.{n}" for n in ("query", "key", "value")]
    old_mlp = not dino and not modules
    parts = {
        "norm1": "norm1" if dino else "layernorm_before", "norm2": "norm2" if dino else "layernorm_after",
        "attn.proj": "attention.o_proj" if modules else "attention.output.dense",
        "mlp.fc1": "intermediate.dense" if old_mlp else "mlp.fc1", "mlp.fc2": "output.dense" if old_mlp else "mlp.fc2",
    }  # fmt: skip
    whole = {
        "cls_token": f"{kind}.embeddings.cls_token", "dist_token": f"{kind}.embeddings.distillation_token",
        "reg_token": f"{kind}.embeddings.register_tokens", "pos_embed": f"{kind}.embeddings.position_embeddings",
    }  # fmt: skip
    for name, array in state.items():
        stem, _, last = name.rpartition(".")
        if name in whole:
            found[whole[name]] = array
        elif stem == "patch_embed.proj":
            found[f"{kind}.embeddings.patch_embeddings.projection.{last}"] = array
        elif stem in ("norm", "head", "head_dist"):
            own = {"norm": f"{kind}.layernorm", "head": "classifier", "head_dist": "distillation_classifier"}[stem]
            found[f"{own}.{last}"] = array
        else:
            _, number, part = stem.split(".", 2)
            here = f"{kind}.{layer}.{number}"
            if part == "attn.qkv":
                for look, third in zip(looks, np.split(array, 3), strict=True):
                    found[f"{here}.attention.{look}.{last}"] = third
            elif part in ("ls1", "ls2"):
                found[f"{here}.layer_scale{part[-1]}.lambda1"] = array
            else:
                found[f"{here}.{parts[part]}.{last}"] = array
    return found


@pytest.mark.parametrize("modules", [False, True])
@pytest.mark.parametrize(
    ("form", "kind", "eps"),
    [
        ("no bias of query, key, value", "vit", 1e-12), ("distilled", "deit", 1e-12),
        ("DINOv2: registers without positions", "dinov2", 1e-6), ("class token and mean", "dinov2", 1e-6),
    ],
)  # fmt: skip
def test_hugging_faces_names(form, kind, eps, modules):
    state = state_of(draw("vit", size_of(form)))
    foreign = as_hugging_face(state, kind, modules)
    assert not set(foreign) & set(state)
    if kind == "deit":
        foreign = {name.replace("classifier", "cls_classifier") if name.startswith("classifier") else name: array
                   for name, array in foreign.items()}  # fmt: skip
    spare = {f"{kind}.embeddings.mask_token": np.zeros((1, 8)), f"{kind}.pooler.dense.weight": np.zeros((8, 8))}
    found = renamed(checkpoint(foreign | spare))
    identity = identify(found.weights, heads=2, said=found.facts)
    assert identity.size == dataclasses.replace(size_of(form), norm_eps=eps)
    assert set(identity.ignored) == {"mask_token", "pooler.dense.weight"}
    ours = identity.weights(found.weights)
    assert set(ours) == set(state)
    for name, array in state.items():
        np.testing.assert_array_equal(ours[name], array)
    assert "Hugging Face" in found.facts["renamed"]


def test_heads_and_epsilon_of_a_config(tmp_path, quick_reader):
    """A config.json beside the file says the heads, which shapes do not tell."""
    state = as_hugging_face(state_of(draw("vit", size_of("layer scale"))), "dinov2")
    torch.save({name: torch.from_numpy(array) for name, array in state.items()}, tmp_path / "model.pth")
    (tmp_path / "config.json").write_text(json.dumps(
        {"num_attention_heads": 4, "layer_norm_eps": 1e-4, "hidden_act": "gelu", "model_type": "dinov2"}
    ))  # fmt: skip
    card = import_file(tmp_path / "model.pth", "vit", directory=tmp_path)
    assert (card.heads, card.norm_eps, card.provenance["renamed"]) == (4, 1e-4, "Hugging Face's names to timm's")


def test_names_of_dinov2s_own_code():
    """register_tokens, mask_token, and layers in chunks that keep their numbers."""
    state = state_of(draw("vit", size_of("DINOv2: registers without positions")))
    foreign = {name.replace("reg_token", "register_tokens"): array for name, array in state.items()}
    chunked = {
        name.replace("blocks.0.", "blocks.0.0.").replace("blocks.1.", "blocks.1.1."): a for name, a in foreign.items()
    }
    for weights in (foreign, chunked):
        found = renamed(checkpoint(weights | {"mask_token": np.zeros((1, 8))}))
        assert set(found.weights) == {*state, "mask_token"}
        assert identify(found.weights, heads=2).size == size_of("DINOv2: registers without positions")
        np.testing.assert_array_equal(found.weights["blocks.1.mlp.fc1.weight"], state["blocks.1.mlp.fc1.weight"])


def test_deit_threes_names():
    state = state_of(draw("vit", size_of("layer scale")))
    foreign = {name.replace("ls1.gamma", "gamma_1").replace("ls2.gamma", "gamma_2"): a for name, a in state.items()}
    assert set(renamed(checkpoint(foreign)).weights) == set(state)


def test_timms_own_names_stay():
    state = state_of(draw("vit", size_of("distilled")))
    assert renamed(checkpoint(state)) == checkpoint(state)


def test_the_encoder_of_a_mae_is_read():
    state = state_of(draw("vit", size_of("no head")))
    decoder = {
        "mask_token": np.zeros((1, 1, 4)),
        "decoder_blocks.0.attn.qkv.weight": np.zeros((12, 4)),
        "decoder_pred.bias": np.zeros(4),
    }
    assert identify(state | decoder, heads=2).ignored == tuple(sorted(decoder))


# ---- refusals ----


def without(state, *names):
    return {name: array for name, array in state.items() if name not in names}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda s: s | {"blocks.0.mlp.fc1.weight": np.zeros((64, 8)), "blocks.0.mlp.fc1.bias": np.zeros(64)},
            "gated MLP",
        ),
        (lambda s: without(s, "cls_token"), "no cls_token"),
        (lambda s: s | {"pos_embed": np.zeros((1, 12, 8))}, r'12 positions, .* "grid": \[rows, columns\]'),
        (lambda s: s | {"blocks.0.attn.q_norm.weight": np.zeros(4)}, "blocks.0.attn.q_norm.weight"),
        (lambda s: without(s, "norm.weight", "norm.bias"), "no tensor norm.weight"),
        (lambda s: without(s, "head.weight"), "no tensor head.weight"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(change, sentence):
    with pytest.raises(ExplorerError, match=sentence):
        identify(change(state_of(draw("vit"))), heads=2)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"global_pool": "map"}, "pools by 'map'"), ({"hidden_act": "quick_gelu"}, "hidden_act 'quick_gelu'"),
        ({"architecture": "vit_base_patch16_rpn_224"}, "norms behind its updates"),
        ({"grid": [2, 4]}, "no grid of 2 × 4"), ({"grid": "square"}, None),
        ({"grid": [3]}, r"should be \[rows, columns\]"),
    ],
)  # fmt: skip
def test_what_is_said_is_checked(said, sentence):
    state = state_of(draw("vit"))
    if sentence is None:
        assert identify(state, heads=2, said=said).size.grid == (3, 3)
        return
    with pytest.raises(ExplorerError, match=sentence):
        identify(state, heads=2, said=said)


def test_query_without_its_key():
    state = as_hugging_face(state_of(draw("vit")), "vit")
    del state["vit.encoder.layer.0.attention.attention.key.weight"]
    with pytest.raises(ExplorerError, match="Query, key and value should have one shape"):
        renamed(checkpoint(state))


@pytest.mark.parametrize("naming", ["chunks", "Hugging Face"])
def test_a_network_inside_a_training_file_is_read_under_other_names(naming, tmp_path, quick_reader):
    """A teacher of DINOv2's code with its projection head beside it; a module of Hugging Face in a wrapper."""
    module = draw("vit", size_of("DINOv2: registers without positions"))
    state = state_of(module)
    if naming == "chunks":
        foreign = {
            f"backbone.{n.replace('blocks.', 'blocks.0.').replace('reg_', 'register_')}": a for n, a in state.items()
        }
        foreign = {name.replace("register_token", "register_tokens"): array for name, array in foreign.items()}
        foreign["dino_head.mlp.0.weight"] = np.zeros((4, 8), np.float32)
    else:
        foreign = as_hugging_face(state, "dinov2")
    key = "teacher" if naming == "chunks" else "state_dict"
    torch.save({key: {name: torch.from_numpy(array) for name, array in foreign.items()}}, tmp_path / "run.pth")
    card = import_file(tmp_path / "run.pth", "vit", heads=2, directory=tmp_path)
    assert card.prefix == FORMS["DINOv2: registers without positions"].prefix
    found = runtime.run(runtime.open_model(card), prepared(pixels()), []).points["features"]
    np.testing.assert_allclose(found, torch_points(module, pixels())["features"], rtol=1e-5, atol=1e-5)
