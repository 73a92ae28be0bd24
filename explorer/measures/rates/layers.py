"""The numbers of every layer of a trace: what compression and sparsification did, at which position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from explorer.measures.rates.rate import (
    OFFICIAL_EPS_SQUARED,
    coding_rate,
    effective_rank,
    subspace_coding_rate,
    subspace_coding_rate_official,
)
from explorer.measures.rates.sparsity import l0, l1, nonzero_fraction
from explorer.processors import usable_processors
from explorer.rotary import rotate
from explorer.trace import Array, LayerWeights, Norm, Trace

Of = TypeVar("Of")
WORTH_A_THREAD = 150_000
"""Numbers of a layer's projections from which a second thread helps: 12 layers of 785 × 384 took 13 ms, not 19, but of
197 × 384 8 instead of 7."""


@dataclass(frozen=True)
class LayerMeasures:
    """Numbers of one layer ℓ (from 1); rates in nats, per_head arrays (K,) add up to R^c.

    coding_rate, coding_rate_half: R of Z^ℓ and of Z^{ℓ+½}, tokens as given.
    per_head, per_head_half: R^c of U_kᵀ LN(Z^ℓ), what MSSA reads, and of U_kᵀ LN(Z^{ℓ+½}), what it made of it, under
    the same norm and subspaces. *_official: the same with every token scaled to length 1 within each head.
    effective_rank: of Z^ℓ, in directions.
    nonzero_fraction, l0, l1: of what the sparsifying step leaves, Z^{ℓ+1} (or the codes where the dictionary is
    overcomplete), CLS included; l1 is the sum of absolute entries.
    """

    layer: int
    coding_rate: float
    coding_rate_half: float
    per_head: Array
    per_head_half: Array
    per_head_official: Array
    per_head_half_official: Array
    effective_rank: float
    nonzero_fraction: float
    l0: int
    l1: float

    @property
    def subspace_coding_rate(self) -> float:
        return float(self.per_head.sum())

    @property
    def subspace_coding_rate_half(self) -> float:
        return float(self.per_head_half.sum())

    @property
    def subspace_coding_rate_official(self) -> float:
        return float(self.per_head_official.sum())

    @property
    def subspace_coding_rate_half_official(self) -> float:
        return float(self.per_head_half_official.sum())


def normed(z: Array, weights: LayerWeights) -> Array:
    """LN(z) for tokens z (N,d), with the norm in front of a layer's subspaces: what MSSA reads of Z^ℓ."""
    return layer_norm(z, weights.norm, weights.eps)


def project(z: Array, weights: LayerWeights) -> Array:
    """U_kᵀ LN(z) for tokens z (N,d) → (K,N,p), with the norm and the subspaces of a layer.

    Where the layer rotates its projections, row n is turned as the token of place n and normalised in each head. Equals
    the trace point subspace.ℓ when z is Z^ℓ. Source: the released code's PreNorm(Attention), and nanochat-crate's MSSA.
    """
    turned = turned_projections(z, weights)
    return layer_norm(turned, "rms", weights.eps) if weights.rotary else turned


def turned_projections(z: Array, weights: LayerWeights) -> Array:
    """Like project, before the projections are normalised in each head; the same where they are not."""
    flat = normed(z, weights) @ weights.subspaces.T
    flat = flat if weights.bias is None else flat + weights.bias
    split = flat.reshape(len(z), weights.heads, -1).transpose(1, 0, 2)
    return rotate(split) if weights.rotary else split


