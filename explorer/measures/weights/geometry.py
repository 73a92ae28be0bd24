"""Geometry of one layer's weights and of the coordinates: how incoherent the subspaces are, how near DᵀD is to I.

U_[K] = [U_1 … U_K] holds d×p matrices side by side; a LayerWeights stores its transpose, so heads are blocks of rows
there. Angles and overlaps compare the spans of the U_k, whatever basis a head happened to learn; the Gram matrix
compares the basis vectors themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer.measures.rates.rate import effective_rank
from explorer.trace import Array, LayerWeights, read_only


def head_matrices(subspaces: Array, heads: int) -> Array:
    """The rows U_kᵀ of every head, (K,p,d) float64, from (K·p,d).

    Raises ValueError if subspaces is not 2-D, is empty or has rows that the heads cannot share evenly.
    """
    if subspaces.ndim != 2 or not subspaces.size or heads < 1 or len(subspaces) % heads:
        raise ValueError(f"expected (K·p,d) rows for {heads} heads, got shape {subspaces.shape}")
    return subspaces.astype(np.float64).reshape(heads, -1, subspaces.shape[1])


def span_bases(subspaces: Array, heads: int) -> Array:
    """An orthonormal basis of every span U_k, (K,d,min(p,d)); where rows of U_k depend on one another, QR completes it.

    Raises ValueError as head_matrices does.
    """
    return np.linalg.qr(head_matrices(subspaces, heads).transpose(0, 2, 1))[0]


def absolute_cosines(columns: Array) -> Array:
    """|cos| between all pairs of columns, (m,m) in [0,1]: the Gram matrix of the columns scaled to length 1.

    columns: (d,m), one vector each. A column of zeros has no direction: its row and column, diagonal included, are 0.
    Raises ValueError if columns is not 2-D or empty. Source of the figure: arXiv 2306.01129, |U_[K]ᵀU_[K]|.
    """
    if columns.ndim != 2 or not columns.size:
        raise ValueError(f"expected a non-empty 2-D array of columns, got shape {columns.shape}")
    length = np.linalg.norm(columns.astype(np.float64), axis=0)
    unit = columns / np.where(length > 0, length, 1.0)
    return np.minimum(np.abs(unit.T @ unit), 1.0)


def within_between(cosines: Array, heads: int) -> tuple[float, float]:
    """Mean |cos| of two columns of the same head, and of two columns of different heads.

    cosines: (K·p,K·p) of absolute_cosines; a column's cosine with itself is left out. Directions drawn at random in d
    dimensions have √(2/(πd)) of each on average. NaN where there is no such pair (p = 1, or one head).
    Raises ValueError if cosines is not square or does not divide into heads. Definition: ours.
    """
    size = len(cosines)
    if cosines.shape != (size, size) or heads < 1 or size % heads:
        raise ValueError(f"expected a square matrix of {heads} equal blocks, got shape {cosines.shape}")
    head = np.arange(size) // (size // heads)
    same = head[:, None] == head
    inside, between = cosines[same & ~np.eye(size, dtype=bool)], cosines[~same]
    return _mean(inside), _mean(between)


def principal_angles(subspaces: Array, heads: int) -> Array:
    """Principal angles between the spans of every two heads, in degrees, ascending: (K,K,p); zeros on the diagonal.

    arccos of the singular values of Q_jᵀQ_k, with Q_k an orthonormal basis of span U_k. Two random p-dimensional
    spans in d dimensions are not orthogonal: the angles start at arccos of about 2√(p/d · (1 − p/d)). An angle below
    1e-6 degrees is rounding. Raises ValueError as head_matrices does. Source: Björck and Golub 1973 (the cosine form).
    """
    bases = span_bases(subspaces, heads)
    width = bases.shape[2]
    angles = np.zeros((heads, heads, width))
    for j in range(heads - 1):
        cosines = np.linalg.svd(bases[j].T @ bases[j + 1 :], compute_uv=False)
        angles[j, j + 1 :] = angles[j + 1 :, j] = np.degrees(np.arccos(np.clip(cosines, 0.0, 1.0)))
    return angles


def span_overlap(subspaces: Array, heads: int) -> Array:
    """How much of one head's span lies in another's: mean cos² of their principal angles, ‖Q_jᵀQ_k‖²_F / p, (K,K).

    0: orthogonal (incoherent). 1: the same span (the diagonal). Expected of random spans: p/d exactly.
    Raises ValueError as head_matrices does. Source: the square of the
    affinity of Soltanolkotabi and Candès 2012, divided by its largest value.
    """
    bases = span_bases(subspaces, heads)
    flat = bases.transpose(1, 0, 2).reshape(bases.shape[1], -1)
    squared = (flat.T @ flat).reshape(heads, bases.shape[2], heads, bases.shape[2]) ** 2
    return np.minimum(squared.sum(axis=(1, 3)) / bases.shape[2], 1.0)


def mean_between(matrix: Array) -> float:
    """Mean of the entries off the diagonal of a K×K matrix of pairs; NaN for one head."""
    return _mean(matrix[~np.eye(len(matrix), dtype=bool)])


def head_singular_values(subspaces: Array, heads: int) -> Array:
    """Singular values of every U_k, descending, (K, min(p,d)). All equal: U_k is a scaled orthonormal basis.

    Raises ValueError as head_matrices does.
    """
    return np.linalg.svd(head_matrices(subspaces, heads), compute_uv=False)


@dataclass(frozen=True)
class DictionaryFit:
    """How near a dictionary D (d,m) is to DᵀD = I.

    deviation: ‖DᵀD − I‖_F / √m, 0 for orthonormal columns, at least √(1 − d/m) if m > d. length: root mean square
    length of the columns; where it is not 1 it makes most of the deviation. mean_cosine, coherence: mean and largest
    |cos| of two different columns (0 with one column). welch: the least coherence that m columns in d dimensions can
    have, √((m−d)/(d(m−1))), 0 if m <= d.
    """

    deviation: float
    length: float
    mean_cosine: float
    coherence: float
    welch: float


def dictionary_fit(dictionary: Array) -> DictionaryFit:
    """The numbers of DictionaryFit for D (d,m), columns as learned.

    Raises ValueError if D is not 2-D or empty. Source: arXiv 2306.01129, sec. 2.4 (D is assumed nearly orthogonal);
    Welch 1974 for the bound.
    """
    cosines = absolute_cosines(dictionary)
    width, size = dictionary.shape
    off = cosines[~np.eye(size, dtype=bool)]
    gram = dictionary.T.astype(np.float64) @ dictionary
    return DictionaryFit(
        deviation=float(np.linalg.norm(gram - np.eye(size)) / np.sqrt(size)),
        length=float(np.sqrt(np.trace(gram) / size)),
        mean_cosine=float(off.mean()) if off.size else 0.0,
        coherence=float(off.max()) if off.size else 0.0,
        welch=float(np.sqrt((size - width) / (width * (size - 1)))) if size > width else 0.0,
    )


def projected_ranks(projections: Array) -> Array:
    """Effective rank of the tokens in each subspace, (K,), in directions: 1 … p. projections: (K,N,p), not centred.

    Raises ValueError as effective_rank does.
    """
    return np.array([effective_rank(tokens) for tokens in projections])


def axis_alignment(features: Array) -> float:
    """How far single coordinates, not mixtures of them, carry the features: 1 = no more than after a random rotation.

    Mean over tokens x of (d+2)/3 · Σ x_i⁴ / (Σ x_i²)². The fraction is the inverse participation ratio; averaged over
    all rotations of x it is 3/(d+2) exactly, so a rotated token counts 1 without drawing any rotation. A token with a
    single non-zero coordinate counts (d+2)/3, the largest value; one whose entries are all ±c counts (d+2)/(3d), the
    least. Gaussian entries of which a ReLU keeps one half count about 2: sparse features are aligned by construction.
    features: (N,d); tokens that are all zero have no direction and are left out (1.0 if none is left).
    Raises ValueError if features is not 2-D or empty. Definition: ours.
    """
    if features.ndim != 2 or not features.size:
        raise ValueError(f"expected a non-empty (N,d) array of features, got shape {features.shape}")
    largest = np.abs(features).max(axis=1, keepdims=True).astype(np.float64)
    tokens = features[largest[:, 0] > 0] / largest[largest[:, 0] > 0]  # the scale cancels; x⁴ of tiny entries would not
    if not len(tokens):
        return 1.0
    inverse_participation = np.sum(tokens**4, axis=1) / np.sum(tokens**2, axis=1) ** 2
    return float(inverse_participation.mean() * (features.shape[1] + 2) / 3)


def block_max(matrix: Array, block: int) -> Array:
    """A large matrix made small enough to draw: the largest entry of every block×block square, smaller at the edges.

    Raises ValueError if block < 1 or matrix is not 2-D.
    """
    return _reduced(np.maximum, matrix, block)


def block_mean(matrix: Array, block: int) -> Array:
    """As block_max, with the mean of every square: it keeps the level of a whole region, and fades single entries."""
    count = _reduced(np.add, np.ones(matrix.shape), block)
    return _reduced(np.add, matrix, block) / count


def _reduced(merge: np.ufunc, matrix: Array, block: int) -> Array:
    if block < 1 or matrix.ndim != 2:
        raise ValueError(f"expected a 2-D matrix and block >= 1, got shape {matrix.shape} and {block}")
    for axis in (0, 1):
        matrix = merge.reduceat(matrix, np.arange(0, matrix.shape[axis], block), axis=axis)
    return matrix


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else float("nan")


@dataclass(frozen=True)
class LayerGeometry:
    """Geometry of one layer's weights: nothing here depends on a photo.

    cosines: (K·p,K·p) |cos| of the columns of U_[K]; within, between: their means. overlap: (K,K). angles: (K,K,p)
    degrees. singular_values: (K,p). dictionary: None where the family has none.
    """

    cosines: Array
    within: float
    between: float
    overlap: Array
    angles: Array
    singular_values: Array
    dictionary: DictionaryFit | None


def layer_geometry(weights: LayerWeights) -> LayerGeometry:
    """The numbers of LayerGeometry for one layer's weights."""
    cosines = absolute_cosines(weights.subspaces.T)
    within, between = within_between(cosines, weights.heads)
    return LayerGeometry(
        cosines=read_only(cosines),
        within=within,
        between=between,
        overlap=span_overlap(weights.subspaces, weights.heads),
        angles=principal_angles(weights.subspaces, weights.heads),
        singular_values=head_singular_values(weights.subspaces, weights.heads),
        dictionary=None if weights.dictionary is None else dictionary_fit(weights.dictionary),
    )
