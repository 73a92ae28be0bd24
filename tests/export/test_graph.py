"""The ONNX contract: names, knobs, weights, and agreement with torch at any size, stride and setting of the knobs."""

import dataclasses

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, numpy_helper
from torch.nn.functional import interpolate

from explorer import runtime, zoo
from explorer.card import METADATA_KEY, ModelCard
from explorer.export.graphs.graph import Graph
from explorer.export.graphs.pictures import _places
from explorer.export.importer import import_file
from explorer.models.form import Form
from explorer.runtime import session
from explorer.trace import Knobs, trace_points
from tests.conftest import SIZES, draw, pixels, prepared, state_of, torch_points

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
CRATE_OUTPUTS = [
    "logits", "z.1", "subspace.1", "z_half.1", "z.2", "subspace.2", "z_half.2", "z.3",
]  # fmt: skip
OUTPUTS = {
    "crate": CRATE_OUTPUTS,
    "crate_alpha": [
        "logits", "z.1", "subspace.1", "z_half.1", "codes.1", "z.2", "subspace.2", "z_half.2", "codes.2", "z.3",
    ],
    "vit": ["logits", "z.1", "query.1", "key.1", "z_half.1", "z.2", "query.2", "key.2", "z_half.2", "z.3"],
}  # fmt: skip
DIMS = {
    "z": ["batch", "tokens", 8], "z_half": ["batch", "tokens", 8], "codes": ["batch", "tokens", 32],
    "subspace": ["batch", 2, "tokens", 4], "query": ["batch", 2, "tokens", 4], "key": ["batch", 2, "tokens", 4],
    "logits": ["batch", 3],
}  # fmt: skip


@pytest.fixture(scope="module")
def protos(cards) -> dict[str, onnx.ModelProto]:
    return {family: onnx.load(card.path) for family, card in cards.items()}


def dims(value: onnx.ValueInfoProto) -> list[int | str]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def assert_agrees(model: runtime.Model, module, image: np.ndarray, **knobs) -> None:
    ours = runtime.run(model, prepared(image), None, Knobs(**knobs)).points
    theirs = torch_points(module, image, **knobs)
    assert set(ours) == set(theirs)
    for name, array in theirs.items():
        np.testing.assert_allclose(ours[name], array, **TOLERANCE, err_msg=name)


@pytest.mark.parametrize("family", SIZES)
def test_inputs_and_knobs(protos, family):
    inputs = {value.name: value for value in protos[family].graph.input}
    initializers = {t.name: t for t in protos[family].graph.initializer}
    steps = [] if family == "vit" else ["ista_eta", "ista_lambda"]
    assert set(inputs) == {"image", "stride", "mssa_gain", *steps}
    assert dims(inputs["image"]) == ["batch", 3, "height", "width"]
    stride = numpy_helper.to_array(initializers["stride"])
    assert (stride.dtype, stride.shape, int(stride)) == (np.int64, (), 4)
    np.testing.assert_array_equal(numpy_helper.to_array(initializers["mssa_gain"]), np.ones((2, 2), np.float32))
    for step in steps:
        np.testing.assert_array_equal(numpy_helper.to_array(initializers[step]), np.full(2, 0.1, np.float32))
    assert "image" not in initializers


@pytest.mark.parametrize("family", SIZES)
def test_outputs_in_the_order_of_the_network(protos, cards, family):
    outputs = protos[family].graph.output
    assert [o.name for o in outputs] == OUTPUTS[family]
    assert ["logits", *trace_points(cards[family])] == OUTPUTS[family]
    for value in outputs:
        assert value.type.tensor_type.elem_type == TensorProto.FLOAT
        assert dims(value) == DIMS[value.name.split(".")[0]]


@pytest.mark.parametrize("family", SIZES)
def test_weights_are_stored_once_under_their_official_names(protos, modules, family):
    stored = [t for t in protos[family].graph.initializer if t.data_type == TensorProto.FLOAT and t.dims]
    names = [t.name for t in stored]
    assert len(names) == len(set(names))
    knobs = {"mssa_gain", "ista_eta", "ista_lambda"}
    official = state_of(modules[family])
    assert set(names) - knobs == set(official)
    for tensor in stored:
        if tensor.name not in knobs:
            np.testing.assert_array_equal(numpy_helper.to_array(tensor), official[tensor.name], err_msg=tensor.name)
            assert list(tensor.dims) == list(official[tensor.name].shape)


