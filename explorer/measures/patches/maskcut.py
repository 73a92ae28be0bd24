"""MaskCut: objects found by cutting the graph of similar patches again and again, with no training and no labels.

Follows the released code of CutLER (facebookresearch/CutLER, maskcut/maskcut.py), without its CRF, on the features
that arXiv 2308.16271 uses for CRATE: the concatenated projections u_k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from explorer.errors import ExplorerError
from explorer.measures.patches.attention import tokens_in_front
from explorer.measures.patches.projection import patch_features, unit_rows
from explorer.measures.patches.segmentation import iou
from explorer.trace import Array, read_only

MAX_PATCHES = 4096
"""The affinity is a dense square of the patches: at this count 134 MB, and each of a few copies as much again."""
NO_EDGE = 1e-5
"""Weight of an edge below tau; the graph must stay connected."""
DENSE_BELOW = 64
"""Fewer vertices are quicker with all of LAPACK's solver."""
SIGNED_BELOW = 1024
"""Up to this many patches LAPACK is asked for its sign where that decides (83 ms at 961, in one stage of ten)."""
KRYLOV, TOLERANCE = 10, 1e-10
"""Vectors that Lanczos keeps, and its relative error: over photos of two models 1e-12 took a tenth more steps, and no
mask was another one at 1e-6."""
MAX_OVERLAP = 0.5
MIN_AREA = 0.01
MAX_GRAPH = 3600
"""Patches of MaskCut's graph at most: the 60 × 60 of CutLER's own setting."""


@dataclass(frozen=True)
class MaskCutResult:
    """What MaskCut found, in the order of the cuts; M may be 0.

    masks: bool (M,rows,cols), none empty, no two overlap. eigenvectors: (M,rows,cols), the vector that each mask was
    cut from, with the mask on its high side and vᵀDv = 1. eigenvalues: (M,), in [0,2], small where the cut is cheap.
    All read-only.
    """

    masks: Array
    eigenvectors: Array
    eigenvalues: Array


def maskcut(
    projections: Array,
    grid: tuple[int, int],
    objects: int = 3,
    tau: float = 0.15,
    swap: bool = False,
    signs: Literal["released", "own"] = "released",
) -> MaskCutResult:
    """Up to `objects` objects, each a connected set of patches.

    Each stage cuts the graph of the patches (affinity) at the mean of its second eigenvector. The foreground is the
    side of the largest entry, or the other one if three of the four corners are in it; the object is the part of the
    foreground connected (by edges) to its largest entry. The object's features become zero before the next stage.
    From the second stage on, an object is dropped if its IoU with the mask of the stage directly before exceeds 0.5
    (that mask is empty if that stage was itself dropped) or if it covers at most 1 % of the grid. The CutLER paper
    says "with an earlier mask"; the released code, followed here, looks at the last one. Each mask is left without
    the patches of the earlier ones. An affinity of one value only has nothing to cut, so the search ends there.

    The sign of an eigenvector is arbitrary, and the corner rule acts in the released code only where LAPACK happens to
    make the largest entry positive. signs="released" asks LAPACK for that sign where it decides, on graphs of up to
    SIGNED_BELOW patches: the masks are the released code's. signs="own", and larger graphs, always let the rule act.

    projections: (K,N,p), of which the last rows·columns tokens are the patches. grid: (rows, columns) of patches. tau:
    cosine above which two patches are similar. swap: the first stage takes the other side of its cut. Raises
    ExplorerError for more than 4,096 patches; ValueError if the shapes do not fit or objects < 1.
    """
    if objects < 1:
        raise ValueError(f"objects must be at least 1, got {objects}")
    if (count := grid[0] * grid[1]) > MAX_PATCHES:
        raise ExplorerError(
            f"MaskCut compares every patch with every other, and {count:,} patches are too many (at most "
            f"{MAX_PATCHES:,}): choose a larger stride or a smaller size."
        )
    weights = affinity(patch_features(projections, grid), tau)
    current, covered, painted = np.zeros(grid, bool), np.zeros(grid, bool), np.zeros(grid, bool)
    masks, vectors, values = [], [], []
    found, vector, value = current, np.zeros(grid), 0.0
    for stage in range(objects):
        if stage == 0 or current.any():  # after a dropped mask the graph, and so the cut, is the same again
            painted |= current
            weights[current.ravel()] = weights[:, current.ravel()] = NO_EDGE
            if weights.min() == weights.max():
                break
            ask = signs == "released" and count <= SIGNED_BELOW
            vector, value = _cut(weights, painted.ravel())
            found, vector = _salient(vector.reshape(grid), weights if ask else None, swap and stage == 0)
        dropped = stage > 0 and (iou(found, current) > MAX_OVERLAP or found.mean() <= MIN_AREA)
        current = np.zeros(grid, bool) if dropped else found
        if (fresh := current & ~covered).any():
            masks.append(fresh)
            vectors.append(vector)
            values.append(value)
        covered |= current
    shape = (len(masks), *grid)
    return MaskCutResult(
        read_only(np.array(masks, bool).reshape(shape)),
        read_only(np.array(vectors, np.float64).reshape(shape)),
        read_only(np.array(values, np.float64)),
    )


