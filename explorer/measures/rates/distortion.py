"""What the distortion ε² decides: how many bits a token takes, how many directions count, how far subspaces overlap.

Every rate here is ½ Σ ln(1 + c λ_i/ε²) over the eigenvalues λ_i of a Gram matrix, so one decomposition serves all ε².
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorer.measures.rates.layers import layer_norm, project
from explorer.trace import Array, LayerWeights


@dataclass(frozen=True)
class DistortionCurves:
    """Three numbers of the tokens X = LN(Z^ℓ) at every ε², each (E,).

    bits_per_token: R(X)/(N ln 2). directions: those whose energy stands above the distortion, Σ_i s_i/(1 + s_i) with
    s_i = d λ_i/(N ε²), which is also 2 dR/d ln(1/ε²): how fast the rate grows when ε² is made smaller.
    overlap: the share of R^c that coding the heads one by one spends twice, see subspace_overlap.
    """

    eps_squared: Array
    bits_per_token: Array
    directions: Array
    overlap: Array


def distortion_curves(z: Array, weights: LayerWeights, eps_squared: Sequence[float]) -> DistortionCurves:
    """The curves of tokens z (N,d) of one layer, which enters with its norm and its subspaces.

    eps_squared: squared distortions, > 0. Raises ValueError otherwise.
    """
    eps = _positive(eps_squared)
    x, parts = layer_norm(z, weights.norm, weights.eps), project(z, weights)
    spread = _scaled(x, x.shape[-1] / len(x)) / eps[:, None]
    return DistortionCurves(
        eps, _half_log(spread) / (len(x) * np.log(2)), (spread / (1 + spread)).sum(axis=1),
        subspace_overlap(parts, eps_squared),
    )  # fmt: skip


def subspace_overlap(subspace: Array, eps_squared: Sequence[float]) -> Array:
    """The share of R^c that is redundant between heads: 1 − R_joint/R^c at every ε², in [0, 1 − 1/K].

    R_joint = ½ logdet(I + α WᵀW) of all heads' projections side by side, W = [W_1 … W_K] (N,K·p), with the same
    α = p/(N ε²) as each head's term of R^c. By Fischer's inequality R_joint ≤ R^c; the difference is what coding every
    head on its own spends on what another head has told already. 0: no two heads are correlated (W_jᵀW_k = 0).
    1 − 1/K: all heads say the same and ε² is tiny compared with it. 0 for all-zero projections.
    subspace: (K,N,p). eps_squared: (E,), > 0. Returns (E,). This definition is ours.
    """
    eps, (_, tokens, width) = _positive(eps_squared), subspace.shape
    scale = width / tokens
    alone = sum(_half_log(_scaled(head, scale) / eps[:, None]) for head in subspace)
    joint = _half_log(_scaled(np.concatenate(list(subspace), axis=1), scale) / eps[:, None])
    return np.where(alone > 0, 1 - joint / np.where(alone > 0, alone, 1.0), 0.0).clip(0.0)


def _positive(eps_squared: Sequence[float]) -> Array:
    eps = np.asarray(eps_squared, np.float64)
    if eps.ndim != 1 or not (eps > 0).all():
        raise ValueError(f"every eps_squared must be > 0, got {eps_squared}")
    return eps


def _scaled(tokens: Array, scale: float) -> Array:
    """Eigenvalues of the smaller Gram matrix of (N,m), times scale."""
    z = tokens.astype(np.float64)
    gram = z.T @ z if z.shape[1] <= len(z) else z @ z.T
    return scale * np.linalg.eigvalsh(gram).clip(0.0)


def _half_log(spread: Array) -> Array:
    """½ Σ ln(1 + s_i) over the last axis."""
    return np.log1p(spread).sum(axis=-1) / 2