@pytest.mark.parametrize("family", SIZES)
def test_versions_and_nothing_outside_the_file(protos, family):
    model = protos[family]
    assert model.ir_version == 10
    assert {o.domain: o.version for o in model.opset_import} == {"": 20, "com.microsoft": 1}
    assert not any(t.external_data or t.data_location for t in model.graph.initializer)
    assert not model.functions
    onnx.checker.check_model(model)


@pytest.mark.parametrize("family", SIZES)
def test_metadata_is_the_card(protos, cards, family):
    entries = {entry.key: entry.value for entry in protos[family].metadata_props}
    card = cards[family]
    assert set(entries) == {METADATA_KEY}
    assert ModelCard.from_metadata(entries[METADATA_KEY], card.path, card.sha256, card.size_bytes) == card
    assert card.parameters == sum(t.size for t in card_weights(protos[family]))


def card_weights(model: onnx.ModelProto) -> list[np.ndarray]:
    knobs = {"mssa_gain", "ista_eta", "ista_lambda"}
    tensors = [t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT and t.dims]
    return [numpy_helper.to_array(t) for t in tensors if t.name not in knobs]


@pytest.mark.parametrize("family", SIZES)
def test_a_plain_session_needs_only_the_picture(cards, modules, family):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(cards[family].path, options, providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == ["image"]
    overridable = {i.name for i in session.get_overridable_initializers()}
    assert overridable == {i.name for i in onnx.load(cards[family].path).graph.input} - {"image"}
    (logits,) = session.run(["logits"], {"image": pixels()})
    np.testing.assert_allclose(logits, torch_points(modules[family], pixels())["logits"], **TOLERANCE)


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("family", SIZES)
def test_every_stride_agrees_with_torch(opened, modules, family, stride):
    assert_agrees(opened[family], modules[family], pixels(2), stride=stride)


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 12, 12), (3, 16, 8), (2, 9, 21), (1, 40, 40)])
@pytest.mark.parametrize("family", SIZES)
def test_every_batch_and_size_agrees_with_torch(opened, modules, family, batch, height, width):
    assert_agrees(opened[family], modules[family], pixels(batch, height, width), stride=2)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (12, 4), (4, 16), (7, 12)])
@pytest.mark.parametrize("family", SIZES)
def test_one_row_or_column_of_patches_agrees_with_torch(opened, modules, family, height, width):
    """A grid with a side of one: a resize to one cell samples the middle, not the first cell."""
    assert_agrees(opened[family], modules[family], pixels(1, height, width))


@pytest.mark.parametrize("family", SIZES)
def test_knobs_agree_with_torch(opened, modules, family):
    rng = np.random.default_rng(3)
    for _ in range(3):
        gain = rng.uniform(-1, 2, (2, 2)).astype(np.float32)
        steps = {n: rng.uniform(0, 0.5, 2).astype(np.float32) for n in ("ista_lambda", "ista_eta")}
        assert_agrees(opened[family], modules[family], pixels(), mssa_gain=gain, **({} if family == "vit" else steps))


@pytest.mark.parametrize("grid", [(5, 7), (1, 1), (2, 9), (16, 16), (31, 40), (61, 3), (1, 13)])
def test_positions_are_torchs_bicubic(grid):
    """Larger, smaller and not square; against torch in float64, and unchanged at the trained grid."""
    size = dataclasses.replace(SIZES["vit"], form=Form(grid=(5, 7)))
    cells = np.random.default_rng(0).standard_normal((1, 1 + 5 * 7, 8)).astype(np.float32)
    g = Graph({"places": cells})
    for name in ("rows", "cols"):
        g.input(name, [name], TensorProto.INT64)
    places = _places(g, "places", size, "rows", "cols")
    g.output(places, [1, "patches", 8])
    session = onnxruntime.InferenceSession(g.model({}).SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {name: np.arange(side) for name, side in zip(("rows", "cols"), grid, strict=True)}
    (found,) = session.run([places], feeds)
    image = torch.from_numpy(cells[:, 1:]).double().unflatten(1, (5, 7)).permute(0, 3, 1, 2)
    expected = interpolate(image, size=grid, mode="bicubic", align_corners=False).flatten(2).transpose(1, 2).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    if grid == (5, 7):
        np.testing.assert_array_equal(found, cells[:, 1:])


@pytest.mark.parametrize("drawn", [False, True])
def test_ista_is_one_product_with_a_constant(cards, tmp_path, drawn):
    """What a session keeps of a square D: D − DᵀD alone, of the control's own D if its weights were drawn."""
    weights = zoo.draw_control(cards["crate"]) if drawn else None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "kept.onnx")
    source = session.changed(cards["crate"], weights, False) if weights else cards["crate"].path
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    kept = onnx.load(tmp_path / "kept.onnx").graph
    names = [f"transformer.layers.{layer}.1.fn.weight" for layer in range(2)]
    constants = {t.name: numpy_helper.to_array(t) for t in kept.initializer}
    assert not set(names) & set(constants)
    dictionaries = weights or zoo.load_weights(cards["crate"], names)
    for layer, name in enumerate(names):
        D = dictionaries[name]
        (step,) = [n for n, array in constants.items() if array.shape == D.shape and np.allclose(array, D - D.T @ D)]
        (product,) = [node for node in kept.node if step in node.input]
        behind = {node.output[0]: node for node in kept.node}[product.input[0]]
        assert (product.op_type, behind.op_type) == ("MatMul", "LayerNormalization")
        assert behind.input[0] == f"z_half.{layer + 1}"


