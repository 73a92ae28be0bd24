"""What codes speak for, by hand and against all effects at once; the search for codes by words."""

import numpy as np
import pytest

from explorer.measures.texts import (
    FoundCode,
    codes_for_words,
    codes_of_words,
    logit_effect,
    most_alike,
    promoted_words,
    promotion,
    theme_by_chance,
)
from explorer.trace import Readout
from tests.measures.texts.test_features import counted

RNG = np.random.default_rng(0)
ATOMS, EMBEDDING = RNG.standard_normal((5, 4)), RNG.standard_normal((9, 4))
NORMS = [(RNG.standard_normal(4), RNG.standard_normal(4)), "rms", None]


def test_logit_effect_by_hand():
    """E of three tokens, scale (1,2): the atom (3,1) is centred to (1,−1), scaled to (1,−2)."""
    embedding = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    scored = np.array([1.0, -2.0, -1.0])
    readout = Readout(embedding, (np.array([1.0, 2.0]), np.zeros(2)), 1e-5)
    np.testing.assert_allclose(logit_effect(np.array([3.0, 1.0]), readout), scored - scored.mean())
    plain = logit_effect(np.array([3.0, 1.0]), Readout(embedding, None, 0.0))
    np.testing.assert_allclose(plain, np.array([1, -1, 0]))


@pytest.mark.parametrize("norm", NORMS, ids=["layer", "rms", "none"])
def test_promotion_is_the_standardised_effect(norm):
    readout = Readout(EMBEDDING, norm, 1e-5)
    effects = np.stack([logit_effect(atom, readout) for atom in ATOMS])
    np.testing.assert_allclose(logit_effect(ATOMS, readout), effects)
    expected = effects[:, [2, 7]] / effects.std(axis=1, keepdims=True)
    np.testing.assert_allclose(promotion(ATOMS, readout, [2, 7]), expected)
    np.testing.assert_array_equal(promoted_words(ATOMS, readout, 3), np.argsort(-effects, axis=1)[:, :3])
    assert promotion(np.zeros((1, 4)), readout, [2]) == 0


def test_the_codes_for_a_theme_raise_it_most():
    """In falling order of what a theme is raised by on average; what lowers it is not found."""
    readout, layers = Readout(EMBEDDING, None, 0.0), [ATOMS[:3], ATOMS[2:]]
    theme = promoted_words(ATOMS, readout, 2)[0].tolist()
    raised = np.stack([promotion(part, readout, theme) for part in layers])
    found = codes_for_words(layers, readout, theme, 10)
    assert [one.score for one in found] == pytest.approx(sorted(raised.mean(axis=-1)[raised.mean(axis=-1) > 0])[::-1])
    assert [one.hits for one in found] == [(raised[one.layer - 1, one.code] > 2).sum() for one in found]


def test_a_theme_by_chance_is_the_best_code_of_drawn_words():
    readout, layers = Readout(EMBEDDING, None, 0.0), [ATOMS[:3], ATOMS[3:]]
    drawn = np.random.default_rng(0).integers(0, 9, 40).reshape(20, 2)
    best = [max(promotion(ATOMS, readout, theme).mean(axis=1)) for theme in drawn.tolist()]
    assert theme_by_chance(layers, readout, 2) == pytest.approx(np.median(best))


def test_the_codes_of_words_by_hand():
    index = counted()
    first, second = codes_of_words(index, {5}, 10)
    assert (first, second.layer, second.code, second.hits) == (FoundCode(1, 1, 1.0, 1), 1, 0, 1)
    assert second.score == pytest.approx(6 / 7)
    both = codes_of_words(index, {5, 3}, 10)[0 if codes_of_words(index, {5, 3}, 10)[0].code == 0 else 1]
    assert (both.score, both.hits) == (pytest.approx(1), 2)
    assert codes_of_words(index, {5}, 1) == [first]
    assert codes_of_words(index, {0}, 10) == []


def test_the_most_alike_by_hand():
    near, cosines = most_alike(np.array([[1.0, 0], [2, 0], [0, 1], [-1, 1]]))
    assert near.tolist() == [1, 0, 3, 2]
    np.testing.assert_allclose(cosines, [1, 1, np.sqrt(0.5), np.sqrt(0.5)])
    assert most_alike(np.ones((1, 2)))[1].tolist() == [0]
