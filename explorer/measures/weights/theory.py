"""Do the tokens fit the model of the data that CRATE is derived from?

The model: every token is drawn from one of K zero-mean Gaussians, the k-th of which lives on the low-dimensional span
of U_k, and the spans are incoherent (arXiv 2306.01129, sec. 2.2; arXiv 2311.13110). Tokens are rows; CLS is not
among the tokens here: it is one of a kind, and one outlier moves a fourth moment far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorer.measures.rates.layers import normed
from explorer.measures.weights.geometry import span_bases
from explorer.trace import Array, LayerWeights, Trace

TOKENS_PER_AXIS = 4
"""Tokens that a Gaussianity needs for each axis it is measured along; with fewer, the trailing axes are left out."""
MIN_TOKENS = 2 * TOKENS_PER_AXIS
TOP_TOKENS = 0.1
"""Share of the tokens that counts as a head's strongest."""
RANK_TOLERANCE = 1e-9
"""An axis with less than this share of the variance (or of the energy of the tokens) is rounding, not a direction."""


def energy_shares(tokens: Array, subspaces: Array, heads: int) -> Array:
    """Share of every token's energy that lies in each span, ‖Q_kᵀx‖²/‖x‖², (N,K) in [0,1]; Q_k orthonormal.

    tokens: (N,d) in the space that U_kᵀ reads, LN(Z^ℓ), without CLS; a token of zeros has 0 everywhere. subspaces:
    (K·p,d), rows are U_kᵀ. The shares of one token add up to 1 only where spans are orthogonal and fill the space.
    A span drawn at random holds p/d on average. Raises ValueError if the widths differ.
    """
    bases = span_bases(subspaces, heads)
    if tokens.ndim != 2 or not tokens.size or tokens.shape[1] != bases.shape[1]:
        raise ValueError(f"expected (N,{bases.shape[1]}) tokens, got shape {tokens.shape}")
    energy = np.sum(tokens.astype(np.float64) ** 2, axis=1, keepdims=True)
    inside = np.sum((tokens[None] @ bases) ** 2, axis=2).T
    return np.clip(inside / np.where(energy > 0, energy, 1.0), 0.0, 1.0)


def explained_energy(tokens: Array, shares: Array) -> Array:
    """Share of all tokens' energy in each span, Σ_i‖Q_kᵀx_i‖² / Σ_i‖x_i‖², (K,), from the tokens and their shares.

    Raises ValueError if their numbers differ.
    """
    if len(tokens) != len(shares):
        raise ValueError(f"{len(tokens)} tokens do not have {len(shares)} rows of shares")
    energy = np.sum(tokens.astype(np.float64) ** 2, axis=1)
    return energy @ shares / (energy.sum() or 1.0)


def best_energy(tokens: Array, width: int) -> float:
    """Share of the tokens' energy in the best span of `width` directions: the first principal ones, not centred.

    No U_k of p = width columns can explain more; one drawn at random explains width/d. With few tokens this bound is
    high for any data (1 from width = N on), so compare it with the control's. Raises ValueError for width < 1.
    """
    if width < 1:
        raise ValueError(f"width must be at least 1, got {width}")
    tokens = tokens.astype(np.float64)
    gram = tokens @ tokens.T if len(tokens) < tokens.shape[1] else tokens.T @ tokens
    energies = np.linalg.eigvalsh(gram)  # ascending
    return float(energies[-width:].sum() / (energies.sum() or 1.0))


def subspaces_per_token(shares: Array) -> Array:
    """Over how many subspaces a token's energy is spread: participation ratio (Σ_k e_k)² / Σ_k e_k², (N,) in 1 … K.

    shares: (N,K) of energy_shares. 1: all energy in one subspace, as the model of the data has it; K: the same amount
    in each. A token of zeros counts K. Raises ValueError if shares is not 2-D or negative.
    """
    if shares.ndim != 2 or not shares.size or (shares < 0).any():
        raise ValueError(f"expected (N,K) shares that are not negative, got shape {shares.shape}")
    top = np.sum(shares**2, axis=1)
    ratio = np.sum(shares, axis=1) ** 2 / np.where(top > 0, top, 1.0)
    return np.where(top > 0, ratio, float(shares.shape[1]))


