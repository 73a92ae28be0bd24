"""Compare on texts: two to four language models on the same tokens, a run as a film, and what is refused."""

import dataclasses
import shutil

import numpy as np
import onnx
import pytest

from explorer import zoo
from explorer.card import METADATA_KEY
from explorer.evaluation.language import BIGRAM
from explorer.evaluation.record import MODEL, Result, Row
from explorer.inputs import prepare_words, token_name
from explorer.trace import Knobs
from explorer.ui.sections.compare.texts import expected_tokens
from explorer.ui.view.text import make_text_view
from explorer.words import TEXT_SCALES
from tests.pages.test_every_page import texts
from tests.pages.test_texts import reads  # noqa: F401 (a fixture)

EPOCHS = {"start": 0, "middle": 0.25, "end": 1}


@pytest.fixture
def run_of_words(word_card, reads, monkeypatch, tmp_path):  # noqa: F811
    """Three checkpoints of one run, all with the weights of `words`, with a cost in each card; returns the app."""
    data = {"sources": ["made"], "part": "val", "images": 9, "of": 9}
    for name, epoch in EPOCHS.items():
        model = onnx.load(word_card.path)
        entry = next(e for e in model.metadata_props if e.key == METADATA_KEY)
        entry.value = dataclasses.replace(word_card, provenance={"run": "made", "epoch": epoch}).to_metadata()
        card = zoo.install(model.SerializeToString(), name, tmp_path)
        rows = tuple(Row("cross-entropy", who, 5 - epoch, 9, on="token") for who in (MODEL, BIGRAM))
        result = Result("language", "2026-01-02T03:04:05+00:00", "abc", 1.0, {}, data, rows)
        zoo.record_evaluation(card, "language", result.values())
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))
    return reads


def test_four_models_stand_beside_each_other(run_of_words):
    others = {"b": "middle", "c": "start", "d": "start", "d_runs": "init"}
    tested = run_of_words("compare", on="text", lm="end", text="the cat", **others)
    assert not tested.exception
    assert not tested.error
    (table,) = [frame.value for frame in tested.dataframe]
    assert list(table.columns) == [
        "token", "A · end, epoch 1", "B · middle, epoch 0.25", "C · start, epoch 0", "D · start, random init",
    ]  # fmt: skip
    np.testing.assert_allclose(table.iloc[:, 1], table.iloc[:, 2])  # the same weights
    assert not np.allclose(table.iloc[:, 1], table.iloc[:, 4])


def test_differences_of_all_stand_in_one_table(run_of_words):
    tested = run_of_words(
        "compare", on="text", lm="end", comparison="numbers", b="middle", c="start", c_runs="init", pair="C"
    )
    assert not tested.exception
    assert not tested.error
    table = tested.dataframe[0].value
    assert len(table) == len(TEXT_SCALES)
    same, other = table["A → B"], table["A → C"]
    assert list(same) == ["0.000", "1.000", "0.000", "0.000", "1.000", "0.000", "1.000", "1.000", "0.000"]
    assert other[0] != "0.000"
    assert "KL(A ‖ C)" in texts(tested)


def test_alone_there_is_nothing_to_tell_apart(run_of_words):
    tested = run_of_words("compare", on="text", lm="end", comparison="numbers")
    tested.selectbox(key="b").set_value("").run()
    assert not tested.exception
    assert "Choose a model for B" in texts(tested)


def test_a_run_is_a_film_of_what_its_checkpoints_expect(run_of_words):
    tested = run_of_words("compare", on="text", lm="end", comparison="film", text="the cat saw")
    assert not tested.exception
    assert not tested.error
    table = tested.dataframe[0].value
    assert list(table["epoch"]) == ["0", "0.25", "1"]
    assert list(table.iloc[:, 2]) == ["–"] * 3  # nothing follows the last token
    tested.select_slider(key="text_shot").set_value(0).run()
    assert "Surprise at epoch 0" in texts(tested)
    titles = [chart.proto.spec for chart in tested.get("plotly_chart")]
    assert sum("Held-out books, from the cards" in title for title in titles) == 1
    assert any("Kneser" in title for title in titles)
    tested.toggle(key="film_playing").set_value(True).run()
    assert not tested.exception


def test_one_token_is_no_film(run_of_words):
    tested = run_of_words("compare", on="text", lm="end", comparison="film", text="a")
    assert not tested.exception
    assert "no surprise" in texts(tested)


def test_models_of_other_tokens_are_refused(run_of_words, text_cards, tmp_path):
    shutil.copy(text_cards["square"].path, tmp_path / "square.onnx")
    tested = run_of_words("compare", on="text", lm="end", b="square")
    assert not tested.exception
    assert "only models of one tokenizer fit" in texts(tested)


def test_a_page_of_either_goes_over_to_text_and_back(run_of_words):
    tested = run_of_words("compare", lm="end")
    assert "no model of pictures" in texts(tested)
    tested.sidebar.segmented_control(key="look_at").set_value("text").run()
    assert not tested.exception
    assert tested.query_params["on"] == "text"
    assert "Surprise" in texts(tested)
    tested.switch_page("pages/subspaces.py").run()  # the choice goes along
    assert "In the text" in texts(tested)
    tested.sidebar.segmented_control(key="look_at").set_value("pictures").run()
    assert "on" not in tested.query_params


def test_what_is_expected_is_what_the_scores_say(word_card):
    view = make_text_view(word_card, prepare_words("the cat saw the dog", word_card), Knobs())
    shares = np.exp(view.trace.logits[0].astype(float))
    shares /= shares.sum(axis=1, keepdims=True)
    own = -np.log(shares[np.arange(len(shares) - 1), view.tokens[1:]])
    np.testing.assert_allclose(view.next_tokens().surprise, own, rtol=1e-4)
    said = expected_tokens(view, count=2)
    assert len(said) == len(view.tokens)
    for line, row in zip(said, shares, strict=True):
        first, second = np.argsort(-row)[:2]
        shown = ["<1%" if row[n] < 0.01 else f"{row[n]:.0%}" for n in (first, second)]
        names = [token_name(word_card, int(n)) for n in (first, second)]
        assert line == ", ".join(f"{name} {share}" for name, share in zip(names, shown, strict=True))
