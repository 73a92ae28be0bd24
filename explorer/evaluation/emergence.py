"""Emergence: the one box that attention, MaskCut and NCut find without labels, against boxes that people drew.

CorLoc is the share of images whose found box has an IoU of at least 0.5 with the drawn one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from explorer.dataset import Part
from explorer.errors import ExplorerError
from explorer.evaluation.accuracy import framed
from explorer.evaluation.bootstrap import mean_rows
from explorer.evaluation.boxes import NO_BOX, box_area, box_overlap, largest_part, mask_box, trivial_boxes
from explorer.evaluation.record import MODEL, Row
from explorer.evaluation.subjects import Measured, Subject, Task, about_part, open_data, sample, step_progress, traces
from explorer.measures.patches import default_layer, maskcut, place_attention, threshold_mass, upsample
from explorer.processors import usable_processors
from explorer.trace import Array, Trace

METHODS = ("attention", "maskcut", "ncut")
KEEP = 0.6
"""Share of the attention's mass."""
TAU = 0.15
CORRECT = 0.5
"""IoU from which a box counts as found."""
SMALL = 0.5
"""Share of the picture that a box of the second subset stays below: there trivial boxes do not pay."""
ALL, SMALL_BOXES = "all boxes", "small boxes"
BASELINE_CHUNK = 64


def emergence(task: Task) -> Measured:
    """CorLoc and mean box IoU of every subject, method and baseline, on all boxes and on the small ones."""
    part = open_data(task, "val")
    numbers, truth = boxed(part, task)
    overlaps: dict[tuple[str, str], Array] = {}
    for i, subject in enumerate(task.subjects):
        report = step_progress(task, f"boxes, {subject.who}", i, len(task.subjects) + 1)
        found = find_boxes(subject, numbers, lambda n, s=subject: framed(part, n, s, "whole"), METHODS, report)
        overlaps |= {(subject.who, method): box_overlap(boxes, truth) for method, boxes in found.items()}
    report = step_progress(task, "trivial boxes", len(task.subjects), len(task.subjects) + 1)
    for name, boxes in _baselines(part, numbers, report).items():
        overlaps[name, ""] = box_overlap(boxes, truth)
    rows = []
    for subset, kept in ((ALL, np.ones(len(truth), bool)), (SMALL_BOXES, box_area(truth) < SMALL)):
        kept_overlaps = {key: values[kept] for key, values in overlaps.items()}
        rows += mean_rows(_columns(kept_overlaps, subset), task.seed)
    return Measured(rows, about_part(part, "val", len(numbers)), settings(task))


def settings(task: Task) -> dict[str, object]:
    """What shaped the boxes, for the record."""
    layers = task.subjects[0].card.layers
    return {
        "framing": "whole", "mass": KEEP, "tau": TAU, "attention_layer": default_layer(layers, "attention"),
        "maskcut_layer": default_layer(layers, "maskcut"), "correct_from_iou": CORRECT,
    }  # fmt: skip


def boxed(part: Part, task: Task, below: float = float("inf")) -> tuple[Array, Array]:
    """Numbers (n,) of the sampled pictures that have a box, and the boxes (n,4) as shares of the sides.

    below: the share of the picture that a box stays below.
    """
    if part.boxes is None:
        raise ExplorerError(f"{task.data} has no boxes: this suite needs data prepared from a source with boxes.")
    area = box_area(part.boxes) / part.size**2
    numbers = sample(np.flatnonzero((area > 0) & (area < below)), task.limit, task.seed)
    if not len(numbers):
        raise ExplorerError(f"{task.data} has no picture with a box that this suite could use.")
    return numbers, part.boxes[numbers] / part.size


