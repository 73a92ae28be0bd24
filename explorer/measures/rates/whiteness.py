"""How white is a layer: how near each of its two steps is to the optimisation step that it was derived from.

A cosine of 1 means the same direction, 0 that the two have nothing in common, −1 the opposite. All arrays are compared
as wholes, tokens × dimensions, ⟨A,B⟩/(‖A‖‖B‖); in 140,000 dimensions chance alone gives |cos| of about 0.003.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorer.measures.rates.layers import layer_norm, project, turned_projections
from explorer.measures.rates.ledger import lasso_loss, lasso_start
from explorer.measures.rates.rate import OFFICIAL_EPS_SQUARED, subspace_rate_gradient
from explorer.rotary import rotate
from explorer.trace import Array, LayerWeights, Trace

MAX_TOKENS, FEW_TOKENS = 128, 32
"""Tokens, evenly spaced and CLS among them, on which the operator and the codes are compared: both are a token's own.
A large dictionary is compared on fewer, down to FEW_TOKENS. On the shipped models 128 of 730 tokens change no cosine
by more than 0.01."""
WORK = 128 * 192**2
"""Tokens × atoms² that one iteration may take."""
TOLERANCE = 1e-4
"""Largest violation of the optimality conditions, relative to the largest correlation |Dᵀx|, at which FISTA stops."""
CHECK_EVERY, MAX_ITERATIONS = 10, 20_000


@dataclass(frozen=True)
class CompressionFit:
    """Cosines of the compression step of one layer ℓ; None for a family without subspaces.

    gradient: the real update Z^{ℓ+½} − Z^ℓ against −∇R^c at X = LN(Z^ℓ). operator: the same update against the paper's
    operator Σ_k U_k SSA(X|U_k). reference: what the paper's own step would score, MSSA(X|U) − X against −∇R^c: in the
    derivation the step is (1 − c)X + c·MSSA(X|U), and the released code leaves the shrinking of X out.
    Source: arXiv 2306.01129, eq. 11.
    """

    layer: int
    gradient: float
    operator: float | None = None
    reference: float | None = None


@dataclass(frozen=True)
class SparsityFit:
    """How near the sparsifying step of one layer ℓ comes to argmin_{A≥0} ½‖X − DA‖² + λ‖A‖₁, X = LN(Z^{ℓ+½}).

    proximal: cosine of its codes (Z^{ℓ+1}, or A₂) and the exact solution. progress: how much of the way from the
    block's start to that minimum it goes, measured in the loss: 1 = arrived, 0 = no better than the start, below 0 =
    worse.
    """

    layer: int
    proximal: float
    progress: float


def measure_compression(
    trace: Trace, weights: Sequence[LayerWeights], image: int = 0, eps_squared: float = OFFICIAL_EPS_SQUARED
) -> list[CompressionFit]:
    """The cosines of every compression step of one image of a trace. weights: those of the trace's model.

    A ViT has only `gradient`, with its keys (bias included) in the part of U_kᵀX: what a black box scores.
    The operator is compared on at most MAX_TOKENS evenly spaced tokens, `gradient` on all.
    Raises ValueError if eps_squared <= 0.
    """
    return [_compression(trace, layer, of_layer, image, eps_squared) for layer, of_layer in enumerate(weights, start=1)]


def _compression(trace: Trace, layer: int, weights: LayerWeights, image: int, eps_squared: float) -> CompressionFit:
    z, z_half = trace.z(layer, image).astype(np.float64), trace.z_half(layer, image).astype(np.float64)
    update, descent = z_half - z, -layer_rate_gradient(z, weights, eps_squared)
    gradient = cosine(update, descent)
    if not trace.card.has_subspaces:
        return CompressionFit(layer, gradient)
    rows = evenly_spaced(len(z), MAX_TOKENS)
    operator = mssa_operator(project(z, weights), weights.subspaces, rows, weights.relative)
    step = operator - layer_norm(z[rows], weights.norm, weights.eps)
    return CompressionFit(layer, gradient, cosine(update[rows], operator), cosine(step, descent[rows]))


def measure_sparsification(trace: Trace, weights: Sequence[LayerWeights], image: int = 0) -> list[SparsityFit]:
    """How exact every sparsifying step of one image of a trace is; an empty list for a family without a LASSO.

    Measured on FEW_TOKENS to MAX_TOKENS evenly spaced tokens, as each token has a code of its own. weights: those of
    the trace's model; its own λ is used, and D as it is.
    """
    return [
        _sparsification(trace, layer, of_layer, image)
        for layer, of_layer in enumerate(weights, start=1)
        if of_layer.has_lasso
    ]


def _sparsification(trace: Trace, layer: int, weights: LayerWeights, image: int) -> SparsityFit:
    z_half, D = trace.z_half(layer, image), weights.dictionary
    assert D is not None  # the caller asks only where there is one
    assert weights.ista_norm is not None  # a dictionary has a norm in front of it
    rows = evenly_spaced(len(z_half), max(FEW_TOKENS, min(MAX_TOKENS, WORK // D.shape[1] ** 2)))
    x = layer_norm(z_half[rows].astype(np.float64), weights.ista_norm, weights.eps)
    codes, exact = trace.codes(layer, image)[rows], proximal_codes(x, D, weights.lam)
    return SparsityFit(layer, cosine(codes, exact), lasso_progress(x, codes, exact, D, weights.lam))


def cosine(a: Array, b: Array) -> float:
    """⟨A,B⟩/(‖A‖‖B‖) of two arrays of one shape, in [−1,1]; 0 if either is all zero. Raises ValueError otherwise."""
    if a.shape != b.shape:
        raise ValueError(f"two arrays of one shape have an angle, got {a.shape} and {b.shape}")
    left, right = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    lengths = np.linalg.norm(left) * np.linalg.norm(right)
    return float(np.clip(left @ right / lengths, -1.0, 1.0)) if lengths > 0 else 0.0


def evenly_spaced(tokens: int, most: int) -> Array:
    """Rows of at most `most` evenly spaced tokens, the first one (CLS) and the last among them."""
    return np.linspace(0, tokens - 1, min(most, tokens)).round().astype(int)


def layer_rate_gradient(z: Array, weights: LayerWeights, eps_squared: float = OFFICIAL_EPS_SQUARED) -> Array:
    """∇_X R^c(X; U) at X = LN(z), exactly: Σ_k α W_k (I + α W_kᵀW_k)⁻¹ U_kᵀ, W_k = X U_k, α = p/(N ε²).

    z: (N,d), before the norm. With respect to X, not chained through the norm in front; where W_k are rotated and
    normalised in each head, chained through that. Returns (N,d), in nats for a unit of X.
    Raises ValueError if eps_squared <= 0. Source: the derivative of arXiv 2306.01129, eq. 8.
    """
    parts = project(z.astype(np.float64), weights)
    solved = subspace_rate_gradient(parts, eps_squared)
    if weights.rotary:
        length = np.sqrt((turned_projections(z.astype(np.float64), weights) ** 2).mean(-1, keepdims=True) + weights.eps)
        solved = rotate((solved - parts * (parts * solved).mean(-1, keepdims=True)) / length, back=True)
    return solved.transpose(1, 0, 2).reshape(len(z), -1) @ weights.subspaces


def mssa_operator(subspace: Array, subspaces: Array, rows: Array | None = None, relative: bool = False) -> Array:
    """The paper's MSSA, Σ_k U_k SSA(X|U_k) with SSA = softmax over the tokens applied to U_kᵀX, up to its prefactor.

    subspace: (K,N,p) = U_kᵀX. subspaces: (K·p,d), rows U_kᵀ. rows: tokens to compute, all by default.
    relative: U_kᵀX are rotated by their places, and what is gathered is rotated back by the token's own. The softmax's
    logits are scaled by p^{−½} as in the released code, so that the two differ in the outer matrix alone, which the
    code learns (with a bias). Returns (len(rows),d). Source: arXiv 2306.01129, eq. 11 and 12.
    """
    asked = subspace if rows is None else subspace[:, rows]
    logits = asked @ np.swapaxes(subspace, -1, -2) * subspace.shape[-1] ** -0.5
    attention = np.exp(logits - logits.max(axis=-1, keepdims=True))
    attended = attention @ subspace / attention.sum(axis=-1, keepdims=True)
    if relative:  # a token is turned by its own place, so it has to stand there
        placed = np.zeros_like(subspace, attended.dtype)
        placed[:, slice(None) if rows is None else rows] = attended
        attended = rotate(placed, back=True)[:, slice(None) if rows is None else rows]
    return attended.transpose(1, 0, 2).reshape(asked.shape[1], -1) @ subspaces


def proximal_codes(x: Array, dictionary: Array, lam: float) -> Array:
    """argmin_{A≥0} ½‖x − DA‖² + λ‖A‖₁ for every token, by FISTA with restarts: (N,m) float64.

    x: (N,d). dictionary: D (d,m). Stops when the optimality conditions, A ≥ 0, g ≥ 0 and A·g = 0 with
    g = Dᵀ(DA − x) + λ, hold to TOLERANCE·max|Dᵀx|; raises ValueError if they do not within MAX_ITERATIONS.
    Source: Beck and Teboulle 2009; restarts: O'Donoghue and Candès 2015.
    """
    D = dictionary.astype(np.float64)
    gram, pull = D.T @ D, x.astype(np.float64) @ D
    step, enough = 1 / max(np.linalg.eigvalsh(gram)[-1], np.finfo(float).tiny), TOLERANCE * max(np.abs(pull).max(), lam)
    codes = ahead = np.zeros_like(pull)
    momentum = 1.0
    for iteration in range(1, MAX_ITERATIONS + 1):
        moved = np.maximum(ahead - step * (ahead @ gram - pull + lam), 0)
        if np.vdot(ahead - moved, moved - codes) > 0:
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * (moved - codes)
        codes, momentum = moved, following
        if iteration % CHECK_EVERY == 0 and violation(codes, codes @ gram - pull + lam) <= enough:
            return codes
    raise ValueError(f"FISTA did not reach its tolerance within {MAX_ITERATIONS} iterations")


def violation(codes: Array, slope: Array) -> float:
    """Largest |A − max(A − g, 0)|: 0 exactly where A is optimal under A ≥ 0. codes A and slope g: (N,m)."""
    return float(np.abs(codes - np.maximum(codes - slope, 0)).max())


def lasso_progress(x: Array, codes: Array, exact: Array, dictionary: Array, lam: float) -> float:
    """(F(start) − F(codes)) / (F(start) − F(exact)) of the LASSO loss F summed over tokens; 1 if start is optimal too.

    x: (N,d). codes, exact: (N,m), exact from proximal_codes. start: ledger.lasso_start. At most 1.
    """
    start = lasso_start(x, dictionary)
    at_start, at_codes, at_best = (lasso_loss(x, a, dictionary, lam).sum() for a in (start, codes, exact))
    reachable = at_start - at_best
    return float((at_start - at_codes) / reachable) if reachable > TOLERANCE * at_start else 1.0
