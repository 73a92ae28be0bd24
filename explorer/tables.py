"""Rows, CSV and label pictures: what the command line prints and what pages offer as files."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from explorer import figures
from explorer.card import ModelCard
from explorer.figures.style import OBJECT_COLORS, colors_array
from explorer.measures.patches import Segments, best_overlap, iou
from explorer.measures.rates import COMPRESS, HalfStep, LayerMeasures
from explorer.studies.layers import POSITIONS
from explorer.trace import Array
from explorer.words import METHODS

CHANGES = ("coding_rate", "subspace_coding_rate", "rate_reduction", "l0", "l1", "lasso", "objective")
"""What a half step of the ledger changes, in the order in which it is shown."""


def card_values(card: ModelCard) -> dict[str, Any]:
    """A model card as plain values, without the laws of initialisation and the names of weights; of a tokenizer only
    whether there is one."""
    values = dataclasses.asdict(card) | {"tokenizer": bool(card.tokenizer)}
    for internal in ("weights", "init"):
        del values[internal]
    return {**values, "path": str(card.path), "lambda": values.pop("lam")}


def ledger_rows(steps: list[HalfStep], control: list[HalfStep]) -> list[dict[str, Any]]:
    """One row for each half step: what it changed, in the model and in the control, and what it made worse."""
    rows = []
    for ours, random in zip(steps, control, strict=True):
        start = f"{ours.layer}" if ours.name == COMPRESS else f"{ours.layer}+1/2"
        row: dict[str, Any] = {"layer": ours.layer, "from": start, "step": ours.name}
        for key in CHANGES:
            row |= {key: getattr(ours, key), f"{key}_control": getattr(random, key)}
        rows.append(row | {"worse": "; ".join(ours.worse), "worse_control": "; ".join(random.worse)})
    return rows


def segment_picture(segments: Segments, photo: Array | None, overlay: bool) -> Image.Image:
    """A segmentation as a picture: labels with a palette, PCA as colours, or either drawn on the photo, uint8 (H,W,3),
    of which a background of labels stays as it is, in the colours of the app."""
    if overlay and photo is not None:
        if segments.colours is not None:
            return Image.fromarray(figures.rgb_overlay(photo, segments.colours, segments.labels > 0))
        colors = figures.OBJECT_COLORS if segments.method in ("attention", "maskcut") else figures.HEAD_COLORS
        return Image.fromarray(figures.label_overlay(photo, segments.labels.astype(int) - 1, colors=colors))
    if segments.colours is not None:
        return Image.fromarray((255 * segments.colours).round().astype(np.uint8))
    return label_image(segments.labels)


def label_image(labels: Array) -> Image.Image:
    """Labels (H,W) as a palette picture, as VOC's: pixel value = label, 0 black, every label its own colour."""
    palette = colors_array(OBJECT_COLORS)
    colours = np.vstack([np.zeros((1, 3), np.uint8), np.resize(palette, (255, 3))])
    image = Image.fromarray(labels.astype(np.uint8), "P")
    image.putpalette(colours.astype(np.uint8).tobytes())
    return image


def label_png(labels: Array) -> bytes:
    """label_image as the bytes of a PNG file."""
    buffer = io.BytesIO()
    label_image(labels).save(buffer, "PNG")
    return buffer.getvalue()


def layer_rows(measures: list[LayerMeasures], control: list[LayerMeasures]) -> list[dict[str, Any]]:
    """One row for each layer, model and control side by side, heads as columns."""
    rows = []
    for ours, random in zip(measures, control, strict=True):
        row: dict[str, Any] = {"layer": ours.layer}
        for key in POSITIONS:
            row |= {key: getattr(ours, key), f"{key}_control": getattr(random, key)}
        row |= {f"official_head_{k + 1}": float(rate) for k, rate in enumerate(ours.per_head_official)}
        rows.append(row)
    return rows


def head_rows(numbers: Mapping[str, Array]) -> list[dict[str, Any]]:
    """One row for each head of each layer. numbers: by name (3,L,K), of a run, its control and even attention."""
    _, layers, heads = next(iter(numbers.values())).shape
    names = {"": 0, "_control": 1, "_even": 2}
    return [
        {"layer": layer + 1, "head": head + 1}
        | {
            f"{name.removeprefix('heads.')}{end}": float(values[i, layer, head])
            for name, values in numbers.items()
            for end, i in names.items()
        }
        for layer in range(layers)
        for head in range(heads)
    ]


def report_rows(measures: Sequence[LayerMeasures], control: Sequence[LayerMeasures]) -> list[dict[str, Any]]:
    """The main numbers of every layer beside the control's, under short names for a table."""
    return [
        {
            "layer": ours.layer,
            "R": ours.coding_rate,
            "Rᶜ": ours.subspace_coding_rate_official,
            "Rᶜ, control": random.subspace_coding_rate_official,
            "Rᶜ after MSSA": ours.subspace_coding_rate_half_official,
            "non-zeros": ours.nonzero_fraction,
            "non-zeros, control": random.nonzero_fraction,
            "‖Z‖₁": ours.l1,
            "effective rank": ours.effective_rank,
        }
        for ours, random in zip(measures, control, strict=True)
    ]


def segment_rows(
    about: dict[str, Any], top: tuple[list[str], Array], found: dict[str, Segments]
) -> list[dict[str, Any]]:
    """The prediction and the area of every segment, one number a row. about: the settings, repeated in every row."""
    rows = [{**about, "what": "probability", "of": name, "value": float(p)} for name, p in zip(*top, strict=True)]
    for method, segments in found.items():
        for label in range(1, int(segments.labels.max()) + 1):
            share = float((segments.labels == label).mean())
            rows.append({**about, "what": f"{method}, share of the picture", "of": f"segment {label}", "value": share})
    return rows


def token_rows(
    about: Mapping[str, Any], names: Sequence[str], grid: tuple[int, int], tokens: Array, rates: Array,
    axes: Sequence[str], places: Array, front: int = 1,
) -> list[dict[str, Any]]:  # fmt: skip
    """One row for each token: photo, place on its grid (rows and columns from 1, none for the `front`
    tokens in front of the patches), rate, coordinates.

    tokens: int (S,), token i is row i mod N of photo ⌊i/N⌋, N = front + rows·cols. rates (T,), places (T,c): of all.
    """
    rows = []
    for token in tokens.tolist():
        photo, within = divmod(token, front + grid[0] * grid[1])
        patch = within - front
        row, col = (None, None) if patch < 0 else (1 + patch // grid[1], 1 + patch % grid[1])
        place = {axis: float(value) for axis, value in zip(axes, places[token], strict=True)}
        rate = {"rate_nats": float(rates[token])}
        rows.append({**about, "photo": names[photo], "token": within, "row": row, "column": col, **rate, **place})
    return rows


def overlap_rows(found: Sequence[Segments], mask: Array) -> list[dict[str, Any]]:
    """One row for each segmentation (H,W): IoU with a mask (H,W) bool of the whole foreground and of the best single
    segment."""
    rows = []
    for segments in found:
        labels = segments.labels
        best, label = best_overlap(labels, mask)
        whole = segments.method in ("attention", "maskcut", "pca")
        rows.append(
            {
                "method": METHODS[segments.method],
                "layer": segments.layer,
                "IoU of the foreground": round(iou(labels > 0, mask), 3) if whole else None,
                "best segment": label,
                "its IoU": round(best, 3),
            }
        )
    return rows


def csv_text(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV; text that a spreadsheet would take for a formula gets a leading apostrophe."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]) if rows else [])
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _harmless(value) for key, value in row.items()})
    return buffer.getvalue()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
