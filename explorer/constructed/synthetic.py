"""Tokens whose subspaces are known, and the steps of the theory on them: compress, then sparsify.

Tokens are rows. U holds K bases (K,d,p) of orthonormal columns, W_k = Z U_k are the coordinates (N,p) of the tokens in
subspace k, and α = p/(N ε²). The trained networks replace these steps by learned ones: see docs/measures.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer.measures.rates.rate import subspace_rate_gradient
from explorer.trace import Array, read_only

DICTIONARIES = ("bases", "orthogonal", "identity")


@dataclass(frozen=True)
class Mixture:
    """Tokens drawn from a union of subspaces. Read-only: tokens (N,d), labels int (N,), subspaces (K,d,p)."""

    tokens: Array
    labels: Array
    subspaces: Array


def subspaces_fit(count: int, dim: int, width: int, angle: float | None) -> bool:
    """Whether `count` subspaces of that dimension exist in R^width: Kp ≤ d at an angle, p ≤ d at random (None)."""
    return (dim if angle is None else count * dim) <= width


def draw_subspaces(count: int, dim: int, width: int, angle: float | None, random: np.random.Generator) -> Array:
    """K random subspaces as orthonormal bases (K,d,p).

    angle: in degrees, every principal angle between every two subspaces, U_jᵀU_k = cos(angle)·I; 90 = orthogonal to
    one another. None: drawn independently, uniformly; they overlap when Kp > d.
    Raises ValueError if they do not fit, or for an angle outside (0, 90].
    """
    if min(count, dim) < 1 or not subspaces_fit(count, dim, width, angle):
        raise ValueError(f"{count} subspaces of dimension {dim} do not fit into R^{width} at angle {angle}")
    if angle is None:
        return read_only(np.stack([_orthonormal(width, dim, random) for _ in range(count)]))
    if not 0 < angle <= 90:
        raise ValueError(f"angle must be in (0, 90] degrees, got {angle}")
    gram = np.full((count, count), np.cos(np.radians(angle)) if angle < 90 else 0.0)
    np.fill_diagonal(gram, 1.0)
    mixing = np.linalg.cholesky(gram)  # its rows are K unit vectors at the wanted angle
    frame = _orthonormal(width, count * dim, random).reshape(width, count, dim)
    return read_only(np.einsum("kj,djp->kdp", mixing, frame))


def draw_mixture(subspaces: Array, tokens: int, length: float, noise: float, random: np.random.Generator) -> Mixture:
    """Tokens from a mixture of Gaussians on subspaces: z = length · U_k x/‖x‖ + noise, x ~ N(0, I_p).

    The part within the subspace has one length, as LayerNorm leaves tokens; the attention of the theory has no
    temperature, so this length sets how sharp it is. noise: σ, the expected length of the noise N(0, σ²I/d · length²)
    relative to the signal. Labels go round 0 … K−1, so that the classes differ by one token at most.
    Raises ValueError if tokens < 1, length <= 0 or noise < 0.
    """
    if tokens < 1 or not length > 0 or not noise >= 0:
        raise ValueError(f"expected tokens >= 1, length > 0, noise >= 0, got {tokens}, {length}, {noise}")
    count, width, dim = subspaces.shape
    labels = np.arange(tokens) % count
    inner = random.standard_normal((tokens, dim))
    inner *= length / np.linalg.norm(inner, axis=1, keepdims=True)
    signal = np.einsum("np,ndp->nd", inner, subspaces[labels])
    outer = noise * length / np.sqrt(width) * random.standard_normal((tokens, width))
    return Mixture(read_only(signal + outer), read_only(labels), subspaces)


def subspace_coordinates(z: Array, subspaces: Array) -> Array:
    """W_k = Z U_k, the tokens z (N,d) in every subspace (K,d,p) → (K,N,p)."""
    return z @ subspaces


def mssa_step(z: Array, subspaces: Array, kappa: float) -> Array:
    """One compression step of the theory: (1−κ) Z + κ Σ_k softmax(W_k W_kᵀ) W_k U_kᵀ.

    Query, key and value are the same projection, and the softmax (over each row) has no temperature. κ stands for both
    prefactors of the papers' equations, which equal it at ε² = p/N: ε² only enters the measures.
    z: (N,d). subspaces: (K,d,p). Source: arXiv 2306.01129, eq. 11–12.
    """
    w = subspace_coordinates(z, subspaces)
    weights = w @ w.swapaxes(-1, -2)  # these K·N² numbers are most of a run's time: changed in place
    weights -= weights.max(axis=-1, keepdims=True)
    np.exp(weights, out=weights)
    attended = weights @ w / weights.sum(axis=-1, keepdims=True)
    return (1 - kappa) * z + kappa * _lifted(attended, subspaces)


def rate_gradient(z: Array, subspaces: Array, eps_squared: float) -> Array:
    """∇R^c(Z) = α Σ_k W_k (I + α W_kᵀW_k)⁻¹ U_kᵀ, (N,d), in nats per unit of an entry; α = p/(N ε²).

    z: (N,d). subspaces: (K,d,p). Raises ValueError if eps_squared <= 0.
    Source: the derivative of arXiv 2306.01129, eq. 8.
    """
    return _lifted(subspace_rate_gradient(subspace_coordinates(z, subspaces), eps_squared), subspaces)


def gradient_step(z: Array, subspaces: Array, kappa: float, eps_squared: float) -> Array:
    """One exact step down R^c: Z − (κ/α) ∇R^c, with the prefactor α folded into κ as in mssa_step.

    R^c never rises for κ ≤ 2/‖Σ_k U_kU_kᵀ‖; that bound is 2 for orthogonal subspaces.
    """
    alpha = subspaces.shape[-1] / (len(z) * eps_squared)
    return z - kappa / alpha * rate_gradient(z, subspaces, eps_squared)


def make_dictionary(kind: str, subspaces: Array, random: np.random.Generator) -> Array:
    """A dictionary D (d,m) with columns of length 1.

    "bases": U_1, −U_1, U_2, −U_2 …, m = 2Kp; both signs, because codes are never negative. "orthogonal": a
    random orthogonal matrix, m = d. "identity": m = d. Raises ValueError for another kind.
    """
    width = subspaces.shape[1]
    if kind == "bases":
        return read_only(np.hstack([signed for basis in subspaces for signed in (basis, -basis)]))
    if kind == "orthogonal":
        return read_only(_orthonormal(width, width, random))
    if kind == "identity":
        return read_only(np.eye(width))
    raise ValueError(f"a dictionary is one of {DICTIONARIES}, got {kind!r}")


def ista_step(codes: Array, z: Array, dictionary: Array, eta: float, lam: float) -> Array:
    """One sparsification step: ReLU(A + η (Z − A Dᵀ) D − ηλ), a proximal step on ½‖z − Da‖² + λ‖a‖₁ over a ≥ 0.

    codes: (N,m). z: (N,d). dictionary: (d,m). With m = d and codes = z it is the released block without its norm. The
    objective never rises for η ≤ 1/‖D‖². Source: Ma-Lab-Berkeley/CRATE, model/crate.py (FeedForward).
    """
    return np.maximum(codes + eta * (z - codes @ dictionary.T) @ dictionary - eta * lam, 0.0)


def largest_ista_step(dictionary: Array) -> float:
    """1/‖D‖² with the spectral norm: up to this η no ISTA step raises its objective."""
    return float(1 / np.linalg.norm(dictionary, 2) ** 2)


def own_share(z: Array, mixture: Mixture) -> Array:
    """Share of each token's energy in its own subspace, ‖U_kᵀz‖²/‖z‖², (N,) in [0,1]; a zero token has 0.

    1 − share is the squared sine of the angle between the token and its subspace. z: (N,d), rows as the mixture's.
    """
    energy = np.sum(z**2, axis=1)
    own = _energies(z, mixture.subspaces)[mixture.labels, np.arange(len(z))]
    return np.divide(own, energy, out=np.zeros(len(z)), where=energy > 0)


def recognised(z: Array, mixture: Mixture) -> Array:
    """Whether each token's strongest subspace is its own: bool (N,); a zero token has none."""
    energies = _energies(z, mixture.subspaces)
    return (np.argmax(energies, axis=0) == mixture.labels) & (energies.max(axis=0) > 0)


