"""The ledger of the objective R(Z) − R^c(Z; U) − μ‖Z‖₀: what each half step of each layer gains and loses.

Every layer keeps books of its own. Its three balances, of Z^ℓ, Z^{ℓ+½} and Z^{ℓ+1}, are taken in one currency:
X = LN^ℓ(Z), the norm in front of layer ℓ's MSSA, its subspaces U^ℓ and one ε². So R and R^c are of the same tokens,
and a change within a layer is the work of the half step alone. From one layer to the next the currency changes:
Z^{ℓ+1} closes the books of layer ℓ and opens those of layer ℓ+1 at another value. That jump is nobody's work.

The papers write λ for μ, the price of an entry; here λ is the threshold of the network's own step alone.

Traps. U is learned and need not be orthonormal, so the level of R − R^c means little and may be negative; changes are
what counts. ‖Z‖₀ and ‖Z‖₁ are of the tokens themselves, for the norm would fill every zero. MSSA adds a dense update,
so ‖Z‖₀ jumps to N·d at every ℓ+½ and ISTA has to win it back: judge sparsity over whole layers.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorer.measures.rates.layers import layer_norm, project
from explorer.measures.rates.rate import OFFICIAL_EPS_SQUARED, coding_rate, subspace_coding_rate
from explorer.measures.rates.sparsity import l0, l1
from explorer.trace import Array, LayerWeights, Trace

COMPRESS, SPARSIFY = "compress", "sparsify"
NOISE = 1e-3
"""A change must be larger than this to count: rounding of float32 tokens moves a rate by up to about 1e-4 nats."""


@dataclass(frozen=True)
class Balance:
    """One position in the books of a layer ℓ: Z^ℓ, Z^{ℓ+½} or Z^{ℓ+1}.

    coding_rate: R(X) in nats, X = LN^ℓ(Z). per_head: (K,), the terms of R^c(X; U^ℓ) in nats. l0, l1: number of exact
    non-zeros and sum of absolute entries of Z itself, CLS included.
    """

    coding_rate: float
    per_head: Array
    l0: int
    l1: float

    @property
    def subspace_coding_rate(self) -> float:
        """R^c(X; U^ℓ) in nats."""
        return float(self.per_head.sum())

    @property
    def rate_reduction(self) -> float:
        """R(X) − R^c(X; U^ℓ) in nats."""
        return self.coding_rate - self.subspace_coding_rate

    def objective(self, price: float) -> float:
        """R(X) − R^c(X; U^ℓ) − μ‖Z‖₀ in nats; price: μ, nats for each entry that is not zero."""
        return self.rate_reduction - price * self.l0


@dataclass(frozen=True)
class LayerLedger:
    """The books of layer ℓ. lasso_before, lasso_after: see lasso_start and lasso_loss, mean over the tokens, at the
    model's own λ; None for a family without a dictionary."""

    layer: int
    before: Balance
    half: Balance
    after: Balance
    lasso_before: float | None = None
    lasso_after: float | None = None


@dataclass(frozen=True)
class HalfStep:
    """What one half step of layer ℓ changed: after minus before, in that layer's currency.

    name: COMPRESS (Z^ℓ → Z^{ℓ+½}) or SPARSIFY (Z^{ℓ+½} → Z^{ℓ+1}). Rates and objective in nats. lasso: change of the
    LASSO loss for each token, None for COMPRESS and where there is no dictionary.
    worse: what this step should have bettered and made worse instead, of "R^c rose" (COMPRESS), "R − μ‖Z‖₀ fell" and
    "LASSO rose" (SPARSIFY), "objective fell" (both).
    """

    layer: int
    name: str
    coding_rate: float
    subspace_coding_rate: float
    rate_reduction: float
    l0: int
    l1: float
    objective: float
    lasso: float | None
    worse: tuple[str, ...]


def measure_ledger(
    trace: Trace, weights: Sequence[LayerWeights], image: int = 0, eps_squared: float = OFFICIAL_EPS_SQUARED
) -> list[LayerLedger]:
    """The books of every layer of one image of a trace. weights: those of the model that the trace came from.

    At layer ℓ and the same ε², before.per_head and half.per_head are LayerMeasures' per_head and per_head_half.
    Raises ValueError if eps_squared <= 0. Source: the objective of arXiv 2311.13110.
    """
    return [_layer(trace, layer, of_layer, image, eps_squared) for layer, of_layer in enumerate(weights, start=1)]


