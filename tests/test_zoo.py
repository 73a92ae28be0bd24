"""The zoo: names, atomic installation, and files that are refused before anything opens them."""

import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from explorer import zoo
from explorer.card import METADATA_KEY
from explorer.errors import ExplorerError
from tests.conftest import SIZES, state_of


@pytest.fixture
def good(cards) -> bytes:
    return cards["crate"].path.read_bytes()


@pytest.mark.parametrize("name", ["a", "crate_s", "0", "vit-s.16", "a" * 64, "x.y"])
def test_names_that_can_be(name):
    assert zoo.check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "A",
        "é",
        "a b",
        "a\n",
        "\n",
        "-a",
        "_a",
        ".a",
        "a..b",
        "a" * 65,
        "a\0",
        "a:b",
    ],
)
def test_names_that_cannot_be(name, tmp_path):
    for use in (
        lambda: zoo.check_name(name),
        lambda: zoo.install(b"", name, tmp_path),
        lambda: zoo.remove(name, tmp_path),
    ):
        with pytest.raises(ExplorerError, match="cannot be a model's name"):
            use()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("crate_S.pth.tar", "crate_s"), ("model.safetensors", "model"), ("/a/b/ViT Small (1).PTH", "vit-small-1"),
        ("crate_alpha_B16.pth", "crate_alpha_b16"), ("a..b.pt", "a.b"), (".pth", "model"), ("日本.pt", "model"),
        ("---.bin", "model"), ("x" * 100 + ".ckpt", "x" * 64), ("v1.5.onnx", "v1.5"), ("..", "model"), ("", "model"),
    ],
)  # fmt: skip
def test_suggested_names_are_valid(file, name):
    assert zoo.suggest_name(file) == name
    assert zoo.check_name(zoo.suggest_name(file)) == name


def test_directory_comes_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))
    assert zoo.models_directory() == tmp_path
    monkeypatch.delenv(zoo.MODELS_VARIABLE)
    assert zoo.models_directory() == zoo.DEFAULT_DIRECTORY


def test_install_list_find_remove(good, cards, tmp_path):
    folder = tmp_path / "new" / "zoo"
    card = zoo.install(good, "second", folder)
    zoo.install(good, "first", folder)
    assert [c.name for c in zoo.list_models(folder)] == ["first", "second"]
    assert card == zoo.find_model("second", folder) == zoo.find_model(str(folder / "second.onnx"))
    assert (card.sha256, card.size_bytes) == (cards["crate"].sha256, len(good))
    assert card.path.read_bytes() == good
    with pytest.raises(ExplorerError, match="has a model first already"):
        zoo.install(good, "first", folder, replace=False)
    zoo.remove("first", folder)
    assert [p.name for p in folder.iterdir()] == ["second.onnx"]
    with pytest.raises(ExplorerError, match="no model first"):
        zoo.remove("first", folder)


def test_find_says_what_there_is(good, tmp_path):
    with pytest.raises(ExplorerError, match=r"no model x: it has none yet\."):
        zoo.find_model("x", tmp_path)
    zoo.install(good, "here", tmp_path)
    with pytest.raises(ExplorerError, match=r"no model x: it has here\."):
        zoo.find_model("x", tmp_path)
    for path in (str(tmp_path / "absent.onnx"), f"no{os.sep}such"):
        with pytest.raises(ExplorerError, match="is not a file"):
            zoo.find_model(path)
    with pytest.raises(ExplorerError, match="cannot be a model's name"):
        zoo.find_model("Not A Name", tmp_path)


def test_list_leaves_out_what_is_not_ours(good, tmp_path):
    zoo.install(good, "ours", tmp_path)
    (tmp_path / "text.onnx").write_text("hello")
    (tmp_path / "empty.onnx").touch()
    (tmp_path / "cut.onnx").write_bytes(good[:500])
    (tmp_path / "readme.md").write_text("models")
    (tmp_path / ".ours.abc.part").write_bytes(good)
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "dangling.onnx").symlink_to(tmp_path / "nowhere")
    assert [c.name for c in zoo.list_models(tmp_path)] == ["ours"]
    assert zoo.list_models(tmp_path / "absent") == []


def test_every_listed_model_can_be_found(good, tmp_path):
    """A file that somebody put there under a name that no model can have must not be offered."""
    zoo.install(good, "ours", tmp_path)
    (tmp_path / "Bad Name.onnx").write_bytes(good)
    for card in zoo.list_models(tmp_path):
        assert zoo.find_model(card.name, tmp_path) == card