def test_each_knob_is_wired_to_its_own_layer_and_head(opened, modules):
    """Every entry of every knob alone, so that no two can have changed places."""
    for name, shape, value in (("mssa_gain", (2, 2), 0.0), ("ista_lambda", (2,), 2.0), ("ista_eta", (2,), 0.5)):
        for index in np.ndindex(shape):
            knob = np.full(shape, 1.0 if name == "mssa_gain" else 0.1, np.float32)
            knob[index] = value
            assert_agrees(opened["crate"], modules["crate"], pixels(1), **{name: knob})


@pytest.mark.parametrize("family", SIZES)
def test_knobs_for_each_image_equal_single_runs(opened, family):
    """(B·L,K) and (B·L,) rows: image b of the batch runs with rows b·L … (b+1)·L."""
    rng = np.random.default_rng(4)
    batch, names = 3, ["mssa_gain"] + ([] if family == "vit" else ["ista_lambda", "ista_eta"])
    rows = {n: rng.uniform(0, 1, (batch, 2, 2) if n == "mssa_gain" else (batch, 2)).astype(np.float32) for n in names}
    stacked = {n: value.reshape(batch * 2, *value.shape[2:]) for n, value in rows.items()}
    together = runtime.run(opened[family], prepared(pixels(batch)), None, Knobs(**stacked)).points
    for b in range(batch):
        one = Knobs(**{n: value[b] for n, value in rows.items()})
        alone = runtime.run(opened[family], prepared(pixels(batch)[b : b + 1]), None, one).points
        for name, array in alone.items():
            np.testing.assert_allclose(together[name][b], array[0], **TOLERANCE, err_msg=name)


@pytest.mark.parametrize("family", SIZES)
def test_layers_and_heads_of_different_numbers(tmp_path, quick_reader, family):
    """Three layers and four heads: an axis taken for the other would show."""
    module = draw(family, dataclasses.replace(SIZES[family], layers=3, heads=4))
    torch.save(module.state_dict(), tmp_path / "three.pth")
    model = runtime.open_model(import_file(tmp_path / "three.pth", heads=4, directory=tmp_path))
    gain = np.random.default_rng(5).uniform(0, 2, (6, 4)).astype(np.float32)
    both = runtime.run(model, prepared(pixels(2)), None, Knobs(gain)).points
    for b in range(2):
        one = torch_points(module, pixels(2)[b : b + 1], mssa_gain=gain[3 * b : 3 * b + 3])
        for name, array in one.items():
            np.testing.assert_allclose(both[name][b], array[0], **TOLERANCE, err_msg=name)


def test_attention_is_a_function_of_the_projections(opened, modules):
    """Why no map is stored: from subspace.1 alone follows z_half.1."""
    trace, state = runtime.run(opened["crate"], prepared(pixels(1))), state_of(modules["crate"])
    u = trace.projections(1)
    scores = u @ u.swapaxes(1, 2) / 2  # √p = 2
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    heads = np.concatenate(list(weights @ u), -1)
    out = "transformer.layers.0.0.fn.to_out.0"
    update = heads @ state[f"{out}.weight"].T + state[f"{out}.bias"]
    np.testing.assert_allclose(trace.z_half(1), trace.z(1) + update, **TOLERANCE)
