"""Records of families: whole, true to their networks, and enough for a family that no other file knows."""

import ast
import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from explorer import families, runtime, zoo
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.export.importer import import_file
from explorer.families import fill, supported
from explorer.families.crate import CRATE
from explorer.measures.rates import measure_layers
from explorer.models.crate import Size
from explorer.trace import Knobs, trace_points
from tests.conftest import pixels, prepared, read_in_process
from tests.families.made_up import ATTENTION_ONLY, AttentionOnly
from tests.pages.conftest import ROOT, TIMEOUT_S
from tests.pages.test_every_page import texts

PAGES = ("start", "segment", "layers", "knobs", "subspaces", "ledger", "compare", "models")


@pytest.fixture
def attention_only(monkeypatch, tmp_path) -> ModelCard:
    """The made-up family, known, with a model imported from a checkpoint of it."""
    from explorer.export import checkpoint

    monkeypatch.setattr(families, "KNOWN", (ATTENTION_ONLY, *families.KNOWN))
    monkeypatch.setattr(checkpoint, "_run_reader", read_in_process)
    torch.manual_seed(0)
    model = AttentionOnly(Size(dim=8, layers=2, heads=2, patch=4, classes=3, image_size=12))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    torch.save(model.state_dict(), tmp_path / "plain.pth")
    return import_file(tmp_path / "plain.pth", heads=2, directory=tmp_path / "zoo")


def test_a_record_that_leaves_a_feature_out_is_an_error():
    values = {field.name: getattr(CRATE, field.name) for field in dataclasses.fields(CRATE)}
    for name in values:
        with pytest.raises(TypeError, match=name):
            families.Family(**{key: value for key, value in values.items() if key != name})


@pytest.mark.parametrize("family", supported(), ids=lambda one: one.name)
def test_a_record_is_true_to_its_network(family):
    network = families.resolve(family.network)
    assert callable(families.resolve(family.graph))
    assert callable(families.resolve(family.sizes))
    if family.modality == "image":
        size = Size(dim=8, layers=1, heads=2, patch=4, classes=3, image_size=8)
    else:
        size = families.resolve("explorer.models.nano_crate:NanoSize" if family.reads_config else
                                "explorer.models.crate_lm:TextSize")(8, 1, 2, 11, 7, 32)  # fmt: skip
    names = list(dict(network(size).named_parameters()))
    known = families.recognised(names)
    assert known is family
    for role, pattern in family.weights.items():
        name = pattern.format(l=0)
        assert name in names or f"{name}.weight" in names, role
    layer = [name for name in names if re.match(family.shapes.layer, name)]
    assert layer
    for name in layer:
        rest = name[re.match(family.shapes.layer, name).end() :]  # pyright: ignore[reportOptionalMemberAccess]
        assert rest in family.tensors or rest.rpartition(".")[0] in family.tensors, name
    formulas = [family.formulas.attention, family.formulas.square, family.formulas.overcomplete, family.formulas.last]
    values = {"l": 1, "next": 2, "K": 2, "p": 4, "eta": 0.1, "lam": 0.1, "nonzeros": 0.5}
    for formula in formulas:
        filled = fill(formula, **values)
        assert not re.search(r"<[\w+]*>", filled)
        assert filled.count("{") == filled.count("}")


def test_no_room_asks_for_a_family_by_its_name():
    """Neither by comparing names nor by a list of them: what differs stands in the record."""
    names = {family.name for family in supported()}
    for path in (*Path(ROOT, "explorer").rglob("*.py"), *Path(ROOT, "pages").glob("*.py")):
        if "families" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Compare):
                said = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
                asks = any(isinstance(n, ast.Attribute) and n.attr == "family" for n in ast.walk(node))
                assert not (said & names), f"{path}:{node.lineno}"
                assert not (asks and said), f"{path}:{node.lineno}"


def test_a_made_up_family_is_exported_as_torch_computes_it(attention_only):
    card = attention_only
    assert (card.family, card.family_label, card.layers, card.heads) == ("attention_only", "Attention-only", 2, 2)
    assert card.parity["max_relative_error"] <= 1e-4
    trace = runtime.run(runtime.open_model(card), prepared(pixels(1)))
    assert set(trace.points) == {"logits", *trace_points(card)}
    np.testing.assert_array_equal(trace.z_half(2), trace.z(3))
    weights = zoo.layer_weights(card)
    assert weights[0].dictionary is None
    rows = measure_layers(trace, weights)
    assert all(np.isfinite(row.subspace_coding_rate_official) for row in rows)
    control = zoo.draw_control(card)
    assert set(control) == set(dict(AttentionOnly(Size(8, 2, 2, 4, 3, 12)).named_parameters()))


def test_what_a_made_up_family_lacks_is_refused(attention_only):
    with pytest.raises(ExplorerError, match="is a Attention-only and has no ista_lambda"):
        runtime.run(
            runtime.open_model(attention_only), prepared(pixels(1)), None, Knobs(ista_lambda=np.ones(2, np.float32))
        )


def test_a_made_up_family_stands_on_every_page(attention_only, monkeypatch):
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(attention_only.path.parent))
    monkeypatch.chdir(ROOT)
    st.cache_resource.clear()
    for page in PAGES:
        tested = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=TIMEOUT_S).run()
        tested.switch_page(f"pages/{page}.py").run()
        assert not tested.exception, page
        assert not tested.error, page
        if page == "layers":
            assert "An attention-only network sets no entry to zero" in texts(tested)
        if page == "models":
            assert tested.dataframe[0].value["family"].tolist() == ["Attention-only"]
