"""Regions that people drew: covering and boundary F of every way of segmenting a photo, with the edges of the patches
and of the photo, against segmentations that saw no network.

The data are one .parquet file with the columns name, image (an encoded photo) and regions (a list of label PNGs of its
size, one for each person), such as BSDS500 makes.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from pyarrow import ArrowException

from explorer import runtime
from explorer.errors import ExplorerError
from explorer.evaluation.bootstrap import mean_rows
from explorer.evaluation.covering import SMALLEST, TOLERANCE, Drawing, agreement, drawing_of
from explorer.evaluation.emergence import points
from explorer.evaluation.pixel_segments import pixel_segments
from explorer.evaluation.record import MODEL, Row
from explorer.evaluation.subjects import Measured, Subject, Task, sample, step_progress
from explorer.evaluation.voc import nearest
from explorer.inputs import prepare_photo, read_photo
from explorer.measures.patches import (
    METHODS,
    connected_parts,
    default_layer,
    guide_of,
    photo_labels,
    segment_trace,
    upsample,
)
from explorer.processors import usable_processors
from explorer.trace import Array, Knobs

COLUMNS = ("name", "image", "regions")
MEASURES = ("covering", "boundary F")
EDGES = ("patches", "photo", "photo, connected parts")
"""How far a segmentation is carried: blocks of patches; the photo's edges; these, and every segment, background too,
split into its connected parts."""
OBJECTS = 3

Scores = dict[tuple[str, str], tuple[float, float]]
"""(method, edges) → covering and boundary F of one photo."""


@dataclass(frozen=True)
class DrawnPhoto:
    """A photo, uint8 (H,W,3), as a file and decoded, and what people drew on it."""

    name: str
    data: bytes
    pixels: Array
    drawings: tuple[Drawing, ...]


def regions(task: Task) -> Measured:
    """Covering and boundary F of every subject, method and baseline, the mean over the people who drew, then over the
    photos."""
    numbers = sample(np.arange(photo_count(task.data)), task.limit, task.seed)
    scores: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    steps = len(task.subjects) + 1
    for i, subject in enumerate((None, *task.subjects)):
        who = subject.who if subject else "no network"
        report = step_progress(task, f"regions, {who}", i, steps)
        for found in _each(task, numbers, subject, report):
            for (method, edges), both in found.items():
                key = (subject.who, method, edges) if subject else (method, "", edges)
                scores.setdefault(key, []).append(both)
    columns = _columns({key: np.array(values) for key, values in scores.items()})
    about = {
        "sources": [task.data.name], "part": "all", "images": len(numbers), "of": photo_count(task.data),
        "licence": "the data's own; BSDS500 is for research",
    }  # fmt: skip
    layers = task.subjects[0].card.layers
    own = {
        "framing": "whole", "objects": OBJECTS, "attention_layer": default_layer(layers, "attention"),
        "layer": default_layer(layers, "maskcut"), "left_out_below": SMALLEST, "boundary_within_px": TOLERANCE,
    }  # fmt: skip
    return Measured(mean_rows(columns, task.seed), about, own)


def photo_count(file: Path) -> int:
    """How many photos a file holds. Raises ExplorerError where it is not one of photos and regions."""
    try:
        found = pq.ParquetFile(file)
    except (ArrowException, OSError) as error:
        raise ExplorerError(
            f"{file} is no .parquet file: the suite regions needs one with {', '.join(COLUMNS)}."
        ) from error
    if missing := [name for name in COLUMNS if name not in found.schema_arrow.names]:
        raise ExplorerError(f"{file.name} has no column {missing[0]}: the suite regions needs {', '.join(COLUMNS)}.")
    return found.metadata.num_rows


def read_photos(file: Path, numbers: Array) -> list[DrawnPhoto]:
    """Some of a file's photos, by their numbers from 0. Raises ExplorerError where a region's map does not fit its
    photo."""
    rows = pq.read_table(file, columns=list(COLUMNS)).take(numbers).to_pylist()
    return [_drawn_photo(row) for row in rows]


def _drawn_photo(row: dict[str, object]) -> DrawnPhoto:
    name, data, maps = str(row["name"]), row["image"], row["regions"]
    if not isinstance(data, bytes) or not isinstance(maps, list) or not maps:
        raise ExplorerError(f"{name} holds no encoded photo with at least one map of regions.")
    pixels = np.asarray(read_photo(data, name).convert("RGB"))
    drawn = [np.asarray(Image.open(io.BytesIO(one))) for one in maps]
    if any(one.shape != pixels.shape[:2] for one in drawn):
        raise ExplorerError(f"{name} has {pixels.shape[:2]} pixels, but a map of regions {drawn[0].shape}.")
    return DrawnPhoto(name, data, pixels, tuple(map(drawing_of, drawn)))


def _each(task: Task, numbers: Array, subject: Subject | None, report: Callable[[float], None]) -> list[Scores]:
    """What one subject, or the baselines, score on each photo."""
    found: list[Scores] = []
    side_by_side = usable_processors()

    def score(photo: DrawnPhoto) -> Scores:
        return network_scores(subject, photo) if subject else pixel_scores(photo, task.seed)

    with ThreadPoolExecutor(side_by_side) as threads:
        for chunk in np.array_split(numbers, -(-len(numbers) // side_by_side)):
            found += threads.map(score, read_photos(task.data, chunk))
            report(len(found) / len(numbers))
    return found


def network_scores(subject: Subject, photo: DrawnPhoto) -> Scores:
    """Every method of a model, the whole photo in view, at the photo's own resolution."""
    card = subject.card
    prepared = prepare_photo(photo.data, card.preprocessing, card.patch, subject.size, "whole", photo.name)
    want = points(subject, ("attention", "maskcut"))
    trace = runtime.run(subject.model, prepared, want, Knobs(stride=subject.stride))
    height, width = photo.pixels.shape[:2]
    scale = (height / prepared.height + width / prepared.width) / 2
    patch, stride = scale * card.patch, scale * trace.stride
    guide, scores = guide_of(photo.pixels, patch), {}
    for method in METHODS:
        labels = segment_trace(trace, method, objects=OBJECTS).labels.astype(int)
        blocks = upsample(labels, prepared.height, prepared.width, card.patch, trace.stride)
        sharp = photo_labels(labels, guide, patch, stride)
        whole = (nearest(blocks, height, width), sharp, connected_parts(sharp + 1))
        scores |= {(method, edges): agreement(one, photo.drawings) for edges, one in zip(EDGES, whole, strict=True)}
    return scores


