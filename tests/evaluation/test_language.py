"""The language suite: counting models by brute force, costs by hand, and a tiny model end to end."""

import collections

import numpy as np
import pytest

from explorer import runtime
from explorer.dataset import open_text
from explorer.errors import ExplorerError
from explorer.evaluation.language import BIGRAM, TRIGRAM, UNIGRAM
from explorer.evaluation.ngrams import KneserNey, unigram_probabilities
from explorer.evaluation.record import CONTROL, MODEL
from explorer.evaluation.suites import evaluate
from explorer.measures.prediction import log_probabilities
from explorer.trace import Prepared
from explorer.training.prepare import prepare

WORDS = 5
TEXT = np.random.default_rng(0).integers(0, WORDS, 60) ** 2 % WORDS


def by_brute_force(text: np.ndarray, history: tuple[int, ...], word: int) -> float:
    """Interpolated Kneser–Ney with Counters, straight from the definition."""

    def level(order: int) -> collections.Counter:
        if order == 3:
            return collections.Counter(zip(text, text[1:], text[2:], strict=False))
        above = level(order + 1)
        return collections.Counter(key[1:] for key in above)

    def probability(history: tuple[int, ...], word: int) -> float:
        counts = level(len(history) + 1)
        lower = probability(history[1:], word) if history else 1 / WORDS
        once, twice = (sum(count == n for count in counts.values()) for n in (1, 2))
        discount = once / (once + 2 * twice) if once else 0.5
        behind = {key: count for key, count in counts.items() if key[:-1] == history}
        total = sum(behind.values())
        if not total:
            return lower
        return max(counts[*history, word] - discount, 0) / total + discount * len(behind) / total * lower

    return probability(history, word)


def test_kneser_ney_is_the_definition():
    model = KneserNey(TEXT, WORDS)
    held = np.random.default_rng(1).integers(0, WORDS, 30)
    found = model.probabilities(held)
    text = tuple(int(word) for word in TEXT)
    expected = [by_brute_force(np.array(text), tuple(held[max(n - 2, 0) : n]), int(held[n])) for n in range(1, 30)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("history", [(0,), (3,), (0, 1), (4, 4)])
def test_probabilities_add_up_to_one(order, history):
    model = KneserNey(TEXT, WORDS, order)
    total = sum(model.probabilities(np.array([*history, word]))[-1] for word in range(WORDS))
    assert total == pytest.approx(1, rel=1e-12)


def test_unigrams_by_hand():
    np.testing.assert_allclose(unigram_probabilities(np.array([1, 1, 2]), 4), [1 / 7, 3 / 7, 2 / 7, 1 / 7])


def test_orders_out_of_range():
    with pytest.raises(ValueError, match="order 2 or 3"):
        KneserNey(TEXT, WORDS, 4)


@pytest.fixture(scope="module")
def mats(tmp_path_factory):
    """Prepared text with the tokens of the tiny language model."""
    folder = tmp_path_factory.mktemp("mats")
    (folder / "raw").mkdir()
    for i in range(4):
        (folder / "raw" / f"{i}.txt").write_text("the cat sat on the mat. " * 20)
    prepare([folder / "raw"], folder / "texts", hold_out=0.25, vocabulary=270, licence="made")
    return folder / "texts"


def test_a_model_is_measured_beside_its_controls(word_card, mats):
    result = evaluate(word_card, "language", mats)
    held = open_text(mats / "val")
    count = (len(held.tokens) - 1) // 16
    assert result.data["images"] == count
    values = {(row.measure, row.on, row.who, row.minus): row for row in result.rows if row.at is None}
    windows = np.stack([held.tokens[16 * i : 16 * i + 17] for i in range(count)]).astype(np.int64)
    logits = runtime.run(runtime.open_model(word_card), Prepared(windows[:, :-1], None, ""), []).logits
    logs = np.take_along_axis(log_probabilities(logits), windows[:, 1:, None], axis=-1)
    cost = values["cross-entropy", "token", MODEL, ""]
    assert cost.value == pytest.approx(-logs.mean(), rel=1e-5)
    assert values["perplexity", "token", MODEL, ""].value == pytest.approx(np.exp(-logs.mean()), rel=1e-5)
    size = result.settings["bytes"]
    assert values["cross-entropy", "byte", MODEL, ""].value == pytest.approx(-logs.sum() / size, rel=1e-5)
    assert cost.low <= cost.value <= cost.high
    for who in (CONTROL, UNIGRAM, BIGRAM, TRIGRAM):
        assert values["cross-entropy", "token", who, ""].value > 0
    less = values["cross-entropy", "token", MODEL, TRIGRAM]
    assert less.value == pytest.approx(cost.value - values["cross-entropy", "token", TRIGRAM, ""].value)
    assert values["cross-entropy", "token", TRIGRAM, ""].value < 0.2  # the held-out text repeats the training text
    lens = [row for row in result.rows if row.measure == "logit lens" and row.who == MODEL]
    assert [row.at for row in lens] == [1, 2, 3]
    control = [row for row in result.rows if row.who == CONTROL]
    curves = {(row.measure, row.at) for row in control if row.measure in ("R^c", "non-zeros")}
    assert curves == {(measure, layer) for measure in ("R^c", "non-zeros") for layer in (1, 2)}


def test_suites_know_what_they_read(word_card, cards, mats, squares):
    with pytest.raises(ExplorerError, match="words has no suite accuracy: choose language"):
        evaluate(word_card, "accuracy", squares)
    with pytest.raises(ExplorerError, match="crate has no suite language: choose accuracy"):
        evaluate(cards["crate"], "language", mats)


def test_other_tokens_are_said(word_card, mats, tmp_path):
    prepare([mats.parent / "raw"], tmp_path / "other", hold_out=0.25, vocabulary=260)
    with pytest.raises(ExplorerError, match="other tokens than words"):
        evaluate(word_card, "language", tmp_path / "other")