def test_a_replaced_file_is_read_again(good, cards, tmp_path):
    zoo.install(good, "same", tmp_path)
    zoo.install(cards["vit"].path.read_bytes(), "same", tmp_path)
    assert zoo.find_model("same", tmp_path).family == "vit"


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_failing_write_leaves_the_old_model(good, cards, tmp_path, monkeypatch, step):
    zoo.install(good, "same", tmp_path)

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zoo.os, step, full)
    with pytest.raises(OSError, match="No space left"):
        zoo.install(cards["vit"].path.read_bytes(), "same", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["same.onnx"]
    assert (tmp_path / "same.onnx").read_bytes() == good


def test_a_refused_file_is_not_installed(good, tmp_path):
    with pytest.raises(ExplorerError, match=r"bad\.onnx is not a whole ONNX file"):
        zoo.install(good[:-50], "bad", tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_an_oversized_file_is_neither_installed_nor_read(good, tmp_path, monkeypatch):
    zoo.install(good, "before", tmp_path)
    monkeypatch.setattr(zoo, "MAX_BYTES", len(good) - 1)
    with pytest.raises(ExplorerError, match="more than the"):
        zoo.install(good, "big", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["before.onnx"]
    os.utime(tmp_path / "before.onnx", (1, 1))
    assert zoo.list_models(tmp_path) == []


def test_installed_file_can_be_read_by_others(good, tmp_path):
    assert zoo.install(good, "shared", tmp_path).path.stat().st_mode & 0o777 == 0o644


# what inspect refuses


def refusal(data: bytes) -> str:
    with pytest.raises(ExplorerError) as caught:
        zoo.inspect(data, Path("file.onnx"))
    sentence = str(caught.value)
    assert sentence.startswith("file.onnx")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def changed(good: bytes, change) -> bytes:
    model = onnx.ModelProto.FromString(good)
    change(model)
    return model.SerializeToString()


def tensor_attribute() -> onnx.AttributeProto:
    return helper.make_attribute("value", numpy_helper.from_array(np.ones(3, np.float32)))


def add_external_data(model: onnx.ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == "cls_token")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def add_external_entry_only(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].external_data.add(key="location", value="weights.bin")


def add_external_location_only(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL


def add_custom_operator(model: onnx.ModelProto) -> None:
    model.graph.node.add(op_type="Relu", domain="evil.org", input=["z.1"], output=["x"])


def add_other_operator(model: onnx.ModelProto) -> None:
    model.graph.node.add(op_type="Loop", input=["z.1"], output=["x"])


def add_microsoft_operator(model: onnx.ModelProto) -> None:
    model.graph.node.add(op_type="MatMulNBits", domain="com.microsoft", input=["z.1"], output=["x"])


def add_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Relu", ["a"], ["b"])
    opsets = [helper.make_opsetid("", 20)]
    model.functions.append(helper.make_function("ours", "Gelu", ["a"], ["b"], [node], opsets))


def branch() -> onnx.GraphProto:
    output = helper.make_tensor_value_info("b", TensorProto.FLOAT, None)
    return helper.make_graph([helper.make_node("Relu", ["z.1"], ["b"])], "branch", [], [output])


def add_if(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("If", ["c"], ["x"], then_branch=branch(), else_branch=branch()))


def add_subgraph_to_an_allowed_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("body", branch()))


def add_subgraphs_to_an_allowed_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("bodies", [branch()]))


def add_constant(model: onnx.ModelProto) -> None:
    node = model.graph.node.add(op_type="Constant", output=["x"])
    node.attribute.append(tensor_attribute())


def add_tensor_to_an_allowed_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(tensor_attribute())


def add_tensors_to_an_allowed_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("values", [tensor_attribute().t]))


def add_sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add()


def add_training(model: onnx.ModelProto) -> None:
    model.training_info.add()


def drop_metadata(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


def change_schema(model: onnx.ModelProto) -> None:
    entry = model.metadata_props[0]
    entry.value = entry.value.replace('"schema": 1', '"schema": 99')


def drop_last_output(model: onnx.ModelProto) -> None:
    del model.graph.output[-1]


def drop_logits(model: onnx.ModelProto) -> None:
    del model.graph.output[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (add_external_data, "its tensor cls_token lies in another file"),
        (add_external_entry_only, "lies in another file"),
        (add_external_location_only, "lies in another file"),
        (add_custom_operator, "evil.org::Relu"),
        (add_other_operator, "the operator Loop"),
        (add_microsoft_operator, "com.microsoft::MatMulNBits"),
        (add_function, "local function (Gelu)"),
        (add_if, "the operator If"),
        (add_subgraph_to_an_allowed_operator, "carries a subgraph"),
        (add_subgraphs_to_an_allowed_operator, "carries a subgraph"),
        (add_constant, "the operator Constant"),
        (add_tensor_to_an_allowed_operator, "carries a subgraph or a tensor"),
        (add_tensors_to_an_allowed_operator, "carries a subgraph or a tensor"),
        (add_sparse, "sparse"),
        (add_training, "training"),
        (drop_metadata, "was not exported by CRATE Explorer"),
        (change_schema, "schema 1 only"),
        (drop_last_output, "has no output z.3"),
        (drop_logits, "has no output logits"),
    ],
    ids=lambda v: v.__name__ if callable(v) else "",
)
def test_inspect_refuses(good, change, words):
    assert words in refusal(changed(good, change))


@pytest.mark.parametrize(
    "data", [b"hello, I am a text file", b"\x89PNG\r\n\x1a\n" + bytes(64), bytes(100), b"PK\x03\x04"]
)
def test_inspect_refuses_other_files(data):
    refusal(data)


def test_inspect_refuses_an_empty_file():
    assert "is empty" in refusal(b"")


def test_inspect_refuses_every_truncation(good):
    for length in [*range(1, 40), *np.linspace(40, len(good) - 1, 60, dtype=int), len(good) - 1]:
        refusal(good[:length])


def test_inspect_refuses_foreign_models():
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1])
    model = helper.make_model(helper.make_graph([helper.make_node("Relu", ["x"], ["logits"])], "g", [x], [y]))
    assert "import the original checkpoint instead" in refusal(model.SerializeToString())
    helper.set_model_props(model, {METADATA_KEY: "not JSON"})
    assert "is not JSON" in refusal(model.SerializeToString())


