"""A small sparse autoencoder in NumPy: the k largest units of each row speak (TopK), trained by Adam."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from explorer.measures.texts.embedding import SparseCode, centre_rows, decode, first_atoms, left_over, own_atoms
from explorer.trace import Array, read_only

BATCH = 512
RATE, LAST_RATE = 4e-3, 4e-4
"""Adam's step size, falling evenly from the first to the last step; the rows have a mean squared norm of 1."""
BETAS = 0.9, 0.999
EPSILON = 1e-8


@dataclass(frozen=True)
class Autoencoder:
    """codes = the k largest of max(x encoder + bias, 0), x̂ = codes decoder. encoder: (d,m), bias: (m,), decoder: (m,d)
    of rows of length 1. The rows are centred, so the decoder needs no bias."""

    encoder: Array
    bias: Array
    decoder: Array


def train_autoencoder(
    rows: Array, weights: Array, atoms: int, nonzeros: int, steps: int = 600, seed: int = 0
) -> SparseCode:
    """A TopK autoencoder of rows (V,d) as a sparse code: the same error as learn_dictionary, codes never negative.

    Rows are drawn by their weights, as a text would show them. Unlike matching pursuit the encoder is one matrix, so
    a code costs a single product; it leaves more over. As many atoms as rows: own_atoms. Raises ValueError unless
    1 <= nonzeros <= atoms. Source: Gao et al., arXiv 2406.04093.
    """
    if not 1 <= nonzeros <= atoms:
        raise ValueError(f"nonzeros must be in 1 … {atoms}, got {nonzeros}")
    if atoms >= len(rows):
        return own_atoms(rows, weights)
    centred = centre_rows(rows, weights)
    scale = np.float32(np.sqrt(weights @ (centred.astype(np.float64) ** 2).sum(axis=1)) or 1.0)
    random = np.random.default_rng(seed)
    decoder = first_atoms(centred, weights, atoms, random)
    network = Autoencoder(decoder.T.copy(), np.zeros(atoms, np.float32), decoder)
    nothing = np.zeros(1, np.float32)
    moments = {field.name: (nothing, nothing) for field in fields(network)}
    for step in range(steps):
        batch = centred[random.choice(len(rows), BATCH, p=weights)] / scale
        _, gradient = autoencoder_loss(network, batch, nonzeros)
        rate = RATE + (LAST_RATE - RATE) * step / max(steps - 1, 1)
        network = _adam(network, gradient, moments, step + 1, rate)
    places, values = encode(network, centred / scale, nonzeros)
    values = values * scale
    error = left_over(centred, weights, decode(places, values, network.decoder))
    return SparseCode(read_only(network.decoder), read_only(places), read_only(values), error)


def encode(network: Autoencoder, rows: Array, nonzeros: int) -> tuple[Array, Array]:
    """The k units of each row that are largest, and their values, 0 or more: both (N,k)."""
    before = rows @ network.encoder + network.bias
    places = np.argpartition(-before, nonzeros - 1, axis=1)[:, :nonzeros]
    return places, np.maximum(np.take_along_axis(before, places, axis=1), 0)


def autoencoder_loss(network: Autoencoder, rows: Array, nonzeros: int) -> tuple[float, Autoencoder]:
    """Mean squared distance Σ‖x̂ − x‖²/N of rows (N,d) from what they are decoded as, and its gradient.

    The choice of the units is taken as fixed, which is its derivative wherever no two of them tie.
    """
    places, values = encode(network, rows, nonzeros)
    wrong = decode(places, values, network.decoder) - rows
    slope = 2 * wrong / len(rows)
    at_codes = np.einsum("nd,nkd->nk", slope, network.decoder[places]) * (values > 0)
    decoder, encoder = np.zeros_like(network.decoder), np.zeros_like(network.decoder)
    bias = np.zeros_like(network.bias)
    _scatter(decoder, places, values, slope)
    _scatter(encoder, places, at_codes, rows)
    np.add.at(bias, places, at_codes)
    return float((wrong**2).sum() / len(rows)), Autoencoder(encoder.T, bias, decoder)


def _scatter(into: Array, places: Array, amounts: Array, rows: Array) -> None:
    """into[place] += amount · row, for every entry of a sparse code."""
    from scipy.sparse import csr_array

    starts = np.arange(len(places) + 1) * places.shape[1]
    into += csr_array((amounts.ravel(), places.ravel(), starts), shape=(len(places), len(into))).T @ rows


def _adam(
    network: Autoencoder, gradient: Autoencoder, moments: dict[str, tuple[Array, Array]], step: int, rate: float
) -> Autoencoder:
    """One step of Adam; the decoder's rows are then scaled to length 1. Source: Kingma and Ba, arXiv 1412.6980."""
    moved = {}
    for name, (first, second) in moments.items():
        slope = getattr(gradient, name)
        first = BETAS[0] * first + (1 - BETAS[0]) * slope
        second = BETAS[1] * second + (1 - BETAS[1]) * slope**2
        moments[name] = first, second
        size = np.sqrt(second / (1 - BETAS[1] ** step)) + EPSILON
        moved[name] = getattr(network, name) - rate / (1 - BETAS[0] ** step) * first / size
    moved["decoder"] = moved["decoder"] / np.linalg.norm(moved["decoder"], axis=1, keepdims=True)
    return Autoencoder(**moved)
