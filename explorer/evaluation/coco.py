"""MaskCut on COCO: class-agnostic average precision of up to three masks a picture, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from explorer.errors import ExplorerError
from explorer.evaluation.emergence import TAU, points
from explorer.evaluation.record import Row
from explorer.evaluation.subjects import Measured, Subject, Task, sample, step_progress, traces
from explorer.evaluation.voc import nearest, stretched
from explorer.measures.patches import default_layer, maskcut, upsample
from explorer.processors import usable_processors
from explorer.trace import Array, Trace

OBJECTS = 3
MEASURES = ("AP", "AP50", "AP75")
"""The first three of COCOeval's statistics: mean over IoU 0.50 to 0.95, at 0.50, at 0.75."""


def coco(task: Task) -> Measured:
    """AP, AP50 and AP75 of MaskCut's masks, all classes counted as one, every mask with the same score."""
    file, photos = find_split(task.data)
    truth = open_annotations(file)
    numbers = sample(np.array(sorted(truth.imgs), dtype=np.int64), task.limit, task.seed)
    rows = []
    for i, subject in enumerate(task.subjects):
        report = step_progress(task, f"COCO, {subject.who}", i, len(task.subjects))
        found = _detections(subject, truth, photos, numbers, report)
        precision = average_precision(truth, found, numbers.tolist())
        rows += [
            Row(name, subject.who, value, len(numbers), method="maskcut")
            for name, value in zip(MEASURES, precision, strict=True)
        ]
    about = {
        "sources": [file.name], "part": photos.name, "images": len(numbers), "of": len(truth.imgs),
        "licence": "COCO: annotations CC BY 4.0, images under the Flickr terms of use",
    }  # fmt: skip
    layer = default_layer(task.subjects[0].card.layers, "maskcut")
    own = {"framing": "stretched to a square", "objects": OBJECTS, "tau": TAU, "maskcut_layer": layer}
    return Measured(rows, about, own)


def find_split(folder: Path) -> tuple[Path, Path]:
    """The annotations and the photos: annotations/instances_X.json with the folder X beside it, a val X first."""
    files = sorted((folder / "annotations").glob("instances_*.json"), key=lambda file: ("val" not in file.name, file))
    for file in files:
        if (photos := folder / file.stem.removeprefix("instances_")).is_dir():
            return file, photos
    raise ExplorerError(f"{folder} has no annotations/instances_val2017.json with the folder val2017 beside it.")


def open_annotations(file: Path) -> Any:
    """pycocotools' COCO of an annotation file. Raises ExplorerError without pycocotools or for another file."""
    try:
        from pycocotools.coco import COCO
    except ImportError as error:
        raise ExplorerError("The suite coco needs pycocotools: install it with `pip install pycocotools`.") from error
    try:
        return _quietly(lambda: COCO(str(file)))
    except (ValueError, KeyError, AssertionError) as error:
        raise ExplorerError(f"{file} is not COCO's annotation JSON ({error}).") from error


def average_precision(truth: Any, detections: Sequence[dict[str, Any]], images: Sequence[int]) -> list[float]:
    """AP, AP50, AP75 over the images, classes ignored; 0 where nothing was detected.

    truth: pycocotools' COCO. detections: {"image_id", "category_id", "segmentation" (RLE), "score"}.
    """
    from pycocotools.cocoeval import COCOeval

    if not detections:
        return [0.0] * len(MEASURES)

    def evaluated() -> Any:
        judge = COCOeval(truth, truth.loadRes(list(detections)), "segm")
        judge.params.useCats, judge.params.imgIds = 0, list(images)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
        return judge

    return [float(value) for value in _quietly(evaluated).stats[: len(MEASURES)]]


def _detections(
    subject: Subject, truth: Any, photos: Path, numbers: Array, report: Callable[[float], None]
) -> list[dict[str, Any]]:
    def read(chosen: Array) -> Array:
        return np.stack([stretched(photos / truth.imgs[n]["file_name"], subject.size) for n in chosen.tolist()])

    found: list[dict[str, Any]] = []
    with ThreadPoolExecutor(usable_processors()) as threads:
        for chosen, trace in traces(subject, numbers, read, points(subject, ("maskcut",)), report):
            of_images = threads.map(lambda i, t=trace: pixel_masks(t, i, subject.size), range(len(chosen)))
            for number, masks in zip(chosen.tolist(), of_images, strict=True):
                found += [detection(mask, truth.imgs[number]) for mask in masks]
    return found


def pixel_masks(trace: Trace, image: int, size: int) -> list[Array]:
    """MaskCut's objects on the pixels of the square input, bool (size,size) each."""
    projections = trace.projections(default_layer(trace.card.layers, "maskcut"), image)
    masks = maskcut(projections, trace.grid, OBJECTS, TAU).masks
    return [upsample(mask, size, size, trace.card.patch, trace.stride) for mask in masks]


def detection(mask: Array, image: dict[str, Any]) -> dict[str, Any]:
    """A mask as COCO's result, at the photo's own size; MaskCut ranks nothing, so every score is 1."""
    from pycocotools import mask as rle

    full = nearest(mask, image["height"], image["width"])
    encoded = rle.encode(np.asfortranarray(full.astype(np.uint8)))
    return {"image_id": image["id"], "category_id": 1, "segmentation": encoded, "score": 1.0}


def _quietly(work: Callable[[], Any]) -> Any:
    """pycocotools prints; the command's output is ours."""
    with contextlib.redirect_stdout(io.StringIO()):
        return work()