def compression_changes(
    trace: Trace, weights: Sequence[LayerWeights], image: int = 0, eps_squared: float = OFFICIAL_EPS_SQUARED
) -> Array:
    """How R^c changes in the first half step of every layer, in nats (L,): that of half_steps, at a small part of the
    ledger's cost."""
    return np.array([
        subspace_coding_rate(project(trace.z_half(layer, image), of_layer), eps_squared).sum()
        - subspace_coding_rate(project(trace.z(layer, image), of_layer), eps_squared).sum()
        for layer, of_layer in enumerate(weights, start=1)
    ])  # fmt: skip


def _layer(trace: Trace, layer: int, weights: LayerWeights, image: int, eps_squared: float) -> LayerLedger:
    tokens = (trace.z(layer, image), trace.z_half(layer, image), trace.z(layer + 1, image))
    before, half, after = (balance(z, weights, eps_squared) for z in tokens)
    if not weights.has_lasso or weights.dictionary is None or weights.ista_norm is None:
        return LayerLedger(layer, before, half, after)
    x = layer_norm(tokens[1], weights.ista_norm, weights.eps)
    losses = (
        lasso_loss(x, codes, weights.dictionary, weights.lam).mean()
        for codes in (lasso_start(x, weights.dictionary), trace.codes(layer, image))
    )
    return LayerLedger(layer, before, half, after, *map(float, losses))


def balance(z: Array, weights: LayerWeights, eps_squared: float = OFFICIAL_EPS_SQUARED) -> Balance:
    """The balance of tokens z (N,d) in the currency of one layer: its norm, its subspaces, ε²."""
    x = layer_norm(z, weights.norm, weights.eps)
    return Balance(
        coding_rate(x, eps_squared), subspace_coding_rate(project(z, weights), eps_squared), l0(z), l1(z)
    )  # fmt: skip


def lasso_loss(x: Array, codes: Array, dictionary: Array, lam: float) -> Array:
    """½‖x − Da‖² + λ‖a‖₁ of every token, what the sparsifying step is a step of: (N,).

    x: (N,d) = LN(Z^{ℓ+½}) under the norm in front of D. codes: (N,m). dictionary: D (d,m). lam: λ of the model, which
    weighs ‖a‖₁ here and is another number than μ, the price in the objective. Source: arXiv 2311.13110, the ISTA block.
    """
    residual = x.astype(np.float64) - codes @ dictionary.T.astype(np.float64)
    return np.sum(residual**2, axis=1) / 2 + lam * np.abs(codes).sum(axis=1, dtype=np.float64)


def lasso_start(x: Array, dictionary: Array) -> Array:
    """The codes from which the released blocks start, made admissible: max(x, 0) where D is square, else zeros.

    A square D starts at a = x itself, which breaks a ≥ 0. x: (N,d), dictionary: (d,m). Returns (N,m).
    """
    width, atoms = dictionary.shape
    return np.maximum(x, 0) if width == atoms else np.zeros((len(x), atoms))


def half_steps(books: Sequence[LayerLedger], price: float, least: float = NOISE) -> list[HalfStep]:
    """The 2L half steps in the order of the network, each with what it made worse at this price (nats for an entry).

    least: a change must be larger than this to count; where it is shown rounded, what is not rounded to 0.
    """
    return [
        _half_step(of_layer, name, price, least, start, end)
        for of_layer in books
        for name, start, end in (
            (COMPRESS, of_layer.before, of_layer.half),
            (SPARSIFY, of_layer.half, of_layer.after),
        )
    ]


def _half_step(books: LayerLedger, name: str, price: float, least: float, start: Balance, end: Balance) -> HalfStep:
    rate, parts = end.coding_rate - start.coding_rate, end.subspace_coding_rate - start.subspace_coding_rate
    filled, objective = end.l0 - start.l0, end.objective(price) - start.objective(price)
    lasso = None
    if name == SPARSIFY and books.lasso_before is not None and books.lasso_after is not None:
        lasso = books.lasso_after - books.lasso_before
    tests = {
        "R^c rose": name == COMPRESS and parts > least,
        "R − μ‖Z‖₀ fell": name == SPARSIFY and rate - price * filled < -least,
        "LASSO rose": lasso is not None and lasso > least,
        "objective fell": objective < -least,
    }
    worse = tuple(text for text, found in tests.items() if found)
    return HalfStep(books.layer, name, rate, parts, rate - parts, filled, end.l1 - start.l1, objective, lasso, worse)


def revaluations(books: Sequence[LayerLedger], price: float) -> Array:
    """How far the objective of Z^ℓ jumps, in nats, where the books of layer ℓ−1 close and those of ℓ open: (L−1,).

    The 2L half steps and these jumps add up to the last balance minus the first. μ‖Z‖₀ cancels.
    """
    return np.array(
        [after.before.objective(price) - before.after.objective(price) for before, after in itertools.pairwise(books)]
    )