def object_labels(projections: Array, grid: tuple[int, int], objects: int = 3, swap: bool = False) -> Array:
    """MaskCut's objects as labels (rows,cols). Grids of more than MAX_GRAPH patches are averaged over square blocks
    first (the graph has an edge for every pair of patches), and each patch takes its block's label."""
    rows, cols = grid
    block = 1
    while -(-rows // block) * -(-cols // block) > MAX_GRAPH:
        block += 1
    if block > 1:
        projections, grid = _pool(projections, grid, block)
    found = maskcut(projections, grid, objects, swap=swap).masks
    labels = sum(((i + 1) * mask for i, mask in enumerate(found)), np.zeros(grid, int))
    return labels.repeat(block, axis=0).repeat(block, axis=1)[:rows, :cols]


def _pool(projections: Array, grid: tuple[int, int], block: int) -> tuple[Array, tuple[int, int]]:
    """Patch tokens averaged over block × block patches, edges repeated to fill the last blocks; the tokens in front
    stay."""
    heads, tokens, width = projections.shape
    front = tokens_in_front(tokens, grid)
    cells = projections[:, front:].reshape(heads, *grid, width)
    missing = [(0, -length % block) for length in grid]
    cells = np.pad(cells, [(0, 0), *missing, (0, 0)], mode="edge")
    rows, cols = cells.shape[1] // block, cells.shape[2] // block
    pooled = cells.reshape(heads, rows, block, cols, block, width).mean(axis=(2, 4))
    return np.concatenate([projections[:, :front], pooled.reshape(heads, rows * cols, width)], axis=1), (rows, cols)


def affinity(features: Array, tau: float) -> Array:
    """Which patches are similar: 1 where the cosine of two features exceeds tau, else 1e-5.

    features: (n,f), scaled to length 1 here; a zero feature is similar to nothing, not even to itself.
    Returns (n,n) float64, symmetric. Raises ValueError if features is not 2-D.
    """
    if features.ndim != 2:
        raise ValueError(f"features must be (n,f), got shape {features.shape}")
    features = unit_rows(features)
    return np.where(features @ features.T > tau, 1.0, NO_EDGE)


def second_eigenvector(weights: Array) -> tuple[Array, float]:
    """The second smallest solution of (D − A)v = μDv, D = diag of the row sums of A: the relaxed normalised cut.

    weights: A (n,n), symmetric, all > 0, n >= 2. Returns v (n,), scaled to vᵀDv = 1 with its largest |entry| positive,
    and μ. If the second eigenvalue is not simple, any vector of its space may come back.
    Raises ValueError if weights is not a square of at least 2×2. Source: Shi and Malik, Normalized cuts, 2000.
    """
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1] or len(weights) < 2:
        raise ValueError(f"weights must be a square of at least 2×2, got shape {weights.shape}")
    vector, value = (_dense if len(weights) < DENSE_BELOW else _inverse_lanczos)(weights, weights.sum(axis=1))
    return vector * np.sign(vector[np.argmax(np.abs(vector))]), value


