"""What the documents show in Python runs as it stands. Cells run in one namespace, as Jupyter's kernel runs them; the
kernel itself and nbformat would take longer than all the cells together."""

import ast
import json
import re
from typing import Any

import numpy as np
import pytest
import scipy.linalg  # noqa: F401  # a library must be loaded to be limited
from threadpoolctl import threadpool_limits

from explorer import runtime, zoo
from explorer.inputs import gallery_photo, prepare_photo, prepare_words
from explorer.measures.patches import iou
from explorer.trace import Knobs
from tests.test_layers import ROOT
from tests.test_shipped import kangaroo

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


@pytest.fixture(scope="module", autouse=True)
def shipped():
    with pytest.MonkeyPatch.context() as patch, threadpool_limits(1, "blas"):
        patch.delenv(zoo.MODELS_VARIABLE, raising=False)
        yield


def run_cell(source: str, space: dict[str, Any]) -> Any:
    """Run a cell; the value of its last expression, which Jupyter would show."""
    *body, last = ast.parse(source).body
    if not isinstance(last, ast.Expr):
        body, last = [*body, last], None
    exec(compile(ast.Module(body, []), "cell", "exec"), space)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), space)


@pytest.fixture(scope="module")
def ran() -> tuple[dict[str, Any], list[Any]]:
    """What the notebook's namespace holds at the end, and what each cell shows."""
    cells = [cell for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert len(cells) == 12
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
    space: dict[str, Any] = {}
    return space, [run_cell("".join(cell["source"]), space) for cell in cells]


def photo_run(control: bool = False, **knobs: Any):
    """The notebook's photo through its model, from the rooms below."""
    card = zoo.find_model("crate-objects")
    model = runtime.open_model(card, zoo.draw_control(card) if control else None)
    data = gallery_photo("kangaroo").path.read_bytes()
    return runtime.run(model, prepare_photo(data, card.preprocessing, card.patch), None, Knobs(stride=4, **knobs))


def official_rate(projections: np.ndarray) -> float:
    """Σ_k ½ logdet(I + p/(N·0.01) W_kᵀW_k), tokens scaled to length 1 within each head."""
    _, n, p = projections.shape
    unit = projections.astype(np.float64) / np.linalg.norm(projections, axis=2, keepdims=True)
    return float(0.5 * np.linalg.slogdet(np.eye(p) + p / (n * 0.01) * unit.transpose(0, 2, 1) @ unit)[1].sum())


def cross_entropy(logits: np.ndarray, tokens: np.ndarray) -> float:
    scores = logits[:-1].astype(np.float64)
    logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return float(-logs[np.arange(len(logs)), tokens[1:]].mean())


def test_the_lines_of_the_readme_run_as_they_stand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    space: dict[str, Any] = {}
    figure = run_cell(block, space)
    assert len(list(filter(None, block.splitlines()))) == 4
    control, trained = (line.y for line in figure.data)
    layers = range(1, 9)
    np.testing.assert_allclose(trained, [official_rate(photo_run().projections(n)) for n in layers], rtol=1e-4)
    np.testing.assert_allclose(control, [official_rate(photo_run(True).projections(n)) for n in layers], rtol=1e-4)


def test_the_notebooks_numbers_are_those_of_the_runs(ran):
    space, shown = ran
    trace = photo_run()
    np.testing.assert_array_equal(space["Z"], trace.z(3))
    assert space["rates"].sum() == pytest.approx(official_rate(trace.projections(3)), rel=1e-5)
    gain = np.ones((8, 6), np.float32)
    gain[6, 0] = 0
    np.testing.assert_allclose(space["turned"].logits, photo_run(mssa_gain=gain).logits, rtol=0, atol=1e-4)
    assert all(one is not None for one in shown if one is not shown[3])  # the fourth prints
    assert b"kangaroo.jpg through crate-objects" in space["report"].html


def test_what_the_notebook_says_of_the_curves_is_so(ran):
    _, shown = ran
    control, trained = (np.array(line.y) for line in shown[4].data)
    below = control - trained
    assert (below > 0).all()
    assert (np.diff(below[1:]) > 0).all()
    control, trained = (np.array(line.y) for line in shown[5].data)
    assert (trained > control)[-2:].all()


def test_what_the_notebook_cuts_out_is_the_kangaroo(ran):
    space, _ = ran
    drawn = kangaroo().repeat(4, axis=0).repeat(4, axis=1)  # the mask has the edges of the photo as shown
    assert iou(space["found"].labels == 1, drawn) > 0.6


def test_coherence_is_above_that_of_random_directions(ran):
    """By hand: |cos| of rows of different heads."""
    space, _ = ran
    card = zoo.find_model("crate-objects")
    for values, drawn in ((space["coherence"], None), (space["chance"], zoo.draw_control(card))):
        for layer, weights in enumerate(zoo.layer_weights(card, drawn)):
            unit = weights.subspaces / np.linalg.norm(weights.subspaces, axis=1, keepdims=True)
            head = np.arange(len(unit)) // card.head_dim
            between = np.abs(unit @ unit.T)[head[:, None] != head].mean()
            assert values[layer] == pytest.approx(between, rel=1e-4)
    assert (np.array(space["coherence"]) > space["chance"]).all()


def test_the_text_is_as_surprising_as_its_logits_say(ran):
    space, _ = ran
    card = zoo.find_model("crate-lm-novels")
    prepared = prepare_words(b"".join(piece.data for piece in space["text"].prepared.pieces).decode(), card)
    for costs, drawn in ((space["costs"], None), (space["untrained"], zoo.draw_control(card))):
        logits = runtime.run(runtime.open_model(card, drawn), prepared).logits[0]
        assert costs[-1] == pytest.approx(cross_entropy(logits, prepared.data[0]), rel=1e-5)
        assert len(costs) == card.layers + 1
    assert space["costs"][-1] < space["untrained"][-1]
