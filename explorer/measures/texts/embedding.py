"""The rows of a token embedding as data: sparse codes in a learned dictionary, their Gaussian control, neighbours.

Rows are tokens, E (V,d); every row has a weight, its share of a text. All errors are shares of the weighted squared
norm Σ_v w_v ‖e_v − ē‖² that a code leaves over, ē = Σ_v w_v e_v: the rows are centred at their weighted mean first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer.trace import Array, read_only

CHUNK = 4096
"""Rows that are coded at once."""
RIDGE = 1e-9
"""Added to the Gram matrix of the atoms of a code, so that two equal ones can be solved for."""
ALIKE = 0.99
"""|cos| above which two atoms count as one while a dictionary is learned."""
SAMPLE_NOISE = 1e-10
"""Variance below this share of the largest one is rounding."""
TOKEN_KINDS = ("word with its blank", "piece of a word", "digits", "punctuation", "blanks and bytes")


@dataclass(frozen=True)
class SparseCode:
    """Rows as few atoms each: e_v − ē ≈ Σ_s values[v,s] atoms[places[v,s]].

    atoms: (m,d) of length 1. places, values: (V,k), the atoms of each row from 0, and how much of each; an atom that a
    row does not need has the value 0. error: share of the weighted squared norm that is left, 0 to 1.
    trivial: there are as many atoms as rows, so every row is an atom of its own and nothing was learned.
    """

    atoms: Array
    places: Array
    values: Array
    error: float
    trivial: bool = False


def row_weights(counts: Array) -> Array:
    """Shares (V,), float64 of sum 1, from how often each token occurs (V,). Raises ValueError where none does."""
    counts = np.asarray(counts, np.float64)
    if counts.ndim != 1 or not (counts >= 0).all() or not 0 < counts.sum() < np.inf:
        raise ValueError(f"expected counts (V,) of 0 or more, not all 0, got shape {counts.shape}")
    return counts / counts.sum()


def centre_rows(rows: Array, weights: Array) -> Array:
    """Rows (V,d) minus their mean under weights (V,) of sum 1, float32. Raises ValueError if they do not fit."""
    if rows.ndim != 2 or weights.shape != rows.shape[:1]:
        raise ValueError(f"expected rows (V,d) and weights (V,), got {rows.shape} and {weights.shape}")
    return (rows - weights @ rows.astype(np.float64)).astype(np.float32)


def gaussian_rows(rows: Array, weights: Array, seed: int = 0) -> Array:
    """Gaussian rows (V,d) that have exactly the weighted mean and covariance of these, and nothing else of them.

    Standard normal rows G, centred; then G S_G^{−1/2} S^{1/2} + ē, S and S_G the weighted covariances of the rows and
    of G. Exact where at least d rows count; of a plain draw the few tokens that make up most of a text would miss
    the covariance by far.
    """
    centred = centre_rows(rows, weights).astype(np.float64)
    drawn = np.random.default_rng(seed).standard_normal(rows.shape)
    drawn -= weights @ drawn
    wanted, has = ((part * weights[:, None]).T @ part for part in (centred, drawn))
    shaped = drawn @ _power(has, -0.5) @ _power(wanted, 0.5)
    return (shaped + weights @ rows.astype(np.float64)).astype(np.float32)


def _power(symmetric: Array, exponent: float) -> Array:
    """A power of a positive semidefinite matrix; directions without variance stay out of it."""
    values, vectors = np.linalg.eigh(symmetric)
    kept = values > SAMPLE_NOISE * max(values[-1], 0.0)
    return (vectors * np.where(kept, np.where(kept, values, 1.0) ** exponent, 0.0)) @ vectors.T


def nearest_rows(rows: Array, direction: Array, count: int) -> tuple[Array, Array]:
    """The rows (V,d) that point most like a direction (d,): numbers from 0 and cosines, both (count,), falling.

    A row or a direction of zeros has the cosine 0. Rows are used as given: centre them first.
    """
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(direction)
    cosines = (rows @ direction) / np.where(lengths > 0, lengths, 1.0)
    order = np.argsort(-cosines, kind="stable")[:count]
    return order, cosines[order]


def label_agreement(directions: Array, rows: Array, labels: Array, count: int = 8) -> Array:
    """How far the `count` rows nearest to each direction (m,d) are of one label: (m,) shares of the most common one.

    labels: (V,), whole numbers of 0 or more. Where one label is common chance gives much: compare with a control.
    """
    near = np.stack([nearest_rows(rows, direction, count)[0] for direction in directions])
    return np.array([np.bincount(of_one).max() for of_one in labels[near]]) / near.shape[1]


def kind_agreement(rows: Array, labels: Array, count: int = 8, sample: int = 1024, seed: int = 0) -> Array:
    """Of the `count` other rows nearest to a row (V,d) by cosine, the share that has its label: (n,) for all rows, or
    for `sample` of them drawn by a seed. labels: (V,). Compare its mean with chance_agreement, and with a control."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(lengths > 0, lengths, 1.0)
    few = len(rows) > sample
    chosen = np.random.default_rng(seed).permutation(len(rows))[:sample] if few else np.arange(len(rows))
    cosines = unit[chosen] @ unit.T
    cosines[np.arange(len(chosen)), chosen] = -np.inf
    near = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    return (labels[near] == labels[chosen][:, None]).mean(axis=1)