def before_threshold(z_half: Array, weights: LayerWeights) -> tuple[Array, float]:
    """What the last ReLU of a layer's sparsifying step thresholds, and the threshold ηλ.

    z_half: (N,d). Square D: x + η Dᵀ(x − Dx) with x = LN(Z^{ℓ+½}), (N,d), and ReLU(that − ηλ) is Z^{ℓ+1}.
    Overcomplete D: A₁ − η Dᵀ(DA₁ − x), (N,m), and ReLU(that − ηλ) are the codes. With learned thresholds θ:
    η(Dᵀx − λθ), (N,m), and 0.
    Raises ValueError for a family without a dictionary. Source: the released FeedForward (CRATE),
    OvercompleteISTABlock (CRATE-α) and ODL (nanochat-crate).
    """
    if weights.dictionary is None or weights.ista_norm is None:
        raise ValueError("this layer has no dictionary, so nothing is thresholded")
    x, D = layer_norm(z_half, weights.ista_norm, weights.eps), weights.dictionary
    if weights.thresholds is not None:
        return weights.eta * (x @ D - weights.lam * weights.thresholds), 0.0
    threshold = weights.eta * weights.lam
    if D.shape[0] == D.shape[1]:
        return x + weights.eta * (x - x @ D.T) @ D, threshold
    first = np.maximum(weights.eta * x @ D - threshold, 0)
    return first - weights.eta * (first @ D.T - x) @ D, threshold


def layer_norm(z: Array, norm: Norm, eps: float) -> Array:
    """Every token (last axis) centred, divided by its standard deviation, scaled and shifted: the norm LN of a layer.

    z: (N,d). norm: scale and shift, or "rms": divided by the root of its mean square alone. eps: added to the variance
    or the mean square. Source: torch.nn.LayerNorm, torch.nn.functional.rms_norm.
    """
    if norm == "rms":
        return z / np.sqrt((z**2).mean(axis=-1, keepdims=True) + eps)
    centred = z - z.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(z.var(axis=-1, keepdims=True) + eps) * norm[0] + norm[1]


def measure_layers(
    trace: Trace, weights: Sequence[LayerWeights], image: int = 0, eps_squared: float = OFFICIAL_EPS_SQUARED
) -> list[LayerMeasures]:
    """Measure every layer of one image of a trace. weights: those of the model that the trace came from."""
    layers = range(1, len(weights) + 1)
    size = trace.projections(1, image).size
    return _of_each(layers, size, lambda layer: _measure(trace, layer, weights[layer - 1], image, eps_squared))


def measure_curves(trace: Trace, image: int = 0) -> tuple[Array, Array]:
    """The two published curves alone, (L,) each: R^c as the official code measures it, and the share of non-zeros.

    Equal to subspace_coding_rate_official and nonzero_fraction of measure_layers, at a small part of its cost: no
    singular values, no matrix as wide as the tokens. For what must follow a moving knob.
    """
    curves = _of_each(
        range(1, trace.card.layers + 1),
        trace.projections(1, image).size,
        lambda layer: (
            subspace_coding_rate_official(trace.projections(layer, image)).sum(),
            nonzero_fraction(trace.codes(layer, image)),
        ),
    )
    rates, shares = zip(*curves, strict=True)
    return np.array(rates), np.array(shares)


def _of_each(layers: Sequence[int], size: int, measure: Callable[[int], Of]) -> list[Of]:
    """What a measure says of each layer; size: numbers in one. Large ones two at a time: NumPy frees Python's lock."""
    workers = min(2, usable_processors()) if size >= WORTH_A_THREAD else 1
    if workers == 1:
        return [measure(layer) for layer in layers]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(measure, layers))


def _measure(trace: Trace, layer: int, weights: LayerWeights, image: int, eps_squared: float) -> LayerMeasures:
    before, after = trace.projections(layer, image), project(trace.z_half(layer, image), weights)
    sparse = trace.codes(layer, image)
    return LayerMeasures(
        layer=layer,
        coding_rate=coding_rate(trace.z(layer, image), eps_squared),
        coding_rate_half=coding_rate(trace.z_half(layer, image), eps_squared),
        per_head=subspace_coding_rate(before, eps_squared),
        per_head_half=subspace_coding_rate(after, eps_squared),
        per_head_official=subspace_coding_rate_official(before),
        per_head_half_official=subspace_coding_rate_official(after),
        effective_rank=effective_rank(trace.z(layer, image)),
        nonzero_fraction=nonzero_fraction(sparse),
        l0=l0(sparse),
        l1=l1(sparse),
    )
