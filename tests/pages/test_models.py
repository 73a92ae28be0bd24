"""The Models page's evaluations: every suite is drawn, an absent one is absent, a broken record is one sentence."""

import dataclasses
import json
import shutil

import onnx
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explorer import zoo
from explorer.card import METADATA_KEY, ModelCard
from explorer.evaluation.record import CONTROL, MODEL, Result, Row
from explorer.ui.sections.models.card import input_facts, measured_facts, network_facts, origin_facts
from explorer.ui.sections.models.zoo import cross_entropy
from explorer.ui.state.sharing import COMPUTING, OWN, SHARED_VARIABLE
from tests.pages.conftest import ROOT
from tests.pages.test_every_page import texts
from tests.pages.test_texts import start

SMALL = {"low": 0.2, "high": 0.4, "images": 9}


def rows_of(suite: str) -> list[Row]:
    if suite == "curves":
        return [
            Row(m, who, 0.5, 9, std=0.1, on=part, at=layer)
            for m in ("R^c", "non-zeros") for who in (MODEL, CONTROL) for part in ("train", "val") for layer in (1, 2)
        ]  # fmt: skip
    if suite == "noise":
        levels = {"random pixels": (0, 0.5), "Gaussian noise": (0, 10)}
        return [
            Row("CorLoc", who, 0.3, method="attention", on=kind, at=at, **SMALL)
            for who in (MODEL, CONTROL) for kind, both in levels.items() for at in both
        ]  # fmt: skip
    if suite == "heads":
        by_head = [Row("on the object", MODEL, 1.3, method=f"head {k}", **SMALL) for k in (1, 2)]
        layers = [(m, who, at) for m in ("heads apart", "head constancy") for who in (MODEL, CONTROL) for at in (1, 2)]
        return by_head + [Row(m, who, 0.3, at=at, **SMALL) for m, who, at in layers]
    if suite == "emergence":
        compared = [Row("CorLoc", MODEL, 0.1, method="ncut", on="small boxes", minus=CONTROL, **SMALL)]
        baseline = [Row("CorLoc", "centre box", 0.3, on="small boxes", **SMALL)]
        both = [Row("CorLoc", who, 0.3, method="ncut", on="small boxes", **SMALL) for who in (MODEL, CONTROL)]
        return both + baseline + compared
    if suite == "regions":
        edges = ("patches", "photo")
        both = [Row("covering", who, 0.3, method="maskcut", on=e, **SMALL) for who in (MODEL, CONTROL) for e in edges]
        less = [Row("covering", MODEL, 0.1, method="maskcut", on="photo", minus="its patches", **SMALL)]
        return [*both, *less, Row("boundary F", MODEL, 0.3, method="maskcut", on="photo", **SMALL)]
    measure = {"accuracy": "top-1", "voc": "mIoU", "coco": "AP"}[suite]
    return [Row(measure, who, 0.3, method="" if suite == "accuracy" else "mass", **SMALL) for who in (MODEL, CONTROL)]


def result_of(suite: str) -> dict:
    data = {"sources": ["made"], "licence": "made for a test", "part": "val", "images": 9, "of": 12}
    return Result(suite, "2026-01-02T03:04:05+00:00", "abc", 1.0, {"size": 12, "stride": 4}, data,
                  tuple(rows_of(suite))).values()  # fmt: skip


def page(app, monkeypatch, folder, cards: dict[str, ModelCard], suites: dict[str, dict]) -> AppTest:
    """The Models page of a zoo of crate, with these records, and vit, without."""
    tested = app("models")
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(folder))
    for family in ("crate", "vit"):
        shutil.copy(cards[family].path, folder / f"{family}.onnx")
    for suite, values in suites.items():
        zoo.record_evaluation(zoo.find_model("crate"), suite, values)
    return tested.run()


SUITES = ("accuracy", "emergence", "curves", "heads", "noise", "voc", "coco", "regions")


def test_every_suite_is_drawn_with_its_source(app, cards, monkeypatch, tmp_path):
    tested = page(app, monkeypatch, tmp_path, cards, {suite: result_of(suite) for suite in reversed(SUITES)})
    for suite in SUITES:
        tested.segmented_control(key="suite_crate").set_value(suite).run()
        assert not tested.exception
        assert not tested.error
        said = " ".join(caption.value for caption in tested.caption)
        assert "9 of 12 images" in said
        assert "made for a test" in said
        assert "2026\\-01\\-02" in said
        assert "for research use" in said
        assert len(tested.get("plotly_chart")) >= 1
        assert len(tested.dataframe[1].value) == len(rows_of(suite))


def test_what_was_not_measured_is_not_there(app, cards, monkeypatch, tmp_path):
    tested = page(app, monkeypatch, tmp_path, cards, {})
    assert not tested.exception
    assert any("No model of this zoo was evaluated yet" in caption.value for caption in tested.caption)
    assert not tested.get("plotly_chart")