def isotropic_subspaces_per_token(heads: int, width: int) -> float:
    """What subspaces_per_token is for tokens without any structure: (Kp+2)/(p+2).

    For K orthogonal spans that fill the space and tokens uniform in direction the shares follow Dirichlet(p/2, …),
    whose E Σ e_k² is (p+2)/(Kp+2); this is the inverse of that mean. Raises ValueError if a size is < 1.
    """
    if heads < 1 or width < 1:
        raise ValueError(f"heads and width must be at least 1, got {heads} and {width}")
    return (heads * width + 2) / (width + 2)


def support_overlap(shares: Array, top: float = TOP_TOKENS) -> Array:
    """Do the heads hold different tokens: overlap (IoU) of the `top` share of tokens with the most energy, (K,K).

    shares: (N,K) of energy_shares; of equal tokens the first one wins. The diagonal is 1, disjoint supports have 0, and
    sets drawn at random about top/(2 − top). Raises ValueError if top is not in (0, 1] or shares is not 2-D.
    Definition: ours.
    """
    if shares.ndim != 2 or not shares.size or not 0 < top <= 1:
        raise ValueError(f"expected (N,K) shares and top in (0, 1], got shape {shares.shape} and {top}")
    count = max(1, round(top * len(shares)))
    strongest = np.argsort(-shares, axis=0, kind="stable")[:count]
    member = np.zeros(shares.shape)
    np.put_along_axis(member, strongest, 1.0, axis=0)
    both = member.T @ member
    return both / (2 * count - both)


@dataclass(frozen=True)
class Gaussianity:
    """How Gaussian one head's tokens are. distances: (N,) squared Mahalanobis distances to their mean, ascending.

    axes: q, the leading principal axes that were measured along. kurtosis: Mardia's kurtosis over what a Gaussian
    sample of this size has on average: 1 = Gaussian, above = heavier tails, below = lighter.
    """

    distances: Array
    axes: int
    kurtosis: float


