"""How well a text is predicted: cross-entropy and perplexity per token and per byte, beside counting models; and R^c,
non-zeros and the logit lens of every layer over many windows."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from explorer import runtime, zoo
from explorer.dataset import TextPart, open_text, read_vocabulary
from explorer.errors import ExplorerError
from explorer.evaluation.bootstrap import mean_rows
from explorer.evaluation.curves import curve_rows, points
from explorer.evaluation.ngrams import KneserNey, unigram_probabilities
from explorer.evaluation.record import CONTROL, MODEL, Row
from explorer.evaluation.subjects import Measured, Subject, Task, sample, step_progress
from explorer.inputs import words_of
from explorer.measures.rates import measure_curves
from explorer.measures.texts import logit_lens, next_tokens
from explorer.trace import Array, Prepared

BATCH = 4
"""Windows that are run at once."""
LENS_WINDOWS = 100
"""Windows of which the logit lens is measured: it reads every layer out."""
COUNTING = UNIGRAM, BIGRAM, TRIGRAM = "unigram", "Kneser–Ney bigram", "Kneser–Ney trigram"
"""Models that are no networks."""


def language(task: Task) -> Measured:
    """Every subject and the counting models on the same windows of the held-out documents."""
    card = task.subjects[0].card
    held, training = open_text(task.data / "val"), open_text(task.data / "train")
    check_tokens(task, held)
    for one in (subject.card for subject in task.subjects):
        if one.context < card.context:
            raise ExplorerError(f"{one.name} reads {one.context} tokens, fewer than {card.name}.")
    windows = _windows(held, card.context, task)
    sizes = np.array([len(words_of(card, window[1:].tolist()).encode()) for window in windows], np.float64)
    surprise: dict[str, Array] = {}
    rows: list[Row] = []
    for i, subject in enumerate(task.subjects):
        surprise[subject.who], of_layers = _run(task, subject, windows, i)
        rows += of_layers
    surprise |= _counted(training, windows, card.vocabulary, task)
    lengths = np.full(len(windows), float(windows.shape[1] - 1))
    return Measured(
        [*_costs(surprise, lengths, sizes, task.seed), *rows], about_text(held, "val", len(windows)),
        {"context": card.context, "tokens": int(lengths.sum()), "bytes": int(sizes.sum()),
         "counted_tokens": len(training.tokens)},
    )  # fmt: skip


def check_tokens(task: Task, part: TextPart) -> None:
    """Raise ExplorerError for a subject whose tokens are not those of the prepared text."""
    for card in (subject.card for subject in task.subjects):
        if card.tokenizer and read_vocabulary(card.tokenizer) != part.vocabulary:
            raise ExplorerError(f"{task.data} has other tokens than {card.name}: prepare it with its tokenizer.")


def _windows(part: TextPart, context: int, task: Task) -> Array:
    """Windows of context + 1 tokens, one after another: the last of one is the first of the next. (n, context + 1)."""
    count = (len(part.tokens) - 1) // context
    if not count:
        raise ExplorerError(f"{task.data / 'val'} has {len(part.tokens)} tokens, too few for one window of {context}.")
    starts = sample(np.arange(count), task.limit, task.seed) * context
    return part.tokens[starts[:, None] + np.arange(context + 1)].astype(np.int64)


def _run(task: Task, subject: Subject, windows: Array, step: int) -> tuple[Array, list[Row]]:
    """Surprise of every token after the first (n, context), and the rows of the layers."""
    report = step_progress(task, f"language, {subject.who}", step, len(task.subjects) + 1)
    readout = zoo.load_readout(subject.card, zoo.draw_control(subject.card) if subject.who == CONTROL else None)
    surprise, curves, lens = [], [], []
    for start in range(0, len(windows), BATCH):
        batch = windows[start : start + BATCH]
        whole = len(lens) < LENS_WINDOWS
        z = [f"z.{layer}" for layer in range(1, subject.card.layers + 2)] if whole else []
        trace = runtime.run(subject.model, Prepared(batch[:, :-1], None, ""), [*points(subject), *z])
        for i, window in enumerate(batch):
            surprise.append(_surprise(trace.logits[i], window))
            curves.append(measure_curves(trace, i))
            if whole:
                read = logit_lens(trace, readout, window[:-1], 1, i)
                lens.append([one.cross_entropy for one in read])
        report((start + len(batch)) / len(windows))
    costs = np.array(lens)
    rows = [
        Row("logit lens", subject.who, float(costs[:, layer].mean()), len(costs), on="val", at=layer + 1)
        for layer in range(costs.shape[1])
    ]
    return np.array(surprise), curve_rows(np.array(curves), subject.who, "val") + rows


def _surprise(logits: Array, window: Array) -> Array:
    """−log P of every token of a window (context + 1,) after the first, from the scores at those before, in nats."""
    ended = np.concatenate([logits, logits[-1:]])  # next_tokens() wants scores behind the last token, too
    return next_tokens(ended, window, 1).surprise


def _counted(training: TextPart, windows: Array, vocabulary: int, task: Task) -> dict[str, Array]:
    """The same for models that count the training text."""
    task.progress("language, counting the training text", len(task.subjects) / (len(task.subjects) + 1))
    tokens = np.asarray(training.tokens)
    found = {UNIGRAM: -np.log(unigram_probabilities(tokens, vocabulary)[windows[:, 1:]])}
    for name, order in ((BIGRAM, 2), (TRIGRAM, 3)):
        model = KneserNey(tokens, vocabulary, order)
        found[name] = -np.log(np.stack([model.probabilities(window) for window in windows]))
    return found


def _costs(surprise: dict[str, Array], lengths: Array, sizes: Array, seed: int) -> list[Row]:
    """Nats per token and per byte, with intervals over the windows; perplexities, which are their exponentials; and the
    model's difference to each other."""
    sums = {who: values.sum(axis=1) for who, values in surprise.items()}
    columns = {}
    for on, weights in (("token", lengths), ("byte", sizes)):
        share = weights / weights.mean()  # the mean over the windows is then the mean over all tokens, or bytes
        for who, total in sums.items():
            columns[Row("cross-entropy", who, 0, 0, on=on)] = total / weights * share
            if who not in (MODEL, CONTROL):
                less = (sums[MODEL] - total) / weights * share
                columns[Row("cross-entropy", MODEL, 0, 0, on=on, minus=who)] = less
    rows = mean_rows(columns, seed)
    return [*rows, *(_perplexity(row) for row in rows if not row.minus)]


def _perplexity(row: Row) -> Row:
    ends: Any = {name: float(np.exp(end)) for name in ("low", "high") if (end := getattr(row, name)) is not None}
    return dataclasses.replace(row, measure="perplexity", value=float(np.exp(row.value)), **ends)


def about_text(part: TextPart, name: str, count: int) -> dict[str, Any]:
    """What a part of a prepared folder of texts is, for the record. count: windows or rows that were measured."""
    said = {key: part.about[key] for key in ("sources", "licence") if part.about.get(key)}
    return {**said, "part": name, "images": count, "of": count}
