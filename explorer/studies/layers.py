"""What every layer of a model does to an input, beside its random-init control, as plain values."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from explorer import runtime, zoo
from explorer.card import ModelCard
from explorer.measures.rates import (
    OFFICIAL_EPS_SQUARED,
    Balance,
    CompressionFit,
    LayerLedger,
    LayerMeasures,
    SparsityFit,
    half_steps,
    measure_compression,
    measure_layers,
    measure_ledger,
    measure_sparsification,
    revaluations,
)
from explorer.measures.texts import logit_lens
from explorer.trace import Knobs, LayerWeights, Prepared, Trace

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
FITS = ("gradient", "operator", "reference", "proximal", "progress")
"""How near a layer is to its derivation: measures.CompressionFit and SparsityFit."""


def layer_numbers(card: ModelCard, prepared: Prepared, knobs: Knobs, control: bool) -> dict[str, Any]:
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
    """How well the text is predicted, in nats: by the model, and by each Z^l read out at once (logit lens), the mean
    over the texts. Per byte: of all bytes but those of the first token, None for token numbers without a text."""
    trace, readout = runtime.run(runtime.open_model(card), prepared, None, knobs), zoo.load_readout(card)
    texts = range(len(prepared.data))
    costs = np.mean(
        [[one.cross_entropy for one in logit_lens(trace, readout, prepared.data[t], 1, t)] for t in texts], 0
    )
    tokens, size = prepared.data.shape[1], sum(len(piece.data) for piece in prepared.pieces[1:])
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


def ledger_numbers(
    card: ModelCard, prepared: Prepared, knobs: Knobs, price: float, eps_squared: float
) -> dict[str, Any]:
    """The ledger of a model and of its random-init control, averaged over the images: balances, half steps, cosines.

    price: μ, nats for each entry that is not zero. Raises ValueError if eps_squared <= 0.
    """
    drawn = zoo.draw_control(card)
    values: dict[str, Any] = {
        "model": card.name, "images": len(prepared.data), "price": price, "eps_squared": eps_squared, "unit": "nats",
    }  # fmt: skip
    for name, arrays in (("trained", None), ("control", drawn)):
        weights = zoo.layer_weights(card, arrays)
        trace = runtime.run(runtime.open_model(card, arrays), prepared, None, knobs)
        values[name] = _ledger_values(trace, weights, price, eps_squared)
    return values


def _ledger_values(
    trace: Trace, weights: tuple[LayerWeights, ...], price: float, eps_squared: float
) -> dict[str, list[Any]]:
    images = range(len(trace.points["z.1"]))
    books = mean_books([measure_ledger(trace, weights, image, eps_squared) for image in images])
    compression = [measure_compression(trace, weights, image, eps_squared) for image in images]
    sparsity = [measure_sparsification(trace, weights, image) for image in images]
    fits = [fit_rows(*fits) for fits in zip(compression, sparsity, strict=True)]
    return {
        "books": [
            {"layer": of_layer.layer}
            | {name: _balance_values(getattr(of_layer, name), price) for name in ("before", "half", "after")}
            for of_layer in books
        ],
        "steps": [dataclasses.asdict(step) for step in half_steps(books, price)],
        "revaluations": revaluations(books, price).tolist(),
        "fit": [
            {"layer": row["layer"]}
            | {key: None if row[key] is None else float(np.mean([rows[i][key] for rows in fits])) for key in FITS}
            for i, row in enumerate(fits[0])
        ],
    }


def _balance_values(balance: Balance, price: float) -> dict[str, Any]:
    return {
        "coding_rate": balance.coding_rate, "subspace_coding_rate": balance.subspace_coding_rate,
        "per_head": balance.per_head.tolist(), "l0": balance.l0, "l1": balance.l1,
        "objective": balance.objective(price),
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