def test_only_what_was_measured_is_offered(app, cards, monkeypatch, tmp_path):
    tested = page(app, monkeypatch, tmp_path, cards, {"voc": result_of("voc")})
    assert tested.segmented_control(key="suite_crate").options == ["voc"]
    assert [name.split(",")[0] for name in tested.selectbox(key="evaluated_").options] == ["crate"]  # with its epoch


@pytest.mark.parametrize("values", [{"rows": 3}, {"date": "<b>"}])
def test_a_record_that_is_none_is_one_sentence(app, cards, monkeypatch, tmp_path, values):
    tested = page(app, monkeypatch, tmp_path, cards, {"accuracy": values})
    assert not tested.exception
    assert "evaluate it again" in tested.error[0].value


def test_epochs_of_one_run_are_drawn_together_where_they_saw_the_same_images(app, cards, monkeypatch, tmp_path):
    tested = app("models")
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))
    for epoch, images in ((0, 9), (2, 9), (5, 8)):
        model = onnx.load(cards["crate"].path)
        origin = {"run": "made", "epoch": epoch}
        entry = next(e for e in model.metadata_props if e.key == METADATA_KEY)
        entry.value = dataclasses.replace(cards["crate"], provenance=origin).to_metadata()
        card = zoo.install(model.SerializeToString(), f"e{epoch}", tmp_path)
        result = result_of("curves")
        zoo.record_evaluation(card, "curves", result | {"data": result["data"] | {"images": images}})
    tested.run()
    charts = [json.loads(chart.proto.spec) for chart in tested.get("plotly_chart")]
    names = [[trace["name"] for trace in chart["data"]] for chart in charts]
    assert names.count(["epoch 0", "epoch 2"]) == 2  # both measures, without the epoch that saw fewer images
    tested.selectbox(key="evaluated_").select("e5").run()
    assert not tested.exception
    assert len(tested.get("plotly_chart")) == 2


def test_a_shared_app_reads_no_path_and_removes_nothing_of_others(app, cards, monkeypatch, tmp_path):
    monkeypatch.setenv(SHARED_VARIABLE, "1")
    tested = page(app, monkeypatch, tmp_path, cards, {})
    assert "Path" not in tested.segmented_control(key="import_source").options
    assert not [box for box in tested.selectbox if box.key == "remove"]
    tested.session_state[OWN] = {"vit"}
    tested.run()
    assert tested.selectbox(key="remove").options == ["vit"]


def test_a_session_that_computed_its_share_is_told_when_to_go_on(app, monkeypatch):
    monkeypatch.setenv(SHARED_VARIABLE, "1")
    tested = app("layers", stride="4", size="64")
    assert not tested.error
    spent = tested.session_state[f"used.{COMPUTING.units}"]
    spent.add(COMPUTING.most)
    tested.selectbox(key="photo").set_value("panda").run()
    assert [error.value for error in tested.error if "seconds of computing in 10 minutes" in error.value]


def test_texts_stay_texts_on_the_models_page(word_card, monkeypatch):
    """The models of what one was at: from a page of text, and from a link."""
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(word_card.path.parent))
    monkeypatch.chdir(ROOT)
    st.cache_resource.clear()
    tested = start("text").switch_page("pages/models.py").run()
    assert not tested.exception
    assert tested.sidebar.selectbox(key="lm").value == "words"
    assert tested.query_params["on"] in ("text", ["text"])
    tested.sidebar.segmented_control(key="look_at").set_value("pictures").run()
    assert "no model of pictures" in texts(tested)


def test_cross_entropy_stands_in_the_table(word_card, tmp_path):
    shutil.copy(word_card.path, tmp_path / "words.onnx")
    card = zoo.read_card(tmp_path / "words.onnx")
    assert cross_entropy(card) is None
    rows = (
        Row("cross-entropy", CONTROL, 9.0, 4, on="token"), Row("cross-entropy", MODEL, 1.5, 4, on="byte"),
        Row("cross-entropy", MODEL, 3.25, 4, on="token"), Row("cross-entropy", MODEL, -2.0, 4, on="token", minus="gpt"),
    )  # fmt: skip
    date, data = "2026-01-02T03:04:05+00:00", {"images": 4, "of": 4}
    values = Result("language", date, "abc-dirty", 1.0, {}, data, rows).values()
    evaluated = zoo.record_evaluation(card, "language", values)
    assert cross_entropy(evaluated) == 3.25
    assert ("suite language", "2026-01-02, commit abc with local changes") in measured_facts(evaluated)


def test_a_card_says_what_the_file_says(cards):
    card = cards["crate"]
    network, origin = dict(network_facts(card)), dict(origin_facts(card))
    assert network["layers × heads"] == f"{card.layers} × {card.heads}"
    assert network["step size η"] == "0.1 in every layer"
    assert origin["epoch"] == card.provenance["epoch"] == 7
    assert origin["checkpoint"] == "crate.pth.tar"
    assert card.provenance["sha256"].startswith(origin["its SHA-256"].rstrip("…"))
    assert dict(input_facts(card))["patches (pixels)"] == "4 × 4"
