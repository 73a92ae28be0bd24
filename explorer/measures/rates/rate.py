"""Coding rates in nats: how many nats it takes to encode tokens up to a squared distortion.

Tokens are rows here; the papers write them as columns. Every logdet is taken in float64, on the smaller of the two
Gram matrices: logdet(I + α ZᵀZ) = logdet(I + α ZZᵀ).
"""

from __future__ import annotations

import numpy as np

from explorer.trace import Array

SMALLEST_SINGULAR = 1e-7
"""Singular values below this share of the largest are rounding of the Gram matrix."""
OFFICIAL_EPS_SQUARED = 0.01
"""ε² of the published curves: the official code calls this number `eps` and does not square it."""


def coding_rate(z: Array, eps_squared: float = OFFICIAL_EPS_SQUARED) -> float:
    """Coding rate R(Z) in nats: ½ logdet(I + d/(N ε²) ZᵀZ), tokens as rows.

    z: (N,d) tokens, used as given (not normalised here). eps_squared: squared distortion, > 0.
    Raises ValueError if z is not 2-D or empty, or eps_squared <= 0. Source: arXiv 2306.01129, eq. 7.
    """
    z = _tokens(z, 2)
    return float(_half_logdet(z, _alpha(z, eps_squared)))


def subspace_coding_rate(subspace: Array, eps_squared: float = OFFICIAL_EPS_SQUARED) -> Array:
    """The K terms of R^c in nats: ½ logdet(I + p/(N ε²) W_kᵀW_k), W_k = the tokens in subspace k. Their sum is R^c.

    subspace: (K,N,p) projections U_kᵀZ with tokens as rows, used as given. Returns (K,).
    Raises ValueError if subspace is not 3-D or empty, or eps_squared <= 0. Source: arXiv 2306.01129, eq. 8.
    """
    _check(subspace, 3)
    alpha = _alpha(subspace, eps_squared)
    return np.array([_half_logdet(head.astype(np.float64), alpha) for head in subspace])


def subspace_coding_rate_official(subspace: Array) -> Array:
    """The K terms of R^c as the official code measures them: every token scaled to length 1 within each head.

    subspace: (K,N,p) projections of the *input* of MSSA, U_kᵀ LN(Z^ℓ), CLS included. Returns (K,); the sum is the
    published number. A token that is all zero in a head stays zero (the official code divides by 0 and gets NaN).
    Raises ValueError if subspace is not 3-D or empty. Source: Ma-Lab-Berkeley/CRATE, vis_utils/coding_rate.py.
    """
    _check(subspace, 3)
    alpha = _alpha(subspace, OFFICIAL_EPS_SQUARED)
    return np.array([_half_logdet(_unit_tokens(head), alpha) for head in subspace])


def _unit_tokens(tokens: Array) -> Array:
    """Tokens (N,p) scaled to length 1 in float64; zero stays zero. One head at a time fits the processor's cache."""
    tokens = tokens.astype(np.float64)
    length = np.sqrt(np.vecdot(tokens, tokens))
    tokens /= np.where(length > 0, length, 1.0)[:, None]
    return tokens


def subspace_rate_gradient(subspace: Array, eps_squared: float = OFFICIAL_EPS_SQUARED) -> Array:
    """∂R^c/∂W_k for the tokens W_k = U_kᵀZ in every subspace: α W_k (I + α W_kᵀW_k)⁻¹, α = p/(N ε²).

    subspace: (K,N,p), used as given. Returns (K,N,p), in nats per unit of an entry; lifted by U_k and summed over k it
    is ∇_Z R^c. Raises ValueError as subspace_coding_rate does. Source: the derivative of arXiv 2306.01129, eq. 8.
    """
    subspace = _tokens(subspace, 3)
    alpha = _alpha(subspace, eps_squared)
    gram = np.eye(subspace.shape[-1]) + alpha * np.swapaxes(subspace, -1, -2) @ subspace
    return alpha * np.swapaxes(np.linalg.solve(gram, np.swapaxes(subspace, -1, -2)), -1, -2)


def token_rates(z: Array, eps_squared: float = OFFICIAL_EPS_SQUARED) -> Array:
    """What each token adds to R(Z), in nats: −½ log(1 − h_i), h_i = α z_iᵀ(I + α ZᵀZ)⁻¹z_i, α = d/(N ε²).

    Exact: without token i, and with α held at its value for all N tokens, R is smaller by this much. The shares do not
    add up to R, because tokens that resemble one another share nats.
    z: (N,d) tokens, used as given. Returns (N,). Raises ValueError as coding_rate does.
    Source: the matrix determinant lemma applied to arXiv 2306.01129, eq. 7.
    """
    z = _tokens(z, 2)
    return _leave_one_out(z, _alpha(z, eps_squared))