def find_boxes(
    subject: Subject, numbers: Array, read: Callable[[Array], Array], methods: tuple[str, ...],
    report: Callable[[float], None],
) -> dict[str, Array]:  # fmt: skip
    """The box that each method finds in each picture: (n,4) as shares of the sides, zeros where it finds none."""
    boxes = []
    with ThreadPoolExecutor(usable_processors()) as threads:
        for chosen, trace in traces(subject, numbers, read, points(subject, methods), report):
            boxes += threads.map(lambda i, t=trace: _boxes_of(t, i, subject.size, methods), range(len(chosen)))
    return {method: np.array([of_image[method] for of_image in boxes]) for method in methods}


def points(subject: Subject, methods: tuple[str, ...]) -> list[str]:
    """The trace points that the methods read."""
    card = subject.card
    names = card.traits.looks
    wanted = [f"{name}.{card.layers}" for name in names] if "attention" in methods else []
    if {"maskcut", "ncut"} & set(methods):
        wanted.append(f"{names[-1]}.{default_layer(card.layers, 'maskcut')}")
    return list(dict.fromkeys(wanted))


def _boxes_of(trace: Trace, image: int, size: int, methods: tuple[str, ...]) -> dict[str, tuple[float, ...]]:
    found = grid_masks(trace, image)
    place = (size, size, trace.card.patch, trace.stride)
    return {
        method: mask_box(largest_part(upsample(found[method], *place))) if found[method].any() else NO_BOX
        for method in methods
    }


def grid_masks(trace: Trace, image: int) -> dict[str, Array]:
    """The foreground of each method on the patch grid, bool (rows,cols).

    attention: the fewest patches that hold 60 % of CLS's attention in the last layer (without a class token: of all
    patches' attention on average), mean over heads. maskcut: its
    first object, at the layer before. ncut: the same eigenvector cut at its mean, the side of its largest entry
    (TokenCut's rule: no corners, no seed).
    """
    card, grid = trace.card, trace.grid
    attention = place_attention(trace, default_layer(card.layers, "attention"), image=image).mean(axis=0)
    cut = maskcut(trace.projections(default_layer(card.layers, "maskcut"), image), grid, 1, TAU)
    nothing = np.zeros(grid, bool)
    return {
        "attention": threshold_mass(attention, KEEP),
        "maskcut": cut.masks[0] if len(cut.masks) else nothing,
        "ncut": strong_side(cut.eigenvectors[0]) if len(cut.masks) else nothing,
    }


def strong_side(vector: Array) -> Array:
    """The side of an eigenvector's mean on which its largest absolute entry lies, whatever the vector's sign."""
    front = vector > vector.mean()
    return front if front.flat[np.argmax(np.abs(vector))] else ~front


def _baselines(part: Part, numbers: Array, report: Callable[[float], None]) -> dict[str, Array]:
    chunks = np.array_split(numbers, -(-len(numbers) // BASELINE_CHUNK))
    found = []
    for i, chunk in enumerate(chunks):
        found.append(trivial_boxes(part.images[chunk]))
        report((i + 1) / len(chunks))
    return {name: np.concatenate([boxes[name] for boxes in found]) for name in found[0]}


def _columns(overlaps: dict[tuple[str, str], Array], subset: str) -> dict[Row, Array]:
    """Both measures of everything, then the model minus everything else on the same images."""
    measures: tuple[tuple[str, Callable[[Array], Array]], ...] = (("CorLoc", found_share), ("box IoU", np.asarray))
    columns = {
        Row(name, who, 0, 0, method=method, on=subset): value(values)
        for name, value in measures
        for (who, method), values in overlaps.items()
    }
    for name, value in measures:
        for (who, method), values in overlaps.items():
            for ours in METHODS if who != MODEL else ():
                if method in ("", ours):
                    row = Row(name, MODEL, 0, 0, method=ours, on=subset, minus=who)
                    columns[row] = value(overlaps[MODEL, ours]).astype(np.float64) - value(values)
    return columns


def found_share(overlaps: Array) -> Array:
    """1 where a box counts as found, else 0."""
    return (overlaps >= CORRECT).astype(np.float64)
