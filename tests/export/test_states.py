"""Finding the state dict in files as people have them: wrappers, prefixes, averages, whole modules, training heads."""

import collections
import json

import numpy as np
import pytest
import torch
from torch import nn

from explorer.errors import ExplorerError
from explorer.export.checkpoint import read_checkpoint, read_contents
from explorer.export.importer import import_file
from tests.conftest import state_of
from tests.export.test_checkpoint import refusal


def shifted(state: dict, by: float = 1.0) -> dict:
    """Another set of weights of the same shapes."""
    return {name: tensor + by for name, tensor in state.items()}


def under(prefix: str, state: dict) -> dict:
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def assert_holds(weights: dict, state: dict) -> None:
    assert set(weights) == set(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(weights[name], tensor.numpy(), err_msg=name)


PREFIXES = [
    "module.", "_orig_mod.", "model.", "net.", "backbone.", "encoder.", "module._orig_mod.", "_orig_mod.module.",
    "module.model.net.", "model.encoder.module.backbone.", "student.backbone.",
]  # fmt: skip


@pytest.mark.parametrize("family", ["crate", "crate_alpha", "vit"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_common_prefix_is_stripped(modules, tmp_path, quick_reader, family, prefix):
    state = modules[family].state_dict()
    torch.save({"state_dict": under(prefix, state)}, tmp_path / "p.pth")
    assert_holds(read_checkpoint(tmp_path / "p.pth").weights, state)


def test_prefix_of_a_language_model(tmp_path, quick_reader):
    from tests.models.test_text_models import KINDS, model_of

    for kind in KINDS:
        state = model_of(kind).state_dict()
        torch.save(under("_orig_mod.", state), tmp_path / "p.pt")
        assert_holds(read_checkpoint(tmp_path / "p.pt").weights, state)


def test_parts_compiled_one_by_one(modules, tmp_path, quick_reader):
    state = modules["vit"].state_dict()
    compiled = {
        name.replace("blocks.0.", "blocks.0._orig_mod.").replace(
            "blocks.1.attn.", "blocks.1._fsdp_wrapped_module.attn."
        ): t
        for name, t in state.items()
    }
    torch.save(compiled, tmp_path / "p.pth")
    assert_holds(read_checkpoint(tmp_path / "p.pth").weights, state)


@pytest.mark.parametrize(
    "wrapper", ["state_dict", "model", "model_state_dict", "model_state", "net", "module", "weights"]
)
def test_wrappers(modules, tmp_path, quick_reader, wrapper):
    state = modules["vit"].state_dict()
    torch.save({"epoch": 4, wrapper: state}, tmp_path / "w.pth")
    checkpoint = read_checkpoint(tmp_path / "w.pth")
    assert_holds(checkpoint.weights, state)
    assert checkpoint.facts == {"epoch": 4, "wrapper": wrapper}
    torch.save({"checkpoint": {"epoch": 5, wrapper: state}}, tmp_path / "w.pth")
    checkpoint = read_checkpoint(tmp_path / "w.pth")
    assert_holds(checkpoint.weights, state)
    assert checkpoint.facts == {"epoch": 5, "wrapper": f"checkpoint.{wrapper}"}


SETS = {
    "timm": (["state_dict_ema", "state_dict"], "state_dict", "ema"),
    "DeiT": (["model", "model_ema"], "model", "ema"),
    "DINO": (["student", "teacher"], "student", "teacher"),
    "net": (["ema", "net"], "net", "ema"),
    "ours": (["trained", "state_dict"], "state_dict", "trained"),
}


@pytest.mark.parametrize("form", SETS)
def test_plain_weights_are_taken_and_others_can_be_chosen(modules, tmp_path, quick_reader, form):
    keys, plain, asked = SETS[form]
    state = modules["vit"].state_dict()
    other = next(key for key in keys if key != plain)
    torch.save({key: state if key == plain else shifted(state) for key in keys}, tmp_path / "s.pth")
    taken = read_checkpoint(tmp_path / "s.pth")
    assert_holds(taken.weights, state)
    assert (taken.taken, taken.others) == (plain, (other if form == "ours" else f"{other} (an average)",))
    for name in (asked, other, asked.upper()):
        chosen = read_checkpoint(tmp_path / "s.pth", name)
        assert_holds(chosen.weights, shifted(state))
        assert (chosen.taken, chosen.others) == (other, (plain,))
    with pytest.raises(ExplorerError, match=rf"its weights are {plain}, {other}: swa names none of them"):
        read_checkpoint(tmp_path / "s.pth", "swa")


def test_sets_of_one_dictionary_are_told_apart_by_their_prefixes(modules, tmp_path, quick_reader):
    state = modules["vit"].state_dict()
    flat = under("teacher.backbone.", shifted(state)) | under("student.backbone.", state)
    flat |= {"teacher.head.mlp.0.weight": torch.ones(2), "dino_loss.center": torch.ones(1)}
    torch.save({"state_dict": flat}, tmp_path / "s.ckpt")
    contents = read_contents(tmp_path / "s.ckpt")
    assert [(one.name, one.average) for one in contents.sets] == [
        ("state_dict.student.backbone", False), ("state_dict.teacher.backbone", True),
    ]  # fmt: skip
    assert_holds(read_checkpoint(tmp_path / "s.ckpt").weights, state)
    assert_holds(read_checkpoint(tmp_path / "s.ckpt", "teacher").weights, shifted(state))
    torch.save(state | under("ema.", shifted(state)), tmp_path / "s.pth")
    assert_holds(read_checkpoint(tmp_path / "s.pth").weights, state)
    assert_holds(read_checkpoint(tmp_path / "s.pth", "ema").weights, shifted(state))


HEADS = ["head.mlp.0.weight", "head.mlp.0.bias", "head.last_layer.weight_g", "head.last_layer.weight_v"]


def test_a_projection_head_beside_the_backbone_is_left_out_by_name(modules, tmp_path, quick_reader):
    state = modules["vit"].state_dict()
    head = {name: torch.ones(3) for name in HEADS}
    torch.save({"teacher": under("backbone.", state) | head, "epoch": 9}, tmp_path / "dino.pth")
    card = import_file(tmp_path / "dino.pth", heads=2, directory=tmp_path / "zoo")
    assert card.provenance["ignored_tensors"] == HEADS
    assert card.provenance["wrapper"] == "teacher"
    assert read_contents(tmp_path / "dino.pth").left_out == tuple(HEADS)
    torch.save({"student": under("module.", under("backbone.", state) | head)}, tmp_path / "dino.pth")
    checkpoint = read_checkpoint(tmp_path / "dino.pth")
    assert_holds(checkpoint.weights, state)
    assert checkpoint.left_out == tuple(f"module.{name}" for name in HEADS)


def test_a_tensor_that_is_no_training_head_is_still_refused(modules, tmp_path, quick_reader):
    state = under("backbone.", modules["vit"].state_dict()) | {"adapter.weight": torch.ones(3)}
    torch.save(state, tmp_path / "more.pth")
    assert "adapter.weight" in refusal_of(tmp_path / "more.pth", tmp_path)


def refusal_of(path, tmp_path) -> str:
    with pytest.raises(ExplorerError) as caught:
        import_file(path, heads=2, directory=tmp_path / "zoo")
    return str(caught.value)


def test_a_lightning_checkpoint(modules, tmp_path, quick_reader):
    class AttributeDict(dict):
        pass

    AttributeDict.__module__, AttributeDict.__qualname__ = __name__, "AttributeDict"
    globals()["AttributeDict"] = AttributeDict
    state = modules["crate"].state_dict()
    content = {
        "epoch": 3, "global_step": 90, "pytorch-lightning_version": "2.2.0", "loops": {"fit_loop": {"state_dict": {}}},
        "state_dict": collections.OrderedDict(under("model.", state) | {"criterion.weight": torch.ones(3)}),
        "callbacks": {"ModelCheckpoint": {"best": torch.tensor(0.5)}}, "hyper_parameters": AttributeDict(lr=1e-3),
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}}],
    }  # fmt: skip
    torch.save(content, tmp_path / "epoch=3.ckpt")
    checkpoint = read_checkpoint(tmp_path / "epoch=3.ckpt")
    assert_holds(checkpoint.weights, state)
    assert checkpoint.left_out == ("criterion.weight",)
    assert checkpoint.facts["epoch"] == 3