def chance_agreement(labels: Array) -> float:
    """How often two different rows that are drawn by chance have one label: Σ_k n_k(n_k − 1)/(V(V − 1)); 0 for one."""
    counts, total = np.bincount(labels).astype(np.float64), len(labels)
    return float((counts * (counts - 1)).sum() / (total * (total - 1))) if total > 1 else 0.0


def matching_pursuit(rows: Array, atoms: Array, nonzeros: int) -> tuple[Array, Array]:
    """Orthogonal matching pursuit: places and values (V,k), the atoms of each row and how much of each.

    Step by step the atom with the largest |⟨residual, atom⟩| joins, and the values are solved for anew. Scaling a row
    scales its values and changes no place. rows: (V,d), used as given. atoms: (m,d) of length 1. Raises ValueError
    unless 1 <= nonzeros <= m. Source: Pati, Rezaiifar and Krishnaprasad, 1993.
    """
    if not 1 <= nonzeros <= len(atoms):
        raise ValueError(f"nonzeros must be in 1 … {len(atoms)}, got {nonzeros}")
    gram = atoms.astype(np.float64) @ atoms.T.astype(np.float64)
    parts = [_pursue(rows[start : start + CHUNK], atoms, gram, nonzeros) for start in range(0, len(rows), CHUNK)]
    return np.concatenate([places for places, _ in parts]), np.concatenate([values for _, values in parts])


def _pursue(rows: Array, atoms: Array, gram: Array, nonzeros: int) -> tuple[Array, Array]:
    places = np.zeros((len(rows), nonzeros), np.intp)
    values, line = np.zeros((len(rows), 0)), np.arange(len(rows))[:, None]
    first = residual_fit = rows @ atoms.T
    for step in range(nonzeros):
        if step:
            residual_fit = (rows - decode(places[:, :step], values, atoms)) @ atoms.T
        fit = np.abs(residual_fit)
        fit[line, places[:, :step]] = -1.0
        places[:, step] = fit.argmax(axis=1)
        chosen = places[:, : step + 1]
        among = gram[chosen[:, :, None], chosen[:, None, :]] + RIDGE * np.eye(step + 1)
        values = np.linalg.solve(among, np.take_along_axis(first, chosen, axis=1)[..., None])[..., 0]
    return places, values


def decode(places: Array, values: Array, atoms: Array) -> Array:
    """Codes back as rows (V,d)."""
    return _matrix(places, values.astype(atoms.dtype), len(atoms)) @ atoms


def _matrix(places: Array, values: Array, atoms: int):
    """Codes as a sparse matrix (V,m)."""
    from scipy.sparse import csr_array

    starts = np.arange(len(places) + 1) * places.shape[1]
    return csr_array((values.ravel(), places.ravel(), starts), shape=(len(places), atoms))


def left_over(rows: Array, weights: Array, decoded: Array) -> float:
    """Weighted share of the squared norm of centred rows that decoded ones leave: Σ w‖x − x̂‖²/Σ w‖x‖²; 0 if all are
    0."""
    total = float(weights @ (rows.astype(np.float64) ** 2).sum(axis=1))
    rest = float(weights @ ((rows - decoded).astype(np.float64) ** 2).sum(axis=1))
    return rest / total if total else 0.0


def own_atoms(rows: Array, weights: Array) -> SparseCode:
    """The trivial code: every row is an atom of its own, with one non-zero each and nothing left over."""
    rows = centre_rows(rows, weights)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    atoms = np.where(lengths > 0, rows / np.where(lengths > 0, lengths, 1.0), np.eye(1, rows.shape[1]))
    return SparseCode(read_only(atoms), np.arange(len(rows))[:, None], read_only(lengths), 0.0, trivial=True)


def alone_error(rows: Array, weights: Array, atoms: int) -> float:
    """What is left when the `atoms` heaviest rows (largest w‖x‖²) are an atom each, and all others stay at the mean.

    This needs one non-zero and no structure: what a dictionary saves must be seen against it.
    """
    mass = np.sort(weights * (centre_rows(rows, weights).astype(np.float64) ** 2).sum(axis=1))[::-1]
    return float(mass[atoms:].sum() / mass.sum()) if mass.sum() else 0.0


