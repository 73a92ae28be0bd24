"""Models, measurements and segmentations as plain values and files: what the command line prints and pages offer."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from explorer import figures, runtime, zoo
from explorer.card import ModelCard
from explorer.figures.style import OBJECT_COLORS, colors_array
from explorer.measures import (
    COMPRESS,
    OFFICIAL_EPS_SQUARED,
    Balance,
    CompressionFit,
    HalfStep,
    LayerLedger,
    LayerMeasures,
    Segments,
    SparsityFit,
    half_steps,
    logit_lens,
    measure_compression,
    measure_layers,
    measure_ledger,
    measure_sparsification,
    revaluations,
)
from explorer.trace import Array, Knobs, LayerWeights, Prepared, Trace

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

CHANGES = ("coding_rate", "subspace_coding_rate", "rate_reduction", "l0", "l1", "lasso", "objective")
"""What a half step of the ledger changes, in the order in which it is shown."""
FITS = ("gradient", "operator", "reference", "proximal", "progress")
"""How near a layer is to its derivation: measures.CompressionFit and SparsityFit."""


def card_values(card: ModelCard) -> dict[str, Any]:
    """A model card as plain values, without the laws of initialisation and the names of weights; of a tokenizer only
    whether there is one."""
    values = dataclasses.asdict(card) | {"tokenizer": bool(card.tokenizer)}
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
    if card.reads_text and prepared.data.shape[1] > 1:
        values["text"] = _text_values(card, prepared, knobs)
    return values


def _text_values(card: ModelCard, prepared: Prepared, knobs: Knobs) -> dict[str, Any]:
    """How well the text is foretold, in nats: by the model, and by each Z^l read out at once (logit lens), the mean
    over the texts. Per byte: of all bytes but those of the first token, None for token numbers without a text."""
    trace, readout = runtime.run(runtime.open_model(card), prepared, None, knobs), zoo.load_readout(card)
    texts = range(len(prepared.data))
    costs = np.mean(
        [[one.cross_entropy for one in logit_lens(trace, readout, prepared.data[t], 1, t)] for t in texts], 0
    )
    tokens, size = prepared.data.shape[1], len("".join(prepared.pieces[1:]).encode())
    return {
        "tokens": tokens, "nats_per_token": float(costs[-1]),
        "nats_per_byte": float(costs[-1]) * (tokens - 1) / size if size else None, "logit_lens": costs.tolist(),
    }  # fmt: skip


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


def ledger(card: ModelCard, prepared: Prepared, knobs: Knobs, lam: float, eps_squared: float) -> dict[str, Any]:
    """The ledger of a model and of its random-init control, averaged over the images: balances, half steps, cosines.

    lam: nats for each entry that is not zero. Raises ValueError if eps_squared <= 0.
    """
    drawn = zoo.draw_control(card)
    values: dict[str, Any] = {
        "model": card.name, "images": len(prepared.data), "lambda": lam, "eps_squared": eps_squared, "unit": "nats",
    }  # fmt: skip
    for name, arrays in (("trained", None), ("control", drawn)):
        weights = zoo.layer_weights(card, arrays)
        trace = runtime.run(runtime.open_model(card, arrays), prepared, None, knobs)
        values[name] = _ledger_values(trace, weights, lam, eps_squared)
    return values


def _ledger_values(
    trace: Trace, weights: tuple[LayerWeights, ...], lam: float, eps_squared: float
) -> dict[str, list[Any]]:
    images = range(len(trace.logits))
    books = mean_books([measure_ledger(trace, weights, image, eps_squared) for image in images])
    compression = [measure_compression(trace, weights, image, eps_squared) for image in images]
    sparsity = [measure_sparsification(trace, weights, image) for image in images]
    fits = [fit_rows(*fits) for fits in zip(compression, sparsity, strict=True)]
    return {
        "books": [
            {"layer": of_layer.layer}
            | {name: _balance_values(getattr(of_layer, name), lam) for name in ("before", "half", "after")}
            for of_layer in books
        ],
        "steps": [dataclasses.asdict(step) for step in half_steps(books, lam)],
        "revaluations": revaluations(books, lam).tolist(),
        "fit": [
            {"layer": row["layer"]}
            | {key: None if row[key] is None else float(np.mean([rows[i][key] for rows in fits])) for key in FITS}
            for i, row in enumerate(fits[0])
        ],
    }


def _balance_values(balance: Balance, lam: float) -> dict[str, Any]:
    return {
        "coding_rate": balance.coding_rate, "subspace_coding_rate": balance.subspace_coding_rate,
        "per_head": balance.per_head.tolist(), "l0": balance.l0, "l1": balance.l1, "objective": balance.objective(lam),
    }  # fmt: skip


def mean_books(images: list[list[LayerLedger]]) -> list[LayerLedger]:
    """The ledgers of several images as one: every number is the mean over them."""
    return [_mean_record(list(of_layer)) for of_layer in zip(*images, strict=True)]


def _mean_record(records: list[Any]) -> Any:
    """Frozen dataclasses of numbers, arrays and such dataclasses → their mean; None where they are None."""
    first = records[0]
    means: dict[str, Any] = {}
    for field in dataclasses.fields(first):
        parts = [getattr(record, field.name) for record in records]
        if dataclasses.is_dataclass(parts[0]):
            means[field.name] = _mean_record(parts)
        elif parts[0] is not None and len(parts) > 1 and field.name != "layer":
            means[field.name] = np.mean(parts, axis=0)[()]
    return dataclasses.replace(first, **means)


def fit_rows(compression: list[CompressionFit], sparsity: list[SparsityFit]) -> list[dict[str, Any]]:
    """One row for each layer: its number and FITS; None where the family has no such step."""
    empty: dict[str, Any] = dict.fromkeys(("layer", *FITS))
    codes = {fit.layer: dataclasses.asdict(fit) for fit in sparsity}
    return [empty | dataclasses.asdict(fit) | codes.get(fit.layer, {}) for fit in compression]


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


def report_rows(measures: Sequence[LayerMeasures], control: Sequence[LayerMeasures]) -> list[dict[str, Any]]:
    """The main numbers of every layer beside the control's, under short names for a table."""
    return [
        {
            "layer": ours.layer,
            "R": ours.coding_rate,
            "R^c": ours.subspace_coding_rate_official,
            "R^c, control": random.subspace_coding_rate_official,
            "R^c after MSSA": ours.subspace_coding_rate_half_official,
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
    axes: Sequence[str], places: Array,
) -> list[dict[str, Any]]:  # fmt: skip
    """One row for each token: photo, place on its grid (rows and columns from 1, none for CLS), rate, coordinates.

    tokens: int (S,), token i is row i mod N of photo ⌊i/N⌋, N = 1 + rows·cols. rates (T,), places (T,c): of all tokens.
    """
    rows = []
    for token in tokens.tolist():
        photo, within = divmod(token, 1 + grid[0] * grid[1])
        row, col = (None, None) if within == 0 else (1 + (within - 1) // grid[1], 1 + (within - 1) % grid[1])
        place = {axis: float(value) for axis, value in zip(axes, places[token], strict=True)}
        rate = {"rate_nats": float(rates[token])}
        rows.append({**about, "photo": names[photo], "token": within, "row": row, "column": col, **rate, **place})
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
