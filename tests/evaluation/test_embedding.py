"""The embedding suite: what a tiny language model's rows leave over, beside the control and Gaussian rows."""

import json

import numpy as np
import pytest

from explorer import zoo
from explorer.errors import ExplorerError
from explorer.evaluation.embedding import ALONE, AUTOENCODER, DICTIONARY, GAUSSIAN, LEFT, LEFT_ALIKE
from explorer.evaluation.record import CONTROL, MODEL
from explorer.evaluation.suites import evaluate
from explorer.measures.texts.embedding import gaussian_rows, learn_dictionary, row_weights


@pytest.fixture
def drawn(word_card, tmp_path):
    """Prepared text with the tokens of the tiny model, drawn by a law of Zipf; the last ten never occur."""
    (tmp_path / "tokenizer.json").write_text(word_card.tokenizer)
    often = 1 / np.arange(1, word_card.vocabulary - 9)
    tokens = np.random.default_rng(0).choice(len(often), 20_000, p=often / often.sum())
    for part in ("train", "val"):
        (tmp_path / part).mkdir()
        np.save(tmp_path / part / "tokens.npy", tokens.astype(np.uint16))
        (tmp_path / part / "about.json").write_text(json.dumps({"sources": ["drawn"]}))
    return tmp_path


def test_every_matrix_is_coded_alike(word_card, drawn):
    result = evaluate(word_card, "embedding", drawn)
    counts = np.array(result.settings["counts"])
    assert counts.sum() == result.settings["counted_tokens"] == 20_000
    assert len(counts) == word_card.vocabulary
    values = {(row.measure, row.who, row.method, row.on, row.at): row.value for row in result.rows}
    assert len(values) == len(result.rows)
    kept = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    assert result.data["images"] == len(kept) <= word_card.vocabulary - 10
    rows, weights = zoo.load_readout(word_card).embedding[kept], row_weights(counts[kept])
    for who, own in ((MODEL, rows), (GAUSSIAN, gaussian_rows(rows, weights))):
        expected = learn_dictionary(own, weights, 16, 4).error
        assert values[LEFT, who, DICTIONARY, "16 atoms", 4] == pytest.approx(expected, rel=1e-4)
    for measure in (LEFT, LEFT_ALIKE):
        for who in (MODEL, CONTROL, GAUSSIAN):
            for atoms in ("16 atoms", "32 atoms"):
                curve = [values[measure, who, DICTIONARY, atoms, at] for at in (1, 2, 4)]
                assert 1 > curve[0] > curve[1] > curve[2] > 0
        assert values[measure, ALONE, "", "32 atoms", 1] < values[measure, ALONE, "", "16 atoms", 1] < 1
    assert (LEFT, MODEL, AUTOENCODER, "16 atoms", 2) in values
    assert (LEFT, MODEL, AUTOENCODER, "32 atoms", 2) not in values
    assert {row.at for row in result.rows} == {1, 2, 4}  # 8 non-zeros write any row of 8 numbers


def test_the_most_frequent_rows_are_kept(word_card, drawn):
    result = evaluate(word_card, "embedding", drawn, limit=40)
    assert {row.images for row in result.rows} == {40}
    assert {row.on for row in result.rows} == {"16 atoms", "32 atoms"}


def test_another_model_is_coded_as_the_first(word_card, drawn):
    result = evaluate(word_card, "embedding", drawn, against=[word_card], limit=40)
    by_who = {who: [row.value for row in result.rows if row.who == who] for who in (MODEL, word_card.name)}
    assert by_who[MODEL] == by_who[word_card.name]
    assert len(by_who[MODEL]) == 15  # 3 L0 × (2 sizes × 2 weightings + the autoencoder)


def test_too_few_tokens_are_said(word_card, drawn):
    with pytest.raises(ExplorerError, match="more than 16 are needed"):
        evaluate(word_card, "embedding", drawn, limit=16)
