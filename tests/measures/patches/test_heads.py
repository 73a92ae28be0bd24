"""One number for each head: by hand, against a loop over dense rows, and what even attention gives."""

import numpy as np
import pytest

from explorer.measures.patches import attention_rows, heads
from explorer.measures.patches.heads import photo_head_numbers, share_on, text_head_numbers

GRID, TOKENS, HEADS, WIDTH = (3, 4), 13, 2, 5


def projections(tokens: int = TOKENS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((HEADS, tokens, WIDTH)) * 2, rng.standard_normal((HEADS, tokens, WIDTH)) * 2


def entropy(row: np.ndarray) -> float:
    return float(-sum(share * np.log(share) for share in row if share > 0))


def test_a_head_on_a_photo_is_the_mean_over_its_rows():
    query, key = projections()
    found = photo_head_numbers(query, key, GRID, side=0.5)
    for k in range(HEADS):
        even, far, own, cls = [], [], [], []
        for token in range(1, TOKENS):
            row = attention_rows(query, key, token)[k]
            here = divmod(token - 1, GRID[1])
            away = [0.5 * np.hypot(*np.subtract(here, divmod(j, GRID[1]))) for j in range(TOKENS - 1)]
            even.append(entropy(row) / np.log(TOKENS))
            far.append(np.average(away, weights=row[1:]))
            own.append(row[token])
            cls.append(row[0])
        of_cls = attention_rows(query, key, 0)[k]
        expected = {
            "evenness": np.mean(even), "distance": np.mean(far), "itself": np.mean(own), "cls": np.mean(cls),
            "cls_evenness": entropy(of_cls) / np.log(TOKENS),
        }  # fmt: skip
        assert found.keys() == set(heads.PHOTO_NUMBERS)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][k], value, rtol=1e-9, err_msg=name)


def test_the_share_on_some_patches_leaves_cls_out():
    query, key = projections()
    inside = np.zeros(GRID, bool)
    inside[1:, 2] = True
    rows = attention_rows(query, key, 0)
    expected = rows[:, 1:].reshape(HEADS, *GRID)[:, 1:, 2].sum(axis=1) / (1 - rows[:, 0])
    np.testing.assert_allclose(share_on(query, key, inside), expected, rtol=1e-9)
    assert np.isnan(share_on(query, key, np.zeros(GRID, bool))).all()


def test_a_head_on_a_text_is_the_mean_over_all_tokens_but_the_first():
    query, key = projections(11)
    found = text_head_numbers(query, key)
    for k in range(HEADS):
        rows = [attention_rows(query, key, token, causal=True)[k] for token in range(11)]
        expected = {
            "evenness": [entropy(rows[t]) / np.log(t + 1) for t in range(1, 11)],
            "distance": [sum((t - j) * rows[t][j] for j in range(11)) for t in range(1, 11)],
            "itself": [rows[t][t] for t in range(1, 11)],
            "before": [rows[t][t - 1] for t in range(1, 11)],
            "last": [rows[t][max(0, t - 8) : t].sum() for t in range(1, 11)],
            "first": [rows[t][0] for t in range(1, 11)],
        }
        assert found.keys() == set(heads.TEXT_NUMBERS)
        for name, values in expected.items():
            np.testing.assert_allclose(found[name][k], np.mean(values), rtol=1e-9, err_msg=name)


def test_even_attention_by_hand():
    zeros = np.zeros((1, 5, 3))
    photo = {name: float(value[0]) for name, value in photo_head_numbers(zeros, zeros, (2, 2)).items()}
    far = (0 + 1 + 1 + np.sqrt(2)) / 4
    assert photo == pytest.approx(
        {"evenness": 1, "distance": far, "itself": 1 / 5, "cls": 1 / 5, "cls_evenness": 1}, rel=1e-12
    )
    text = {name: float(value[0]) for name, value in text_head_numbers(zeros[:, :3], zeros[:, :3]).items()}
    share = (1 / 2 + 1 / 3) / 2
    expected = {
        "evenness": 1, "distance": (1 / 2 + 1) / 2, "itself": share, "before": share, "first": share,
        "last": (1 / 2 + 2 / 3) / 2,
    }  # fmt: skip
    assert text == pytest.approx(expected, rel=1e-12)


def test_large_grids_are_read_at_evenly_spaced_patches(monkeypatch):
    query, key = projections()
    monkeypatch.setattr(heads, "MAX_QUERIES", 3)
    found = photo_head_numbers(query, key, GRID)
    own = [[attention_rows(query, key, token)[k, token] for token in (1, 6, 12)] for k in range(HEADS)]
    np.testing.assert_allclose(found["itself"], np.mean(own, axis=1), rtol=1e-9)


def test_one_token_has_no_choice_and_what_does_not_fit_is_refused():
    one = np.ones((2, 1, 3))
    assert all(np.isnan(values).all() for values in text_head_numbers(one, one).values())
    with pytest.raises(ValueError, match="of 12 patches and CLS"):
        photo_head_numbers(*projections(12), GRID)