@pytest.mark.parametrize("wrap", [lambda m: m, nn.Sequential, lambda m: {"model": m}, lambda m: {"ema": m, "epoch": 1}])
@pytest.mark.parametrize("form", [True, False])
def test_a_module_that_was_saved_whole(modules, tmp_path, quick_reader, wrap, form):
    module = modules["vit"]
    whole = wrap(module)
    if isinstance(whole, nn.Sequential):
        whole = nn.ModuleDict({"model": module})
        module.register_buffer("scratch", torch.ones(2), persistent=False)
    torch.save(whole, tmp_path / "whole.pt", _use_new_zipfile_serialization=form)
    module._buffers.pop("scratch", None)
    module._non_persistent_buffers_set.discard("scratch")
    assert_holds(read_checkpoint(tmp_path / "whole.pt").weights, module.state_dict())


def test_what_is_not_recognised_is_described(tmp_path, quick_reader):
    state = {f"module.net.layer{i}.conv.weight": torch.ones(2) for i in range(5)}
    torch.save({"model_state": state, "optimizer": {"lr": torch.ones(1)}}, tmp_path / "other.pth")
    sentence = refusal_of(tmp_path / "other.pth", tmp_path)
    for part in ("layer0.conv.weight, layer1.conv.weight", "in model_state", "behind the prefix module.net."):
        assert part in sentence
    assert "\n" not in sentence


