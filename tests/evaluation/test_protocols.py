"""VOC's coarse segmentation and COCO's average precision on made data, with answers worked out by hand."""

import importlib.util
import json

import numpy as np
import pytest
from PIL import Image

from explorer import runtime
from explorer.errors import ExplorerError
from explorer.evaluation.coco import average_precision, coco, open_annotations
from explorer.evaluation.record import MODEL
from explorer.evaluation.voc import coarse_overlap, nearest, read_labels, stretched, voc
from explorer.inputs import normalise_squares
from explorer.measures.patches.attention import attention_map, threshold_mass
from explorer.measures.patches.segmentation import upsample
from tests.evaluation.conftest import task_of

needs_coco = pytest.mark.skipif(importlib.util.find_spec("pycocotools") is None, reason="pycocotools is not installed")


def test_the_best_head_for_each_class_then_the_mean_over_classes():
    labels = np.array([[1, 1, 0, 0], [1, 1, 0, 255], [7, 7, 0, 255]])
    heads = np.zeros((2, 3, 4), bool)
    heads[0, :2, :2] = heads[0, 1, 3] = True  # class 1 exactly; the void pixel does not count
    heads[1, 2, :3] = True  # class 7: 2 of 3
    assert coarse_overlap(heads, labels) == pytest.approx((1 + 2 / 3) / 2)
    assert coarse_overlap(heads[1:], labels) == pytest.approx((0 + 2 / 3) / 2)
    assert np.isnan(coarse_overlap(heads, np.array([[0, 255, 0, 0]] * 3)))


def test_a_mask_at_another_size():
    mask = np.array([[1, 0], [0, 1]], bool)
    assert nearest(mask, 4, 4).tolist() == np.kron(mask, np.ones((2, 2), bool)).tolist()
    assert nearest(nearest(mask, 6, 10), 2, 2).tolist() == mask.tolist()


@pytest.fixture
def voc_folder(tmp_path):
    """Two photos of another shape than a square, in the official layout; the second mask names no class."""
    rng = np.random.default_rng(0)
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (tmp_path / name).mkdir(parents=True)
    for i, label in enumerate((5, 0)):
        pixels = rng.integers(0, 256, (18, 30, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "JPEGImages" / f"{i}.jpg")
        labels = np.zeros((18, 30), np.uint8)
        labels[:, :10], labels[0] = label, 255
        mask = Image.fromarray(labels, "P")
        mask.putpalette(rng.integers(0, 256, 768).astype(np.uint8).tobytes())
        mask.save(tmp_path / "SegmentationClass" / f"{i}.png")
    (tmp_path / "ImageSets" / "Segmentation" / "val.txt").write_text("0\n1\n")
    return tmp_path


def test_voc_from_the_official_layout(cards, voc_folder):
    card = cards["crate"]
    task = task_of(card, voc_folder, size=12)
    found = voc(task)
    assert {row.images for row in found.rows} == {1}  # a mask without a class has no best head
    photo = stretched(voc_folder / "JPEGImages" / "0.jpg", 12)[None]
    trace = runtime.run(task.subjects[0].model, normalise_squares(photo, card.preprocessing))
    labels = read_labels(voc_folder / "SegmentationClass" / "0.png")
    overlaps = []
    for one in attention_map(*trace.query_key(2), 0, trace.grid):
        mask = nearest(upsample(threshold_mass(one, 0.6), 12, 12, 4, 4), 18, 30)[1:]
        target = labels[1:] == 5
        overlaps.append((mask & target).sum() / (mask | target).sum())
    (value,) = [row.value for row in found.rows if row.who == MODEL and row.method == "mass"]
    assert value == pytest.approx(max(overlaps))


def test_folders_of_another_layout_are_refused(cards, tmp_path):
    with pytest.raises(ExplorerError, match="JPEGImages"):
        voc(task_of(cards["crate"], tmp_path))
    with pytest.raises(ExplorerError, match="instances_val2017"):
        coco(task_of(cards["crate"], tmp_path))


def coco_file(folder, boxes: list[list[int]]):
    """Annotations of one 20×20 photo whose objects are rectangles x, y, width, height."""
    annotations = [
        {
            "id": i + 1, "image_id": 1, "category_id": 1 + i, "iscrowd": 0, "area": w * h, "bbox": [x, y, w, h],
            "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
        }
        for i, (x, y, w, h) in enumerate(boxes)
    ]  # fmt: skip
    images = [{"id": 1, "file_name": "1.jpg", "width": 20, "height": 20}]
    categories = [{"id": i + 1, "name": f"thing {i}"} for i in range(len(boxes))]
    (folder / "annotations").mkdir()
    file = folder / "annotations" / "instances_val2017.json"
    file.write_text(json.dumps({"info": {}, "images": images, "annotations": annotations, "categories": categories}))
    (folder / "val2017").mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(np.uint8)).save(
        folder / "val2017" / "1.jpg"
    )
    return file


def rectangle(x: int, y: int, w: int, h: int) -> dict:
    from explorer.evaluation.coco import detection

    mask = np.zeros((20, 20), bool)
    mask[y : y + h, x : x + w] = True
    return detection(mask, {"id": 1, "height": 20, "width": 20})


@needs_coco
@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([(0, 0, 10, 10), (12, 12, 5, 5)], (1, 1, 1)),
        # half of both objects is missing: IoU 0.5 counts at the first of ten thresholds
        ([(0, 0, 10, 5)], (51 / 101 / 10, 51 / 101, 0)),
        # one of two objects exactly: precision 1 up to recall 0.5, on COCO's 101 recalls
        ([(0, 0, 10, 10)], (51 / 101,) * 3),
        ([], (0, 0, 0)),
    ],
)
def test_average_precision_by_hand(tmp_path, found, expected):
    """The two objects belong to two classes, which do not matter."""
    truth = open_annotations(coco_file(tmp_path, [[0, 0, 10, 10], [12, 12, 5, 5]]))
    precision = average_precision(truth, [rectangle(*box) for box in found], [1])
    np.testing.assert_allclose(precision, expected, atol=1e-9)


@needs_coco
def test_coco_runs_on_its_own_layout_and_prints_nothing(cards, tmp_path, capsys):
    coco_file(tmp_path, [[0, 0, 10, 10]])
    found = coco(task_of(cards["crate"], tmp_path, size=12))
    assert [row.measure for row in found.rows if row.who == MODEL] == ["AP", "AP50", "AP75"]
    assert all(0 <= row.value <= 1 for row in found.rows)
    assert capsys.readouterr().out == ""


def test_coco_without_pycocotools_says_what_to_install(cards, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pycocotools.coco", None)
    coco_file(tmp_path, [[0, 0, 10, 10]])
    with pytest.raises(ExplorerError, match="pip install pycocotools"):
        coco(task_of(cards["crate"], tmp_path, size=12))
