"""Models, measurements and segmentations as plain values and files: what the command line prints and pages offer."""

from __future__ import annotations

import csv
import dataclasses
import io
from typing import Any

import numpy as np
from PIL import Image

from explorer import figures, runtime, zoo
from explorer.figures.style import OBJECT_COLORS, colors_array
from explorer.measures import OFFICIAL_EPS_SQUARED, LayerMeasures, Segments, measure_layers
from explorer.trace import Array, Knobs, LayerWeights, ModelCard, Prepared

POSITIONS = {
    "coding_rate": "R(Z^l), the tokens that enter the layer, as given",
    "coding_rate_half": "R(Z^{l+1/2}), after MSSA and its residual, as given",
    "subspace_coding_rate": "R^c of U_k^T LN(Z^l), the input of MSSA, as given; the sum of per_head",
    "subspace_coding_rate_half": "R^c of U_k^T LN(Z^{l+1/2}), the same norm and subspaces after MSSA, as given",
    "subspace_coding_rate_official": "R^c of U_k^T LN(Z^l), every token scaled to length 1 within each head",
    "subspace_coding_rate_half_official": "R^c of U_k^T LN(Z^{l+1/2}), every token scaled to length 1 within each head",
    "effective_rank": "exp of the entropy of the singular values of Z^l, in directions",
    "nonzero_fraction": "share of exact non-zeros in Z^{l+1} (the codes where D is overcomplete), CLS included",
    "l0": "number of exact non-zeros there",
    "l1": "sum of absolute entries there",
}


def card_values(card: ModelCard) -> dict[str, Any]:
    """A model card as plain values, without the laws of initialisation and the names of weights."""
    values = dataclasses.asdict(card)
    for internal in ("weights", "init"):
        del values[internal]
    return {**values, "path": str(card.path), "lambda": values.pop("lam")}


def measure(card: ModelCard, prepared: Prepared, knobs: Knobs, control: bool) -> dict[str, Any]:
    """Every layer's numbers, averaged over the images, beside those of the random-init control."""
    values: dict[str, Any] = {
        "model": card.name, "images": len(prepared.data), "eps_squared": OFFICIAL_EPS_SQUARED, "unit": "nats",
        "positions": POSITIONS,
        "layers": _layer_values(runtime.open_model(card), zoo.layer_weights(card), prepared, knobs),
    }  # fmt: skip
    if control:
        drawn = zoo.draw_control(card)
        weights = zoo.layer_weights(card, drawn)
        values["control"] = _layer_values(runtime.open_model(card, drawn), weights, prepared, knobs)
    return values


def _layer_values(
    model: runtime.Model, weights: tuple[LayerWeights, ...], prepared: Prepared, knobs: Knobs
) -> list[dict[str, Any]]:
    trace = runtime.run(model, prepared, None, knobs)
    images = [measure_layers(trace, weights, image) for image in range(len(prepared.data))]
    return [_row([rows[layer] for rows in images]) for layer in range(model.card.layers)]


def _row(measures: list[LayerMeasures]) -> dict[str, Any]:
    """One layer over all images: means, and standard deviations where there is more than one image."""
    row: dict[str, Any] = {"layer": measures[0].layer}
    for key in POSITIONS:
        row[key] = float(np.mean([getattr(m, key) for m in measures]))
    for key in ("per_head", "per_head_half", "per_head_official", "per_head_half_official"):
        row[key] = np.mean([getattr(m, key) for m in measures], axis=0).tolist()
    if len(measures) > 1:
        row["std"] = {key: float(np.std([getattr(m, key) for m in measures], ddof=1)) for key in POSITIONS}
    return row


def segment_picture(segments: Segments, prepared: Prepared, overlay: bool) -> Image.Image:
    """A segmentation as a picture: labels with a palette, PCA as colours, or either drawn on the photo."""
    photo = prepared.picture
    if overlay and photo is not None:
        if segments.colours is not None:
            return Image.fromarray(figures.rgb_overlay(photo, segments.colours, segments.labels > 0))
        return Image.fromarray(figures.label_overlay(photo, segments.labels))
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