def test_tost_and_the_like_are_refused_by_name_behind_prefixes(tmp_path, quick_reader):
    torch.save({"model": {"module.cls_attn_blocks.0.a": torch.ones(1)}}, tmp_path / "tost.pth")
    assert "ToST vision" in refusal_of(tmp_path / "tost.pth", tmp_path)


FOREIGN = {
    "keras.h5": (b"\x89HDF\r\n\x1a\n" + bytes(64), "HDF5"),
    "one.npy": (b"\x93NUMPY\x01\x00" + bytes(64), "one NumPy array"),
    "model.gguf": (b"GGUF" + bytes(64), "GGUF"),
    "model.safetensors.index.json": (json.dumps({"metadata": {}, "weight_map": {"a": "b"}}).encode(), "join the parts"),
    "plain.pkl": (b"\x80\x04}\x94.", "pickle, but not a PyTorch checkpoint"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_files_of_other_programs_are_refused_with_what_to_do(tmp_path, quick_reader, name):
    content, words = FOREIGN[name]
    (tmp_path / name).write_bytes(content)
    assert words in refusal(tmp_path / name, tmp_path / "zoo")


def test_npz_torchscript_and_one_of_several_parts(modules, tmp_path, quick_reader):
    from safetensors.torch import save_file

    np.savez(tmp_path / "flax.npz", a=np.ones(2))
    assert ".npz of NumPy arrays" in refusal(tmp_path / "flax.npz", tmp_path / "zoo")
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "script.pt")
    assert "TorchScript" in refusal(tmp_path / "script.pt", tmp_path / "zoo")
    save_file({"a": torch.ones(2)}, tmp_path / "model-00001-of-00002.safetensors")
    assert "one part of a model" in refusal(tmp_path / "model-00001-of-00002.safetensors", tmp_path / "zoo")


def test_contents_are_listed_without_reading_numbers(modules, tmp_path, quick_reader):
    state = state_of(modules["vit"])
    tensors = {name: torch.from_numpy(array) for name, array in state.items()}
    torch.save({"epoch": 2, "model": tensors, "model_ema": shifted(tensors, np.nan)}, tmp_path / "s.pth")
    contents = read_contents(tmp_path / "s.pth")
    numbers = sum(array.size for array in state.values())
    assert [(s.name, s.family, s.tensors, s.numbers, s.average) for s in contents.sets] == [
        ("model", "ViT", len(state), numbers, False), ("model_ema", "ViT", len(state), numbers, True),
    ]  # fmt: skip
    assert contents.facts == {"epoch": 2, "wrapper": "model"}
    assert contents.unread == ()