def _cut(weights: Array, painted: Array) -> tuple[Array, float]:
    """second_eigenvector of a graph in which the painted vertices, bool (n,), have no edge but NO_EDGE to all.

    They are alike, so the eigenvector has one value on them (what tells two of them apart has eigenvalue 1), and one
    vertex with all their weights stands for them.
    """
    if (many := np.count_nonzero(painted)) < 2:
        return second_eigenvector(weights)
    first = np.argmax(painted)
    stays = ~painted
    stays[first] = True
    less = weights[np.ix_(stays, stays)]
    at = np.count_nonzero(stays[:first])
    less[at] *= many
    less[:, at] *= many
    vector, value = second_eigenvector(less)
    whole = np.full(len(weights), vector[at])
    whole[stays] = vector
    return whole, value


def lapack_sign(weights: Array, vector: Array) -> float:
    """±1: whether LAPACK gives the second eigenvector (n,) of a graph with this sign or the other: arbitrary, but the
    released code's own. dsyevx of the scaled problem is what dsygvx, which that calls, does once it has scaled it."""
    from scipy.linalg import eigh

    root = np.sqrt(weights.sum(axis=1))
    laplacian = np.eye(len(weights)) - weights / root[:, None] / root
    _, vectors = eigh(
        laplacian, subset_by_index=[1, min(2, len(weights) - 1)], driver="evx", overwrite_a=True, check_finite=False
    )
    return 1.0 if vectors[:, 0] @ (root * vector) > 0 else -1.0


def _dense(weights: Array, degree: Array) -> tuple[Array, float]:
    from scipy.linalg import eigh

    values, vectors = eigh(np.diag(degree) - weights, np.diag(degree), subset_by_index=[1, 1])
    return vectors[:, 0], float(values[0])


def _inverse_lanczos(weights: Array, degree: Array) -> tuple[Array, float]:
    """Groups that share almost no edge put several eigenvalues within 1e-5 of 0, where Lanczos on the matrix itself
    stalls; their inverses are far apart. The kernel, the constant vector, is moved to 4, beyond the end of
    the spectrum at 2, which also makes the matrix positive definite, so one Cholesky factor serves every step.
    """
    from scipy.linalg import cho_factor, cho_solve
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    shifted = np.outer(degree, degree * (4 / degree.sum()))
    shifted -= weights
    shifted[np.diag_indices_from(shifted)] += degree
    factor = cho_factor(shifted.T, overwrite_a=True, check_finite=False)  # symmetric; transposed, LAPACK needs no copy
    root = np.sqrt(degree)
    # SciPy carries no types, and its defaults (tol=0, LinearOperator's own __new__) mislead the checker
    inverse = LinearOperator(  # pyright: ignore[reportCallIssue]
        weights.shape,
        matvec=lambda x: root * cho_solve(factor, root * x, check_finite=False),  # pyright: ignore[reportCallIssue]
        dtype=weights.dtype,  # pyright: ignore[reportCallIssue]
    )
    start = np.random.default_rng(0).standard_normal(len(weights))
    tolerance: Any = TOLERANCE
    try:
        values, vectors = eigsh(inverse, k=1, which="LA", v0=start, ncv=KRYLOV, tol=tolerance, maxiter=60)
    except ArpackNoConvergence:
        return _dense(weights, degree)
    return vectors[:, 0] / root, 1.0 / float(values[0])


def _salient(vector: Array, weights: Array | None, swap: bool) -> tuple[Array, Array]:
    """The connected object that a vector (rows,cols), its largest |entry| positive, points at, and the vector with the
    object on its high side. weights: the graph, where LAPACK's sign decides about the corner rule. swap: the object of
    the other side."""
    from scipy.ndimage import label

    front = vector > vector.mean()
    in_corners = np.count_nonzero(front[[0, 0, -1, -1], [0, -1, 0, -1]]) >= 3
    if in_corners and (weights is None or lapack_sign(weights, vector.ravel()) > 0):
        front, vector = ~front, -vector
    if swap:
        front, vector = ~front, -vector
    parts = np.empty(front.shape, np.int32)
    label(front, output=parts)
    return parts == parts.flat[np.argmax(vector)], vector
