"""The Embeddings page: neighbours, codes, the picture of all rows, the curves, and models without a tokenizer."""

import base64
import html
import json

import numpy as np
import pytest
import streamlit as st

from explorer import zoo
from explorer.evaluation.embedding import ALONE, GAUSSIAN, LEFT, LEFT_ALIKE
from explorer.evaluation.record import CONTROL, MODEL, Result, Row
from explorer.inputs import prepare_text, token_name
from explorer.measures.texts import TOKEN_KINDS, token_kind
from tests.pages.conftest import ROOT
from tests.pages.test_every_page import texts
from tests.pages.test_texts import start

PARTS = ("near", "code", "map", "curves")


@pytest.fixture
def words(word_card, monkeypatch, tmp_path):
    """A zoo of the tiny language model alone, in a folder that can be written to."""
    (tmp_path / "words.onnx").write_bytes(word_card.path.read_bytes())
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))
    monkeypatch.chdir(ROOT)
    st.cache_resource.clear()
    return zoo.read_card(tmp_path / "words.onnx")


def charts(tested) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in tested.get("plotly_chart")]


def numbers(values) -> np.ndarray:
    """Numbers of a chart: a list, or base64 as Plotly packs arrays."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
    return np.array(values)


def nearest(tested, rows: np.ndarray, counts: np.ndarray | int) -> float:
    """The largest cosine of another row with that of the token in view."""
    token = tested.segmented_control(key="row").value
    rows = rows - np.average(rows, axis=0, weights=np.broadcast_to(counts, len(rows)))
    cosines = rows @ rows[token] / np.linalg.norm(rows, axis=1) / np.linalg.norm(rows[token])
    return float(np.delete(cosines, token).max())


def evaluated(card) -> None:
    rows = [
        Row(measure, who, 0.5 / at, 200, method="dictionary", on="16 atoms", at=at)
        for measure in (LEFT, LEFT_ALIKE) for who in (MODEL, CONTROL, "earlier", GAUSSIAN) for at in (1, 2)
    ]  # fmt: skip
    rows += [Row(measure, ALONE, 0.75, 200, on="16 atoms", at=1) for measure in (LEFT, LEFT_ALIKE)]
    counts = np.arange(card.vocabulary)[::-1].tolist()
    data = {"sources": ["mats"], "part": "train", "images": 200, "of": 200}
    settings = {"counts": counts, "counted_tokens": sum(counts)}
    values = Result("embedding", "2026-01-02T03:04:05+00:00", "", 1.0, settings, data, tuple(rows)).values()
    zoo.record_evaluation(card, "embedding", values)


@pytest.mark.parametrize("part", PARTS)
def test_every_part(words, part):
    tested = start("embeddings", embeddings=part, atoms="64")
    assert not tested.exception
    assert not tested.error
    if part == "curves":
        assert "--suite embedding" in texts(tested)
    else:
        assert f"{words.vocabulary} tokens, each a row of 8 numbers" in texts(tested)
        assert "All count alike" in texts(tested)


def test_neighbours_are_those_of_the_rows(words):
    tested = start("embeddings", word="cat")
    trained, control = charts(tested)
    expected = nearest(tested, zoo.load_readout(words).embedding, 1)
    assert numbers(trained["data"][0]["x"])[0] == pytest.approx(expected, abs=1e-5)
    assert len(numbers(control["data"][0]["x"])) == len(numbers(trained["data"][0]["x"])) == 14
    assert trained["layout"]["xaxis"]["range"] == control["layout"]["xaxis"]["range"]


@pytest.mark.parametrize("word", ["", "mat", "🐕‍🦺", "<b>", "a b c"])
def test_any_word_works(words, word):
    for part in ("near", "code"):
        tested = start("embeddings", embeddings=part, word=word, atoms="64")
        assert not tested.exception
        assert not tested.error


def test_a_code_says_what_it_leaves(words):
    tested = start("embeddings", embeddings="code", word="cat", atoms="64", nonzeros="2")
    said = texts(tested)
    assert "in 2 of 64 atoms" in said
    assert "Left over of all rows" in said
    assert "Gaussian rows" in said
    assert len(tested.dataframe[0].value) <= 2
    tested.select_slider(key="atoms").set_value(512).run()
    assert not tested.exception
    assert "every token is its own atom" in texts(tested)


def test_a_large_vocabulary_is_learned_from_in_part(words, monkeypatch):
    monkeypatch.setattr("explorer.ui.sections.embeddings.rows.MOST_LEARNED", 100)
    tested = start("embeddings", embeddings="code", row=str(words.vocabulary - 1), atoms="64", nonzeros="2")
    assert not tested.exception
    assert "in 2 of 64 atoms" in texts(tested)


def test_all_rows_are_drawn_with_the_atoms(words):
    (figure,) = charts(start("embeddings", embeddings="map", with_atoms="True", atoms="64"))
    assert figure["data"][-1]["name"] == "atoms"
    assert sum(len(group["customdata"]) for group in figure["data"]) == words.vocabulary + 64
    (figure,) = charts(start("embeddings", embeddings="map", row_colour="rank", weights="control"))
    assert len(figure["data"][0]["customdata"]) == words.vocabulary


def test_a_word_is_marked_on_the_map_with_its_neighbours(words):
    tested = start("embeddings", embeddings="map", word="cat, zebra")
    assert not tested.exception
    (figure,) = charts(tested)
    groups = {group["name"]: group for group in figure["data"]}
    tokens = {name: [point[0] for point in groups[name]["customdata"]] for name in ("found", "nearest to it")}
    assert tokens["found"] == ["␣cat", "cat"]
    rows = zoo.load_readout(words).embedding
    rows = rows - rows.mean(axis=0)
    own = prepare_text(" cat", words.tokenizer, 16).data[0, 0]
    cosines = rows @ rows[own] / np.linalg.norm(rows, axis=1) / np.linalg.norm(rows[own])
    near = [token_name(words, int(token)) for token in np.argsort(-cosines)[1:9]]
    assert tokens["nearest to it"] == [html.escape(name) for name in near if name not in tokens["found"]]
    assert all(group["marker"]["opacity"] < 0.3 for name, group in groups.items() if name not in tokens)
    said = texts(tested).replace("\\", "")
    assert "no single token: zebra" in said
    assert "␣cat** (word with its blank) lies nearest to" in said
    assert "nearest to a token" in said


def test_what_was_measured_is_drawn_beside_grey(words):
    evaluated(words)
    tested = start("embeddings", embeddings="curves")
    assert not tested.exception
    said = texts(tested)
    assert "Rows of the 200 most frequent tokens" in said
    assert "leaves 75.0% and 75.0%" in said
    for figure in charts(tested):
        assert [trace["name"] for trace in figure["data"]] == ["words", "earlier", GAUSSIAN, CONTROL]
        assert numbers(figure["data"][0]["y"])[1] == 0.25
    for counting in ("alike", "often"):
        near = start("embeddings", word="cat", counting=counting)
        assert not near.exception
        rows, weights = (
            zoo.load_readout(words).embedding,
            np.arange(words.vocabulary)[::-1] if counting == "often" else 1,
        )
        assert numbers(charts(near)[0]["data"][0]["x"])[0] == pytest.approx(nearest(near, rows, weights), abs=1e-5)
    models = start("models")
    assert not models.exception
    assert len(models.get("plotly_chart")) == 2


def test_without_a_tokenizer_tokens_are_numbers(text_cards, monkeypatch):
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(text_cards["gpt"].path.parent))
    monkeypatch.chdir(ROOT)
    st.cache_resource.clear()
    for part in PARTS:
        tested = start("embeddings", lm="gpt", embeddings=part, row="3", atoms="64")
        assert not tested.exception
        assert not tested.error


def test_kinds_of_tokens():
    kinds = {
        " sea": 0,
        "\nSea": 0,
        "sea": 1,
        "é": 1,
        "'s": 1,
        "12": 2,
        " 7": 2,
        ",": 3,
        " —": 3,
        "": 4,
        "  ": 4,
        "\ufffd": 4,
    }
    assert {text: token_kind(text) for text in kinds} == kinds
    assert len(TOKEN_KINDS) == 5
