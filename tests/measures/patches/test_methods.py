"""Segmentations from a trace, by every method."""

import dataclasses
import importlib
from types import SimpleNamespace

import numpy as np
import pytest

from explorer.errors import ExplorerError
from explorer.families.crate import CRATE
from explorer.measures.patches.methods import METHODS, default_layer, on_pixels, segment_trace, trace_attention
from explorer.trace import Trace, seen_patches

graph = importlib.import_module("explorer.measures.patches.maskcut")  # the package has its function under that name


def planted(grid: tuple[int, int], box: tuple[slice, slice], seed: int = 0) -> np.ndarray:
    """Projections (2,N,4) in which the patches of a box look alike and unlike the rest."""
    rng = np.random.default_rng(seed)
    cells = np.tile(rng.standard_normal(8), (*grid, 1))
    cells[box] = -cells[box][0, 0] + rng.standard_normal(8)
    cells += 0.05 * rng.standard_normal(cells.shape)
    tokens = np.concatenate([rng.standard_normal((1, 8)), cells.reshape(-1, 8)])
    return tokens.reshape(len(tokens), 2, 4).transpose(1, 0, 2)


def trace_of(projections: np.ndarray, grid: tuple[int, int]) -> Trace:
    card = SimpleNamespace(
        name="planted", layers=1, heads=2, patch=4, has_subspaces=True, traits=CRATE, prefix=("CLS",), reads_text=False,
        has_class_token=True,
    )  # fmt: skip
    return Trace(card, {"subspace.1": projections[None]}, grid, stride=2)  # pyright: ignore[reportArgumentType]


def pixels(trace: Trace, height: int, width: int, method: str, scale: int = 1, **options) -> np.ndarray:
    return on_pixels(segment_trace(trace, method, **options), trace, height, width, scale).labels


BOX = (slice(2, 7), slice(3, 9))


@pytest.fixture
def trace() -> Trace:
    return trace_of(planted((12, 14), BOX), (12, 14))


@pytest.mark.parametrize("method", METHODS)
def test_labels_cover_the_pixels_of_the_input_at_every_scale(trace, method):
    for scale in (1, 3):
        labels = pixels(trace, 26, 30, method, scale=scale)
        assert labels.shape == (26 * scale, 30 * scale)
        assert labels.min() >= 0


def test_maskcut_finds_the_planted_box(trace):
    labels = pixels(trace, 26, 30, "maskcut", objects=1)
    expected = np.zeros((26, 30), bool)
    expected[1 + 4 : 1 + 14, 1 + 6 : 1 + 18] = True  # patches of 4 at stride 2: each centre rules 2 pixels
    assert np.mean((labels == 1) == expected) > 0.97


def test_objects_and_parts_have_one_foreground_and_swap_together():
    """An object that lies along the border, where the border's rule alone would colour the rest."""
    grid, box = (10, 12), (slice(0, 10), slice(0, 5))
    inside = np.zeros(grid, bool)
    inside[box] = True
    trace = trace_of(planted(grid, box), grid)
    objects, parts, swapped_objects, swapped_parts = (
        segment_trace(trace, method, objects=1, swap=swap).labels > 0
        for swap in (False, True)
        for method in ("maskcut", "pca")
    )
    assert np.array_equal(objects, parts)
    assert np.array_equal(objects, inside) or np.array_equal(objects, ~inside)
    assert np.array_equal(swapped_objects, ~objects)
    assert np.array_equal(swapped_parts, ~objects)


def test_a_grid_too_large_for_the_graph_is_averaged_first(monkeypatch):
    grid, box = (21, 30), (slice(6, 14), slice(8, 20))
    trace = trace_of(planted(grid, box), grid)
    fine = pixels(trace, 44, 62, "maskcut", objects=1)
    monkeypatch.setattr(graph, "MAX_GRAPH", 200)
    coarse = pixels(trace, 44, 62, "maskcut", objects=1)
    assert coarse.shape == fine.shape
    assert np.mean(coarse == fine) > 0.9
    assert coarse.max() == 1


def test_pooling_is_a_mean_over_blocks_and_keeps_cls():
    projections = np.arange(1 + 6, dtype=float).reshape(1, 7, 1)  # CLS 0, patches 1 … 6 on a 2 × 3 grid
    pooled, grid = graph._pool(projections, (2, 3), 2)
    assert grid == (1, 2)
    np.testing.assert_allclose(pooled[0, :, 0], [0, (1 + 2 + 4 + 5) / 4, (3 + 3 + 6 + 6) / 4])


def test_one_head_or_the_mean_of_all(trace):
    one, two = (trace_attention(trace, 1, head) for head in (1, 2))
    np.testing.assert_allclose(trace_attention(trace, 1), (one + two) / 2, rtol=1e-6)
    np.testing.assert_allclose(one.sum(), 1, atol=0.5)


def test_default_layers():
    assert default_layer(12, "attention") == 12
    assert default_layer(12, "maskcut") == 11
    assert default_layer(1, "pca") == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"method": "magic"}, "no method magic"),
        ({"layer": 2}, "no layer 2"),
        ({"head": 3}, "no head 3"),
        ({"head": 0}, "no head 0"),
        ({"rule": "median"}, "no rule median"),
        ({"keep": 0.0}, "between 0 and 1"),
    ],
)
def test_what_there_is_not_is_refused_in_words(trace, options, sentence):
    with pytest.raises(ExplorerError, match=sentence):
        segment_trace(trace, **{"method": "attention", **options})


@pytest.mark.parametrize("method", METHODS)
def test_padding_is_background_and_does_not_move_what_is_found(trace, method):
    """The trace in the middle of a larger grid, whose other patches are far from anything: the same segmentation."""
    shape, inner = (20, 18), (slice(5, 17), slice(2, 16))
    cells = np.full((2, *shape, 4), 30.0)
    cells[:, *inner] = trace.projections(1)[:, 1:].reshape(2, 12, 14, 4)
    padded = np.concatenate([trace.projections(1)[:, :1], cells.reshape(2, -1, 4)], axis=1)
    padded = dataclasses.replace(trace_of(padded, shape), seen=(5, 2, 17, 16))
    alone, found = segment_trace(trace, method), segment_trace(padded, method)
    assert found.labels.shape == shape
    outside = np.ones(shape, bool)
    outside[inner] = False
    assert not found.labels[outside].any()
    if method != "attention":  # whose softmax runs over the padding, too; the ranking among the rest stays
        np.testing.assert_array_equal(found.labels[inner], alone.labels)
    if found.colours is not None and alone.colours is not None:
        np.testing.assert_array_equal(found.colours[inner], alone.colours)


def test_the_patches_that_hold_some_of_the_photo():
    """Pixels 9 to 14 of 24: of patches of 8 at stride 8 the one from 8, at stride 4 those from 4, 8 and 12."""
    assert seen_patches((9, 0, 15, 24), 8, 8, (3, 3)) == (1, 0, 2, 3)
    assert seen_patches((9, 0, 15, 24), 8, 4, (5, 5)) == (1, 0, 4, 5)
    for start, end in ((0, 24), (7, 17), (8, 16), (16, 24)):
        for stride in (2, 3, 8):
            count = 1 + (24 - 8) // stride
            overlap = [i for i in range(count) if i * stride < end and i * stride + 8 > start]
            first, _, last, _ = seen_patches((start, 0, end, 24), 8, stride, (count, count))
            assert (first, last) == (overlap[0], overlap[-1] + 1)
