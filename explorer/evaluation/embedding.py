"""How sparsely the rows of a token embedding can be coded: learned dictionaries and autoencoders, beside rows without
structure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from explorer import zoo
from explorer.constructed.autoencoder import train_autoencoder
from explorer.dataset import open_text
from explorer.errors import ExplorerError
from explorer.evaluation.language import about_text, check_tokens
from explorer.evaluation.record import CONTROL, MODEL, Row
from explorer.evaluation.subjects import Measured, Subject, Task, step_progress
from explorer.measures.texts import SparseCode, alone_error, gaussian_rows, learn_dictionary, row_weights
from explorer.trace import Array

LEFT, LEFT_ALIKE = "left over", "left over, tokens alike"
"""Shares of the squared norm: tokens weighted by how often they occur, or all the same."""
GAUSSIAN, ALONE = "Gaussian rows", "one atom a token"
"""Rows of the model's mean and covariance; and an atom for each of the heaviest tokens, the rest at the mean."""
DICTIONARY, AUTOENCODER = "dictionary", "sparse autoencoder"
NONZEROS = (1, 2, 4, 8)
SIZES = (2, 4)
"""Atoms, in multiples of the width d; always fewer than the rows, or every row is its own. The autoencoder has the
first alone."""
Learn = Callable[[Array, Array, int, int], SparseCode]


def embedding(task: Task) -> Measured:
    """Every subject's rows, and Gaussian ones, coded with each number of atoms and non-zeros."""
    part = open_text(task.data / "train")
    check_tokens(task, part)
    card = task.subjects[0].card
    counts = np.bincount(np.asarray(part.tokens), minlength=card.vocabulary)
    kept = np.argsort(-counts, kind="stable")[: min(task.limit or len(counts), np.count_nonzero(counts))]
    sizes = [size * card.dim for size in SIZES if size * card.dim < len(kept)]
    if not sizes:
        raise ExplorerError(f"{len(kept)} tokens occur in {task.data}: more than {SIZES[0] * card.dim} are needed.")
    matrices = {subject.who: _rows(subject, card.vocabulary)[kept] for subject in task.subjects}
    rows: list[Row] = []
    for measure, weights in ((LEFT, row_weights(counts[kept])), (LEFT_ALIKE, np.full(len(kept), 1 / len(kept)))):
        coded = {**matrices, GAUSSIAN: gaussian_rows(matrices[MODEL], weights, task.seed)}
        rows += _coded(task, measure, coded, weights, sizes)
        for atoms in sizes:
            error = alone_error(matrices[MODEL], weights, atoms)
            rows.append(Row(measure, ALONE, error, len(kept), on=_on(atoms), at=1))
    settings = {"counted_tokens": int(counts.sum()), "counts": counts.tolist()}
    return Measured(rows, about_text(part, "train", len(kept)), settings)


def _coded(task: Task, measure: str, matrices: dict[str, Array], weights: Array, sizes: list[int]) -> Iterator[Row]:
    """What every code of every matrix leaves over."""
    first = 0 if measure == LEFT else len(matrices)
    for step, (who, matrix) in enumerate(matrices.items(), start=first):
        report = step_progress(task, f"embedding, {who}, {measure}", step, 2 * len(matrices))
        plans = list(_plans(measure, sizes, matrix.shape[1]))
        for done, (method, learn, atoms, nonzeros) in enumerate(plans):
            report(done / len(plans))
            error = learn(matrix, weights, atoms, nonzeros).error
            yield Row(measure, who, error, len(matrix), method=method, on=_on(atoms), at=nonzeros)


def _rows(subject: Subject, vocabulary: int) -> Array:
    card = subject.card
    found = zoo.load_readout(card, zoo.draw_control(card) if subject.who == CONTROL else None).embedding
    if len(found) != vocabulary:
        raise ExplorerError(f"{card.name} has {len(found):,} tokens, not {vocabulary:,}: they cannot be compared.")
    return found


def _plans(measure: str, sizes: list[int], width: int) -> Iterator[tuple[str, Learn, int, int]]:
    """(method, function, atoms, non-zeros); fewer non-zeros than the width, with which any row can be written."""
    for atoms in sizes:
        for nonzeros in (count for count in NONZEROS if count < width):
            yield DICTIONARY, learn_dictionary, atoms, nonzeros
            if measure == LEFT and atoms == sizes[0]:
                yield AUTOENCODER, train_autoencoder, atoms, nonzeros


def _on(atoms: int) -> str:
    return f"{atoms} atoms"