def gaussianity(tokens: Array) -> Gaussianity:
    """Mardia's kurtosis of one head's tokens (N,p), centred and whitened here, over its mean for Gaussian samples.

    b = mean of d_i⁴, d_i² the squared Mahalanobis distances under the sample's own covariance (divisor N); a Gaussian
    sample of q axes has E b = q(q+2)(N−1)/(N+1) exactly. No invertible change of a head's basis alters it while q = p.
    If K subspaces of orthogonal spans each hold an equal share of the tokens and the rest are 0 in them, the ratio
    is K: heavy tails are what the *mixture* looks like from one head; 1 says one Gaussian for all tokens.
    Bias: the sample covariance follows the sample, so d_i² ≤ N − 1 and b cannot show heavy tails when N is not
    much larger than q; at most N/4 axes are therefore used, the leading ones, and the rest is left out.
    Raises ValueError if tokens is not 2-D or has fewer than 8 rows. Source: Mardia 1970; ratio: ours.
    """
    if tokens.ndim != 2 or len(tokens) < MIN_TOKENS or not tokens.shape[1]:
        raise ValueError(f"expected (N,p) tokens with N >= {MIN_TOKENS}, got shape {tokens.shape}")
    centred = tokens.astype(np.float64) - tokens.mean(axis=0, dtype=np.float64)
    values, directions = np.linalg.eigh(centred.T @ centred)
    rounding = RANK_TOLERANCE * np.sum(tokens.astype(np.float64) ** 2)  # tokens that are all alike leave only this
    rank = int(np.count_nonzero(values > RANK_TOLERANCE * values[-1] + rounding))
    axes = min(rank, len(tokens) // TOKENS_PER_AXIS)
    if axes == 0:
        return Gaussianity(np.zeros(len(tokens)), 0, 1.0)
    along = centred @ directions[:, -axes:]
    distances = np.sort(len(tokens) * np.sum(along**2 / values[-axes:], axis=1))
    return Gaussianity(distances, axes, float(np.mean(distances**2) / _mardia_mean(len(tokens), axes)))


def gaussian_quantiles(tokens: int, axes: int) -> Array:
    """What the sorted distances of a Gaussian sample are: quantiles at (i−½)/N, (N,), of their exact law.

    d²/(N−1) is Beta(q/2, (N−q−1)/2) under the sample's own covariance (divisor N), not χ², which holds for N → ∞ only.
    Raises ValueError unless 1 <= axes < tokens − 1. Source: Gnanadesikan and Kettenring 1972.
    """
    from scipy.special import betaincinv  # scipy.stats has the same, and takes a second to import

    _check_axes(tokens, axes)
    at = (np.arange(tokens) + 0.5) / tokens
    return (tokens - 1) * betaincinv(axes / 2, (tokens - axes - 1) / 2, at)


def gaussian_kurtosis_spread(tokens: int, axes: int) -> float:
    """Standard deviation of Gaussianity.kurtosis over truly Gaussian samples of this size: what chance alone does.

    Exact for a full set of axes: Var b = 8q(q+2)(N−3)(N−q−1)(N−q+1) / ((N+1)²(N+3)(N+5)), over (E b)².
    Raises ValueError unless 1 <= axes < tokens − 1. Source: Mardia 1974.
    """
    _check_axes(tokens, axes)
    n, q = tokens, axes
    variance = 8 * q * (q + 2) * (n - 3) * (n - q - 1) * (n - q + 1) / ((n + 1) ** 2 * (n + 3) * (n + 5))
    return float(np.sqrt(variance) / _mardia_mean(n, q))


def _check_axes(tokens: int, axes: int) -> None:
    if not 1 <= axes < tokens - 1:
        raise ValueError(f"expected 1 <= axes < tokens − 1, got {axes} axes and {tokens} tokens")


def _mardia_mean(tokens: int, axes: int) -> float:
    return axes * (axes + 2) * (tokens - 1) / (tokens + 1)


@dataclass(frozen=True)
class LayerFit:
    """How the patches of one layer ℓ (from 1) fit the model of the data.

    explained: (K,) share of all patches' energy in each span. best: what the best span of p directions would hold.
    spread: (N−1,) subspaces_per_token. support: (K,K) support_overlap. gaussian: one for each head.
    """

    layer: int
    explained: Array
    best: float
    spread: Array
    support: Array
    gaussian: tuple[Gaussianity, ...]

    @property
    def kurtosis(self) -> float:
        """Mean over the heads."""
        return float(np.mean([head.kurtosis for head in self.gaussian]))


def layer_fit(trace: Trace, weights: Sequence[LayerWeights], layer: int) -> LayerFit:
    """The numbers of LayerFit for one layer. weights: those of the model that the trace came from.

    Tokens are LN(Z^ℓ) for energies and U_kᵀ LN(Z^ℓ) for Gaussianity, what MSSA reads; CLS and others in front are left
    out of both. Raises ValueError with fewer than 8 patches.
    """
    own = weights[layer - 1]
    patches = normed(trace.z(layer), own)[trace.front :]
    shares = energy_shares(patches, own.subspaces, own.heads)
    return LayerFit(
        layer=layer,
        explained=explained_energy(patches, shares),
        best=best_energy(patches, len(own.subspaces) // own.heads),
        spread=subspaces_per_token(shares),
        support=support_overlap(shares),
        gaussian=tuple(gaussianity(tokens[trace.front :]) for tokens in trace.projections(layer)),
    )
