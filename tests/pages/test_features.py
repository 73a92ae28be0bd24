"""The Features page: codes of a token, of words, all codes, one in detail, one turned, and a model without an index."""

import numpy as np
import pytest
import streamlit as st

from explorer import runtime, zoo
from explorer.inputs import prepare_text
from explorer.measures.texts import logit_effect
from explorer.studies.features import index_bytes, make_index, path_of
from explorer.studies.turn_code import turn_code
from explorer.trace import Knobs
from tests.pages.conftest import ROOT
from tests.pages.test_every_page import texts
from tests.pages.test_texts import start

TEXT = "the cat sat on the mat"
BOOK = {"data": "mats", "documents": [["The_Cat_1900", 0]]}


@pytest.fixture
def words(word_card, monkeypatch, tmp_path):
    """A zoo of the tiny language model with its index."""
    (tmp_path / "words.onnx").write_bytes(word_card.path.read_bytes())
    card = zoo.read_card(tmp_path / "words.onnx")
    tokens = np.tile(prepare_text(TEXT, card.tokenizer, 16).data[0], 20)
    path_of(card).write_bytes(index_bytes(make_index(card, tokens, lambda share: None), card, BOOK))
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))
    monkeypatch.chdir(ROOT)
    st.cache_resource.clear()
    return card


def written(tested) -> str:
    """All that the page says as HTML."""
    return " ".join(html.proto.body for html in tested.get("html"))


@pytest.mark.parametrize("part", ["token", "word", "list", "all"])
def test_every_part(words, part):
    tested = start("features", text=TEXT, features=part, word="cat")
    assert not tested.exception
    assert not tested.error
    assert "tokens of mats" in texts(tested)
    assert "The Cat 1900" in texts(tested)


def test_the_strongest_code_of_the_token_is_shown_and_its_contexts(words):
    tested = start("features", text=TEXT, layer="2")
    said = texts(tested)
    number = tested.number_input(key="code").value
    assert f"Code {number} of layer 2" in said
    assert "Where it is strongest" in said
    assert "In the weakest fifth" in said
    assert "The Cat 1900" in written(tested)
    assert written(tested).count("outline:1.5px") > 3  # one framed token a context
    tested.number_input(key="code").set_value(3).run()
    assert "Code 3 of layer 2" in texts(tested)
    assert not tested.exception


def test_the_code_stays_when_the_way_of_searching_changes(words):
    tested = start("features", text=TEXT, layer="2", place="2")
    first = tested.number_input(key="code").value
    for part in ("word", "list", "token"):
        tested.segmented_control(key="features").set_value(part).run()
        assert tested.number_input(key="code").value == first
    tested.number_input(key="code").set_value(7).run()
    for part in ("list", "all", "word"):
        tested.segmented_control(key="features").set_value(part).run()
    assert tested.number_input(key="code").value == 7
    assert not tested.exception


def test_the_example_of_the_empty_box_finds_codes(words):
    tested = start("features", text=TEXT, features="word")
    example = tested.text_input(key="word").placeholder.removeprefix("such as: ")
    assert example
    next(button for button in tested.button if button.label.startswith("Try")).click().run()
    assert tested.text_input(key="word").value == example
    assert len(tested.dataframe[0].value) > 0
    for way in ("fires", "speaks"):
        tested.segmented_control(key="find_by").set_value(way).run()
        assert not tested.exception
        assert len(tested.dataframe[0].value) > 0


def test_a_theme_is_searched_by_what_codes_speak_for(words):
    tested = start("features", text=TEXT, features="word", word="cat, mat, zebra", find_by="speaks")
    assert "zebra" in texts(tested)  # several tokens: left out
    found = tested.dataframe[0].value
    assert found["raised"].is_monotonic_decreasing
    best = found.iloc[0]
    atom = zoo.load_atoms(words, int(best["layer"]))[int(best["code"])]
    effect = logit_effect(atom, zoo.load_readout(words))
    forms = [prepare_text(form, words.tokenizer, 16).data[0] for word in ("cat", "mat") for form in (word, f" {word}")]
    tokens = sorted({int(form[0]) for form in forms if len(form) == 1})
    assert best["raised"] == pytest.approx((effect[tokens] / effect.std()).mean(), rel=1e-3)


def test_the_list_has_every_code(words):
    tested = start("features", text=TEXT, features="list", layer="1")
    assert list(tested.dataframe[0].value["code"]) == list(range(32))
    tested.segmented_control(key="code_layers").set_value("all").run()
    rows = tested.dataframe[0].value
    assert len(rows) == 64
    atoms = zoo.load_atoms(words, 2)
    unit = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
    own = rows[(rows["layer"] == 2) & (rows["code"] == 5)].iloc[0]
    assert own["cosine"] == pytest.approx(np.delete(unit @ unit[5], 5).max(), rel=1e-4)


def test_a_turned_code_changes_the_next_token_as_the_study_says(words):
    tested = start("features", text=TEXT, layer="1", code="3", code_view="turn", code_gain="20.0")
    assert not tested.exception
    prepared = prepare_text(TEXT, words.tokenizer, words.context)
    model = runtime.open_model(words, code_gain=True)
    turned = turn_code(model, prepared, Knobs(), 1, 3, 20.0, prepared.data.shape[1] - 1)
    said = texts(tested)
    if turned.fires.any():
        assert f"KL {turned.divergence:.3g} nats" in said
    else:
        assert "Nothing changes" in said
    tested.selectbox(key="turn_on").set_value("1").run()
    assert not tested.exception
    assert "Times 20" in texts(tested)
    tested.select_slider(key="code_gain").set_value(1.0).run()
    assert "nothing is changed" in texts(tested)


def test_a_word_that_nothing_fires_on(words):
    tested = start("features", text=TEXT, features="word", word="zebra")
    assert not tested.exception
    assert "Looked for" in texts(tested)


def test_without_an_index_the_codes_of_a_token_are_there(words):
    path_of(words).unlink()
    tested = start("features", text=TEXT)
    assert not tested.exception
    assert "crate-explorer features words" in texts(tested).replace("\\", "")
    assert "The strongest codes at" in texts(tested)
