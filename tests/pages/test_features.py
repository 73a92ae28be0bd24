"""The Features page: codes of a token, of a word, all codes, and a model without an index."""

import numpy as np
import pytest
import streamlit as st

from explorer import zoo
from explorer.inputs import prepare_text
from explorer.studies.features import index_bytes, make_index, path_of
from tests.pages.conftest import ROOT
from tests.pages.test_every_page import texts
from tests.pages.test_texts import start

TEXT = "the cat sat on the mat"


@pytest.fixture
def words(word_card, monkeypatch, tmp_path):
    """A zoo of the tiny language model with its index."""
    (tmp_path / "words.onnx").write_bytes(word_card.path.read_bytes())
    card = zoo.read_card(tmp_path / "words.onnx")
    tokens = np.tile(prepare_text(TEXT, card.tokenizer, 16).data[0], 20)
    path_of(card).write_bytes(index_bytes(make_index(card, tokens, lambda share: None), card, {"data": "mats"}))
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))
    monkeypatch.chdir(ROOT)
    st.cache_resource.clear()
    return card


@pytest.mark.parametrize("part", ["token", "word", "all"])
def test_every_part(words, part):
    tested = start("features", text=TEXT, features=part, word="cat")
    assert not tested.exception
    assert not tested.error
    assert "tokens of mats" in texts(tested)


def test_the_strongest_code_of_the_token_is_shown(words):
    tested = start("features", text=TEXT, layer="2")
    said = texts(tested)
    number = tested.number_input(key="code").value
    assert f"Code {number} of layer 2" in said
    assert "Where it is strongest" in said
    tested.number_input(key="code").set_value(3).run()
    assert "Code 3 of layer 2" in texts(tested)
    assert not tested.exception


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
