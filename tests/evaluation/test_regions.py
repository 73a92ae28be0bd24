"""Regions that people drew: covering and boundary F by hand, the baselines on plain pictures, and the suite."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from explorer import runtime
from explorer.errors import ExplorerError
from explorer.evaluation.covering import agreement, boundary, covering, drawing_of, f_score, within
from explorer.evaluation.pixel_segments import pixel_segments
from explorer.evaluation.record import CONTROL, MODEL
from explorer.evaluation.regions import regions
from explorer.evaluation.suites import evaluate
from explorer.inputs import prepare_photo
from explorer.measures.patches import guide_of, photo_labels, segment_trace
from explorer.trace import Knobs
from tests.evaluation.conftest import task_of


def test_covering_by_hand():
    drawn = np.array([[0, 0, 0, 1], [0, 0, 0, 1]])  # 6 and 2 pixels
    labels = np.array([[0, 0, 1, 1], [0, 0, 1, 1]])  # IoU 4/6 with the first region, 2/4 with the second
    assert covering(labels, drawn) == pytest.approx((6 * 4 / 6 + 2 * 2 / 4) / 8)
    assert covering(drawn + 3, drawn) == 1
    assert covering(np.zeros((2, 4), int), drawn) == pytest.approx((6 * 6 / 8 + 2 * 2 / 8) / 8)


def test_regions_under_one_per_cent_are_left_out():
    drawn = np.zeros((20, 20), int)
    drawn[0, :3] = 1  # 3 of 400 pixels; 4 would count
    labels = np.zeros((20, 20), int)
    assert covering(labels, drawn) == pytest.approx(397 / 400)  # of the large region alone
    drawn[0, 3] = 1
    assert covering(labels, drawn) == pytest.approx((396 * 396 / 400 + 4 * 4 / 400) / 400)
    with pytest.raises(ValueError, match="at least 1%"):
        drawing_of(np.arange(400).reshape(20, 20))
    with pytest.raises(ValueError, match=r"\(20, 20\), the drawing \(20, 19\)"):
        covering(labels, drawn[:, :-1])


def halves(at: int) -> np.ndarray:
    """(10,20), cut from top to bottom before column `at`."""
    return np.tile((np.arange(20) >= at).astype(int), (10, 1))


def test_boundaries_within_two_pixels_by_hand():
    edge = boundary(halves(8))
    assert np.flatnonzero(edge.any(axis=0)).tolist() == [7]

    def score(at: int) -> float:
        other = boundary(halves(at))
        return f_score(edge, within(edge, 2), other, within(other, 2))

    assert [score(at) for at in (8, 10, 11)] == [1, 1, 0]
    more = halves(8) + 2 * halves(18)  # a second line that nobody drew: half the pixels are right, all drawn are found
    found = boundary(more)
    assert f_score(found, within(found, 2), edge, within(edge, 2)) == pytest.approx(2 / 3)
    empty = np.zeros_like(edge)
    assert (f_score(empty, empty, empty, empty), f_score(edge, edge, empty, empty)) == (1, 0)


def test_agreement_is_the_mean_over_the_people_who_drew():
    """One person drew what was found, the other one region: its covering is 0.6, and it has no boundary."""
    covered, along = agreement(halves(8), [drawing_of(halves(8)), drawing_of(np.zeros((10, 20), int))])
    assert (covered, along) == (pytest.approx((1 + 0.6) / 2), 0.5)


def two_halves(at: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """A photo (60,100,3) of two colours with a little noise, and its two regions."""
    drawn = np.tile((np.arange(100) >= at).astype(np.uint8), (60, 1))
    noise = np.random.default_rng(0).integers(-4, 5, (60, 100, 3))
    return (np.where(drawn[..., None], (200, 80, 60), (40, 90, 160)) + noise).astype(np.uint8), drawn


def test_baselines_find_the_halves_of_a_plain_picture():
    photo, drawn = two_halves()
    found = {name: covering(labels, drawn) for name, labels in pixel_segments(photo).items()}
    assert found.pop("one segment") == pytest.approx(0.4 * 0.4 + 0.6 * 0.6)
    assert found.pop("colour and place") < 1  # it has four clusters for two halves
    assert found == {"SLIC and normalised cut": pytest.approx(1, abs=0.02), "Felzenszwalb": pytest.approx(1, abs=0.02)}


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def drawn_file(tmp_path_factory):
    """Three photos of two halves; two people drew each, one of them one region only."""
    rows = []
    for i, at in enumerate((40, 50, 70)):
        photo, drawn = two_halves(at)
        rows.append({"name": f"p{i}", "image": png(photo), "regions": [png(drawn), png(0 * drawn)]})
    file = tmp_path_factory.mktemp("drawn") / "drawn.parquet"
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file


def test_the_suite_rates_every_method_control_and_baseline(named, drawn_file):
    card = named["crate"]
    found = regions(task_of(card, drawn_file, divisor=2, size=16))
    values = {(r.measure, r.who, r.method, r.on, r.minus): r.value for r in found.rows}
    photo, drawn = two_halves(40)
    expected = []
    for at in (40, 50, 70):  # the same by hand, for the clusters with the photo's edges
        photo, drawn = two_halves(at)
        prepared = prepare_photo(png(photo), card.preprocessing, card.patch, 16, "whole")
        trace = runtime.run(runtime.open_model(card), prepared, None, Knobs(stride=card.patch // 2))
        scale = (60 / prepared.height + 100 / prepared.width) / 2
        patch, stride = scale * card.patch, scale * trace.stride
        labels = photo_labels(segment_trace(trace, "kmeans").labels, guide_of(photo, patch), patch, stride)
        expected.append(agreement(labels, [drawing_of(drawn), drawing_of(0 * drawn)])[0])
    ours = "covering", MODEL, "kmeans", "photo"
    assert values[*ours, ""] == pytest.approx(np.mean(expected))
    assert values[*ours, "its patches"] == pytest.approx(
        values[*ours, ""] - values["covering", MODEL, "kmeans", "patches", ""]
    )
    assert values[*ours, CONTROL] == pytest.approx(
        values[*ours, ""] - values["covering", CONTROL, "kmeans", "photo", ""]
    )
    alone = [(a * a + (1 - a) ** 2 + 1) / 2 for a in (0.4, 0.5, 0.7)]  # the person of one region is covered wholly
    assert values["covering", "one segment", "", "photo", ""] == pytest.approx(np.mean(alone))
    assert {key[2] for key in values} == {"attention", "maskcut", "pca", "kmeans", "subspace", ""}
    assert (found.data["images"], found.data["of"]) == (3, 3)


def test_what_is_no_file_of_regions_is_refused(named, tmp_path):
    with pytest.raises(ExplorerError, match=r"no \.parquet file"):
        evaluate(named["crate"], "regions", tmp_path)
    pq.write_table(pa.table({"name": ["a"], "image": [b""]}), tmp_path / "x.parquet")
    with pytest.raises(ExplorerError, match="no column regions"):
        evaluate(named["crate"], "regions", tmp_path / "x.parquet")
    row = {"name": "a", "image": png(two_halves()[0]), "regions": [png(np.zeros((3, 3), np.uint8))]}
    pq.write_table(pa.Table.from_pylist([row, row]), tmp_path / "y.parquet")
    with pytest.raises(ExplorerError, match="map of regions"):
        evaluate(named["crate"], "regions", tmp_path / "y.parquet")