def pixel_scores(photo: DrawnPhoto, seed: int) -> Scores:
    """Every baseline, as it is and in connected parts."""
    scores = {}
    for name, labels in pixel_segments(photo.pixels, seed).items():
        scores[name, EDGES[1]] = agreement(labels, photo.drawings)
        scores[name, EDGES[2]] = agreement(connected_parts(labels + 1), photo.drawings)
    return scores


def _columns(scores: dict[tuple[str, str, str], Array]) -> dict[Row, Array]:
    """Both measures of everything, then the model minus everything else on the same photos, and what its edges gain.

    scores: (who, method, edges) → (photos, measures).
    """
    columns = {
        Row(measure, who, 0, 0, method=method, on=edges): values[:, i]
        for i, measure in enumerate(MEASURES)
        for (who, method, edges), values in scores.items()
    }
    for i, measure in enumerate(MEASURES):
        for (who, method, edges), values in scores.items():
            for ours in METHODS if who != MODEL else ():
                if method in ("", ours):
                    row = Row(measure, MODEL, 0, 0, method=ours, on=edges, minus=who)
                    columns[row] = scores[MODEL, ours, edges][:, i] - values[:, i]
        for method, edges in ((method, edges) for method in METHODS for edges in EDGES[1:]):
            row = Row(measure, MODEL, 0, 0, method=method, on=edges, minus="its patches")
            columns[row] = scores[MODEL, method, edges][:, i] - scores[MODEL, method, EDGES[0]][:, i]
    return columns