def view_axes(subspaces: Array) -> Array:
    """Three orthonormal directions (d,3) to look along: the first basis vectors of the first three subspaces, made
    orthogonal in this order, then the second ones; the coordinate axes themselves for d = 3. Raises ValueError for
    d < 3.
    """
    width = subspaces.shape[1]
    if width < 3:
        raise ValueError(f"three directions need a width of at least 3, got {width}")
    if width == 3:
        return np.eye(3)
    vectors = np.hstack([*subspaces.transpose(2, 1, 0), np.eye(width)])
    axes, triangle = np.linalg.qr(vectors)
    return axes[:, :3] * np.where(np.diagonal(triangle)[:3] < 0, -1.0, 1.0)


def _energies(z: Array, subspaces: Array) -> Array:
    return np.sum(subspace_coordinates(z, subspaces) ** 2, axis=-1)


def _lifted(w: Array, subspaces: Array) -> Array:
    """Σ_k W_k U_kᵀ: coordinates (K,N,p) back to tokens (N,d)."""
    return (w @ subspaces.swapaxes(-1, -2)).sum(axis=0)


def _orthonormal(rows: int, columns: int, random: np.random.Generator) -> Array:
    """A uniformly random matrix of orthonormal columns."""
    q, r = np.linalg.qr(random.standard_normal((rows, columns)))
    return q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