def first_atoms(rows: Array, weights: Array, atoms: int, random: np.random.Generator) -> Array:
    """Directions to begin with (m,d): centred rows drawn by their share of the weighted norm, without replacement."""
    mass = weights * (rows.astype(np.float64) ** 2).sum(axis=1)
    sure = np.flatnonzero(mass > 0)
    chosen = random.choice(sure, min(atoms, len(sure)), replace=False, p=mass[sure] / mass[sure].sum())
    more = random.standard_normal((atoms - len(chosen), rows.shape[1]))
    start = np.concatenate([rows[chosen], more]).astype(np.float32)
    return start / np.linalg.norm(start, axis=1, keepdims=True)


def learn_dictionary(
    rows: Array, weights: Array, atoms: int, nonzeros: int, iterations: int = 10, seed: int = 0
) -> SparseCode:
    """A dictionary of unit atoms (m,d) that codes rows (V,d) with k non-zeros each: the least weighted error it finds.

    In turns, orthogonal matching pursuit for the codes and approximate K-SVD for the atoms. The weights need no change
    to either: w‖x − cA‖² = ‖√w x − (√w c)A‖², and √w c has the non-zeros of c, so the weighted problem is exactly the
    plain one of rows scaled by √w. In the first half, atoms that do little start anew.
    An atom points where its values add up to 0 or more.
    As many atoms as rows: own_atoms. Raises ValueError as matching_pursuit does.
    Source: Aharon, Elad and Bruckstein, 2006; Rubinstein, Zibulevsky and Elad, 2008.
    """
    if atoms >= len(rows):
        return own_atoms(rows, weights)
    rows = centre_rows(rows, weights)
    scaled = rows * np.sqrt(weights)[:, None].astype(np.float32)
    found = first_atoms(rows, weights, atoms, np.random.default_rng(seed))
    for done in range(iterations):
        places, values = matching_pursuit(scaled, found, nonzeros)
        rest = _improve(scaled, found, places, values)
        if 2 * done < iterations:
            _replace_idle(found, np.bincount(places.ravel(), (values**2).ravel(), atoms), rest)
    places, values = matching_pursuit(rows, found, nonzeros)
    signs = np.where(np.bincount(places.ravel(), values.ravel(), atoms) < 0, -1, 1)
    found, values = (found * signs[:, None]).astype(np.float32), values * signs[places]
    error = left_over(rows, weights, decode(places, values, found))
    return SparseCode(read_only(found), read_only(places), read_only(values), error)


def _improve(rows: Array, atoms: Array, places: Array, values: Array) -> Array:
    """One round of approximate K-SVD, in place: each atom in turn becomes the best for the rows that use it. Returns
    what is then left of the rows (V,d)."""
    codes = _matrix(places, values.astype(atoms.dtype), len(atoms)).tocsc()
    rest = rows - codes @ atoms
    for atom, (start, stop) in enumerate(zip(codes.indptr, codes.indptr[1:], strict=False)):
        users, amount = codes.indices[start:stop], codes.data[start:stop]
        without = rest[users] + amount[:, None] * atoms[atom]
        better = amount @ without
        length = np.linalg.norm(better)
        if length > 0:
            atoms[atom] = better / length
            rest[users] = without - (without @ atoms[atom])[:, None] * atoms[atom]
    return rest


def _replace_idle(atoms: Array, energy: Array, rest: Array) -> None:
    """Atoms that hold less than a row has left, or double another, take the direction of such a row: in place.

    energy: (m,), the squared values of each atom. rest: (V,d), what is left of the rows.
    """
    order = np.argsort(-energy, kind="stable")
    among = np.abs(atoms[order] @ atoms[order].T)
    doubles = order[np.triu(among > ALIKE, 1).any(axis=0)]
    held = energy.copy()
    held[doubles] = 0.0
    left = (rest**2).sum(axis=1)
    for atom, row in zip(np.argsort(held, kind="stable"), np.argsort(-left, kind="stable"), strict=False):
        if held[atom] >= left[row]:
            break
        atoms[atom] = rest[row] / np.sqrt(left[row])


def token_kind(text: str) -> int:
    """What a token is by its text, a place in TOKEN_KINDS."""
    bare = text.strip()
    if not bare or "\N{REPLACEMENT CHARACTER}" in bare:
        return 4
    if bare.isdigit():
        return 2
    return (0 if text[0].isspace() else 1) if any(letter.isalpha() for letter in bare) else 3