@pytest.mark.parametrize("family", SIZES)
def test_inspect_accepts_what_our_exporter_writes(cards, nano_card, family):
    """And the allow-list holds nothing that no family uses."""
    card = cards[family]
    assert zoo.inspect(card.path.read_bytes(), card.path) == card
    used = {(n.domain, n.op_type) for c in (*cards.values(), nano_card) for n in onnx.load(c.path).graph.node}
    assert used == {(domain, op) for domain, ops in zoo.ALLOWED_OPERATORS.items() for op in ops}


# weights


def test_load_weights(cards, modules):
    names = ["cls_token", "transformer.layers.1.1.fn.weight"]
    found = zoo.load_weights(cards["crate"], iter(names))
    assert set(found) == set(names)
    for name, array in found.items():
        np.testing.assert_array_equal(array, state_of(modules["crate"])[name])
        assert array.dtype == np.float32
        assert not array.flags.writeable


def test_load_weights_names_what_is_missing(cards):
    with pytest.raises(ExplorerError, match=r"crate\.onnx has no weights pos_embed:"):
        zoo.load_weights(cards["crate"], ["cls_token", "pos_embed"])


@pytest.mark.parametrize("family", SIZES)
def test_layer_weights(cards, modules, family):
    card, state = cards[family], state_of(modules[family])
    first, second = zoo.layer_weights(card)
    assert (second.eps, second.heads) == (card.norm_eps, 2)
    if family == "vit":
        np.testing.assert_array_equal(second.subspaces, state["blocks.1.attn.qkv.weight"][8:16])
        np.testing.assert_array_equal(second.bias, state["blocks.1.attn.qkv.bias"][8:16])
        np.testing.assert_array_equal(first.norm[1], state["blocks.0.norm1.bias"])
        assert second.dictionary is None
        return
    layer = "transformer.layers.1"
    np.testing.assert_array_equal(second.subspaces, state[f"{layer}.0.fn.qkv.weight"])
    np.testing.assert_array_equal(second.norm[0], state[f"{layer}.0.norm.weight"])
    np.testing.assert_array_equal(second.ista_norm[1], state[f"{layer}.1.norm.bias"])
    np.testing.assert_array_equal(second.dictionary, state[f"{layer}.1.fn.{'D' if card.codes_dim else 'weight'}"])
    assert second.bias is None
    assert (second.eta, second.lam) == (0.1, 0.1)


def test_layer_weights_of_the_control(cards):
    drawn = zoo.draw_control(cards["crate"], seed=5)
    second = zoo.layer_weights(cards["crate"], drawn)[1]
    assert second.dictionary is drawn["transformer.layers.1.1.fn.weight"]


@pytest.mark.parametrize("family", SIZES)
def test_control_has_every_weight_and_follows_the_laws(cards, modules, family):
    drawn, state = zoo.draw_control(cards[family]), state_of(modules[family])
    assert {n: a.shape for n, a in drawn.items()} == {n: a.shape for n, a in state.items()}
    for name, law in cards[family].init.items():
        ((kind, value),) = law.items()
        assert drawn[name].dtype == np.float32
        if kind == "constant":
            assert (drawn[name] == np.float32(value)).all()
        else:
            spread = value / 3**0.5 if kind == "uniform" else value
            assert np.abs(drawn[name]).max() <= (np.float32(value) if kind == "uniform" else 6 * value)
            assert drawn[name].std() == pytest.approx(spread, rel=5 / drawn[name].size ** 0.5)


def test_control_is_seeded(cards):
    first, again, other = (zoo.draw_control(cards["crate"], seed) for seed in (1, 1, 2))
    assert all(np.array_equal(first[n], again[n]) for n in first)
    assert not np.array_equal(first["cls_token"], other["cls_token"])


def test_a_copied_file_has_the_name_of_the_copy(cards, tmp_path):
    shutil.copy(cards["crate"].path, tmp_path / "copy.onnx")
    assert zoo.find_model("copy", tmp_path).name == "copy"


def test_numbers_in_names_are_listed_by_their_size(tmp_path, good):
    for name in ("run_p12", "run_p2", "run", "7", "\u0663"):  # the last is no name of a model, and no reason to stop
        (tmp_path / f"{name}.onnx").write_bytes(good)
    assert [card.name for card in zoo.list_models(tmp_path)] == ["7", "run", "run_p2", "run_p12"]
