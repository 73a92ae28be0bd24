"""Tokens in front of the patches: none, a class token, registers; whichever they are, the patches are the last."""

from types import SimpleNamespace

import numpy as np
import pytest

from explorer.families.vit import VIT
from explorer.measures.pairs import compare_attention
from explorer.measures.patches import (
    attention,
    attention_rows,
    carry_tokens,
    mean_attention,
    place_attention,
    segment_trace,
)
from explorer.measures.patches.attention import tokens_in_front
from explorer.measures.patches.cloud import cloud_clusters
from explorer.measures.patches.grid import Patches, matching_tokens
from explorer.measures.patches.heads import photo_head_numbers
from explorer.measures.patches.projection import patch_features
from explorer.trace import Trace

GRID = (3, 4)
FRONTS = ((), ("CLS",), ("CLS", "register 1", "register 2"), ("register 1",))


def looks(front: int, seed: int = 0) -> np.ndarray:
    """Query or key (K,N,p); those of the patches are the same whatever stands in front."""
    rng = np.random.default_rng(seed)
    patches, others = rng.standard_normal((2, 12, 5)), rng.standard_normal((2, 9, 5))
    return np.concatenate([others[:, :front], patches], axis=1).astype(np.float32)


def trace_with(prefix: tuple[str, ...]) -> Trace:
    card = SimpleNamespace(
        name="planted", layers=1, heads=2, patch=4, has_subspaces=False, traits=VIT, prefix=prefix, reads_text=False,
        has_class_token=prefix[:1] == ("CLS",),
    )  # fmt: skip
    points = {"query.1": looks(len(prefix), 1)[None], "key.1": looks(len(prefix), 2)[None]}
    return Trace(card, points, GRID, stride=4)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("prefix", FRONTS)
def test_a_patch_is_a_place_whatever_stands_in_front(prefix):
    trace, front = trace_with(prefix), len(prefix)
    expected = attention_rows(*trace.query_key(1), front + 6)[:, front:].reshape(2, *GRID)
    np.testing.assert_allclose(place_attention(trace, 1, token=7), expected, rtol=1e-12)


def test_without_a_class_token_the_whole_photo_is_the_mean_of_the_patches():
    for prefix in FRONTS:
        trace, front = trace_with(prefix), len(prefix)
        rows = [attention_rows(*trace.query_key(1), front + i) for i in range(12)]
        expected = attention_rows(*trace.query_key(1), 0) if prefix[:1] == ("CLS",) else np.mean(rows, axis=0)
        found = place_attention(trace, 1)
        np.testing.assert_allclose(found, expected[:, front:].reshape(2, *GRID), rtol=1e-5, atol=1e-7)


def test_of_many_patches_evenly_spaced_ones_are_asked(monkeypatch):
    monkeypatch.setattr(attention, "MOST_ASKED", 3)
    query, key = np.random.default_rng(0).standard_normal((2, 1, 6, 4))
    expected = np.mean([attention_rows(query, key, row) for row in (1, 3, 5)], axis=0)
    np.testing.assert_allclose(mean_attention(query, key, 1), expected, rtol=1e-5)


@pytest.mark.parametrize("method", ["maskcut", "pca", "kmeans", "subspace"])
def test_segments_are_of_the_patches_alone(method):
    found = [segment_trace(trace_with(prefix), method, layer=1).labels for prefix in FRONTS]
    for labels in found[1:]:
        np.testing.assert_array_equal(labels, found[0])


def test_the_cloud_labels_no_token_in_front():
    photos = np.stack([looks(3), looks(3, 5)])
    labels = cloud_clusters(photos, GRID, clusters=2)
    assert labels.shape == (2, 15)
    assert (labels[:, :3] == -1).all()
    assert (labels[:, 3:] >= 0).all()


def test_more_patches_than_tokens_are_refused():
    assert tokens_in_front(15, GRID) == 3
    for tokens, grid in ((11, GRID), (5, (0, 4))):
        with pytest.raises(ValueError, match="do not fit"):
            tokens_in_front(tokens, grid)
    np.testing.assert_array_equal(patch_features(looks(2), GRID), patch_features(looks(0), GRID))


def test_numbers_of_the_heads_count_from_the_patches():
    """Registers take their share, but no distance; without a class token what is of CLS is not known."""
    trace = trace_with(("CLS", "register 1", "register 2"))
    query, key = trace.query_key(1)
    found = photo_head_numbers(query, key, GRID)
    rows = np.stack([attention_rows(query, key, 3 + i) for i in range(12)], axis=1)
    np.testing.assert_allclose(found["itself"], np.mean([rows[:, i, 3 + i] for i in range(12)], axis=0), rtol=1e-5)
    np.testing.assert_allclose(found["cls"], rows[:, :, 0].mean(axis=1), rtol=1e-5)
    places = np.stack(np.divmod(np.arange(12), 4), axis=1)
    far = np.linalg.norm(places[:, None] - places, axis=-1)
    patches = rows[:, :, 3:]
    distance = ((patches * far).sum(axis=-1) / patches.sum(axis=-1)).mean(axis=1)
    np.testing.assert_allclose(found["distance"], distance, rtol=1e-5)
    bare = photo_head_numbers(looks(0, 1), looks(0, 2), GRID, class_token=False)
    assert np.isnan(bare["cls"]).all()
    assert np.isnan(bare["cls_evenness"]).all()
    assert np.isfinite(bare["distance"]).all()


# ---- two runs ----

A = Patches(12, 16, 4, 4, ("CLS", "register 1", "register 2"))
B = Patches(12, 16, 4, 4, ("CLS",))
NONE = Patches(12, 16, 4, 4, ())


def test_tokens_of_the_same_name_stand_for_one_another():
    own, other = matching_tokens(A, B)
    assert own.tolist() == [0, *range(3, 15)]
    assert other.tolist() == [0, *range(1, 13)]
    assert [rows.tolist() for rows in matching_tokens(A, NONE)] == [list(range(3, 15)), list(range(12))]
    assert [rows.tolist() for rows in matching_tokens(A, A)] == [list(range(15))] * 2


def test_carried_tokens_leave_out_what_has_no_counterpart():
    tokens = np.arange(13.0)[:, None]
    np.testing.assert_array_equal(carry_tokens(tokens, B, A), tokens)
    np.testing.assert_array_equal(carry_tokens(np.arange(15.0)[:, None], A, NONE)[:, 0], np.arange(3.0, 15.0))
    with pytest.raises(ValueError, match="15 tokens do not fit CLS and a grid"):
        carry_tokens(np.zeros((15, 1)), B, A)


@pytest.mark.parametrize("one", [A, B, NONE])
@pytest.mark.parametrize("other", [A, B, NONE])
def test_attention_to_the_patches_is_compared_whatever_stands_in_front(one, other):
    """The patches of both are the same, so what is scaled to them alone is the same: for one head exactly."""
    runs = [(looks(len(p.prefix), 1)[:1], looks(len(p.prefix), 2)[:1]) for p in (one, other)]
    found = compare_attention(*runs, one, other)
    np.testing.assert_allclose(found.patches, 0, atol=1e-6)
    if NONE in (one, other):
        assert found.cls is None
    else:
        assert found.cls == pytest.approx(0, abs=1e-6)