def subspace_token_rates(subspace: Array, eps_squared: float = OFFICIAL_EPS_SQUARED) -> Array:
    """What each token adds to each head's term of R^c, in nats: token_rates within every subspace.

    subspace: (K,N,p) projections, used as given. Returns (K,N); the sum over heads is the token's exact share of R^c.
    Raises ValueError as subspace_coding_rate does.
    """
    subspace = _tokens(subspace, 3)
    return _leave_one_out(subspace, _alpha(subspace, eps_squared))


def effective_rank(z: Array) -> float:
    """Effective rank: exp of the entropy of the singular values, scaled to sum 1. From 1 to min(N,d).

    z: (N,d) tokens, not centred here. 0 for an all-zero z. Raises ValueError if z is not 2-D or empty.
    Source: Roy and Vetterli, The effective rank, EUSIPCO 2007.
    """
    z = _tokens(z, 2)
    gram = z.T @ z if len(z) > z.shape[1] else z @ z.T
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(gram), 0.0))  # the squares lose what is below 1e-8 of the largest
    if values[-1] == 0:
        return 0.0
    values = values[values > SMALLEST_SINGULAR * values[-1]]
    share = values / values.sum()
    return float(np.exp(-np.sum(share * np.log(share))))


def rate_bounds(heads: int, head_dim: int) -> tuple[float, float]:
    """Smallest and largest value, in nats, that the official R^c can take: ((K/2) ln(1+100p), (d/2) ln 101), d = Kp.

    With tokens of length 1 the scaled Gram matrix of a head has trace p/ε² = 100p. The floor is full collapse, one
    direction holding it all; the ceiling spreads it evenly over p directions. A token that is zero in a head lowers
    the floor. Raises ValueError if a size is < 1.
    """
    if heads < 1 or head_dim < 1:
        raise ValueError(f"heads and head_dim must be at least 1, got {heads} and {head_dim}")
    floor = heads / 2 * np.log1p(head_dim / OFFICIAL_EPS_SQUARED)
    ceiling = heads * head_dim / 2 * np.log1p(1 / OFFICIAL_EPS_SQUARED)
    return float(floor), float(ceiling)


def _tokens(z: Array, ndim: int) -> Array:
    """z in float64, after the check of its shape."""
    _check(z, ndim)
    return z.astype(np.float64)


def _check(z: Array, ndim: int) -> None:
    if z.ndim != ndim or z.size == 0:
        raise ValueError(f"expected a non-empty {ndim}-D array of tokens, got shape {z.shape}")


def _alpha(z: Array, eps_squared: float) -> float:
    if not eps_squared > 0:
        raise ValueError(f"eps_squared must be > 0, got {eps_squared}")
    tokens, width = z.shape[-2:]
    return width / (tokens * eps_squared)


def _regularised_gram(z: Array, alpha: float) -> Array:
    """I + α times the smaller Gram matrix of (...,N,d): d×d if d <= N, else N×N."""
    transposed = np.swapaxes(z, -1, -2)
    gram = transposed @ z if z.shape[-1] <= z.shape[-2] else z @ transposed
    return np.eye(gram.shape[-1]) + alpha * gram


def _half_logdet(z: Array, alpha: float) -> Array:
    return np.linalg.slogdet(_regularised_gram(z, alpha)).logabsdet / 2


def _leave_one_out(z: Array, alpha: float) -> Array:
    gram = _regularised_gram(z, alpha)
    if z.shape[-1] > z.shape[-2]:  # 1 − h_i is then the i-th diagonal entry of the inverse of the N×N matrix
        return -np.log(np.diagonal(np.linalg.inv(gram), axis1=-2, axis2=-1)) / 2
    solved = np.swapaxes(np.linalg.solve(gram, np.swapaxes(z, -1, -2)), -1, -2)
    share = alpha * np.sum(z * solved, axis=-1)
    # h_i < 1 in exact arithmetic; rounding may reach 1 when one token dwarfs all others
    return -np.log1p(-np.clip(share, 0.0, 1.0 - np.finfo(np.float64).epsneg)) / 2
