"""Coarse segmentation on VOC 2012: CLS attention as a mask, the best head for each class (arXiv 2308.16271, B.1)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from explorer.errors import ExplorerError
from explorer.evaluation.bootstrap import mean_rows
from explorer.evaluation.emergence import KEEP, points
from explorer.evaluation.record import Row
from explorer.evaluation.subjects import Measured, Subject, Task, sample, step_progress, traces
from explorer.inputs import read_photo
from explorer.measures.patches import RULES, attention_map, upsample
from explorer.processors import usable_processors
from explorer.trace import Array, Trace

BACKGROUND, VOID = 0, 255
LIST = Path("ImageSets") / "Segmentation" / "val.txt"


def voc(task: Task) -> Measured:
    """mIoU of both threshold rules on the folder of VOC's official layout; see coarse_overlap."""
    for subject in task.subjects:
        subject.card.need_class_token()
    folder = task.data
    if not (folder / LIST).is_file():
        raise ExplorerError(f"{folder} has no {LIST}: give the folder VOC2012 with JPEGImages and SegmentationClass.")
    names = [name for name in (folder / LIST).read_text("utf-8").split() if name]
    numbers = sample(np.arange(len(names)), task.limit, task.seed)
    columns: dict[Row, Array] = {}
    for i, subject in enumerate(task.subjects):
        report = step_progress(task, f"VOC, {subject.who}", i, len(task.subjects))
        values = _overlaps(subject, [names[n] for n in numbers], folder, report)
        columns |= {Row("mIoU", subject.who, 0, 0, method=rule): values[:, r] for r, rule in enumerate(RULES)}
    columns = _with_classes(columns)
    about = {
        "sources": ["PASCAL VOC 2012, segmentation"], "part": "val", "images": len(numbers), "of": len(names),
        "licence": "PASCAL VOC 2012: images under the Flickr terms of use",
    }  # fmt: skip
    return Measured(mean_rows(columns, task.seed), about, {"framing": "stretched to a square", "keep": KEEP})


def _with_classes(columns: dict[Row, Array]) -> dict[Row, Array]:
    """Without the images whose mask names no class: they are NaN for every subject."""
    kept = np.isfinite(next(iter(columns.values())))
    return {row: values[kept] for row, values in columns.items()}


def _overlaps(subject: Subject, names: list[str], folder: Path, report) -> Array:
    """(n, rules): coarse_overlap of every picture."""

    def read(chosen: Array) -> Array:
        return np.stack([stretched(folder / "JPEGImages" / f"{names[n]}.jpg", subject.size) for n in chosen])

    def overlaps(trace: Trace, image: int, name: str) -> list[float]:
        labels = read_labels(folder / "SegmentationClass" / f"{name}.png")
        return [coarse_overlap(head_masks(trace, image, rule, subject.size, labels), labels) for rule in RULES]

    rows: list[list[float]] = []
    with ThreadPoolExecutor(usable_processors()) as threads:
        want = points(subject, ("attention",))
        for chosen, trace in traces(subject, np.arange(len(names)), read, want, report):
            rows += threads.map(lambda i, t=trace, c=chosen: overlaps(t, i, names[c[i]]), range(len(chosen)))
    return np.array(rows)


def head_masks(trace: Trace, image: int, rule: str, size: int, labels: Array) -> Array:
    """CLS attention of every head in the last layer, thresholded, on the pixels of the labels: bool (K,H,W)."""
    maps = attention_map(*trace.query_key(trace.card.layers, image), 0, trace.grid)
    masks = [upsample(RULES[rule](one, KEEP), size, size, trace.card.patch, trace.stride) for one in maps]
    return np.stack([nearest(mask, *labels.shape) for mask in masks])


def coarse_overlap(heads: Array, labels: Array) -> float:
    """For each class in the picture the IoU of the best head, then the mean over these classes; NaN without a class.

    heads: bool (K,H,W). labels: int (H,W), 0 background, 255 void, which is left out everywhere.
    """
    seen = labels != VOID
    best = []
    for number in np.setdiff1d(np.unique(labels[seen]), [BACKGROUND]):
        target = labels[seen] == number
        masks = heads[:, seen]
        shared = np.count_nonzero(masks & target, axis=1)
        best.append(np.max(shared / np.count_nonzero(masks | target, axis=1)))
    return float(np.mean(best)) if best else float("nan")


def read_labels(path: Path) -> Array:
    """A VOC mask as class numbers, uint8 (H,W). Raises ExplorerError for anything but a palette or grey picture."""
    try:
        with Image.open(path) as opened:
            if opened.mode not in ("P", "L"):
                raise ExplorerError(f"{path} has the mode {opened.mode}: a mask of class numbers was expected.")
            return np.array(opened)
    except (OSError, SyntaxError) as error:
        raise ExplorerError(f"{path} is not a mask that can be read ({error}).") from error


def stretched(path: Path, size: int) -> Array:
    """A photo as a square, uint8 (size,size,3), both sides resized on their own."""
    try:
        photo = read_photo(path.read_bytes(), path.name)
    except OSError as error:
        raise ExplorerError(f"{path} cannot be read ({error.strerror}).") from error
    return np.asarray(photo.resize((size, size), Image.Resampling.BILINEAR))


def nearest(mask: Array, height: int, width: int) -> Array:
    """A mask at another size: every pixel takes the value at its own place."""
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new) for new, old in zip((height, width), mask.shape, strict=True)
    )
    return mask[rows[:, None], columns]
