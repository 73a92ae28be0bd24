"""UMAP in a process of its own, `python -m explorer.ui.jobs.umap_worker`: Numba compiles here, never in the app.

Numba takes seconds to compile UMAP, even with its cache on disk; so this process warms up once and then stays, takes
one request after the other from its standard input and answers on its standard output. It runs on one thread, at low
priority, and with a fixed seed, so that a fit is reproducible. It ends when the app closes its input.

Request: one line of JSON {"id", "rows", "columns", "components", "neighbors", "min_dist", "metric", "seed"}, then the
float32 vectors, row by row. Or {"cancel": id}. Answers, one line of JSON each: {"ready": true} once; {"id", "share"}
while it fits; then {"id", "cancelled": true}, {"id", "error"}, or {"id", "bytes"} followed by the float32 coordinates.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

Array = np.ndarray
NICE = 10
FEWEST_TOKENS = 5
"""UMAP starts from eigenvectors of the neighbour graph, of which fewer vectors have too few."""
WARM_UP_TOKENS = 40


class CancelledError(Exception):
    """Raised within a fit, from its progress report."""


def embed(
    vectors: Array,
    components: int,
    neighbors: int,
    min_dist: float,
    metric: str,
    seed: int,
    report: Callable[[float], None] | None = None,
) -> Array:
    """UMAP coordinates of vectors (N,f): float32 (N, components), centred on zero. The same for the same arguments.

    neighbors: the token itself included, as in umap-learn, and N − 1 at most. They are exact (brute force at any N),
    which UMAP's own search is not above 4,096 vectors. min_dist: how close neighbours may lie. metric: "euclidean" or
    "cosine".
    report is told the share of epochs done; what it raises ends the fit.
    Raises ValueError for fewer than 5 vectors or values that are not finite.
    Source: McInnes, Healy and Melville, arXiv 1802.03426; the umap-learn package.
    """
    if len(vectors) < FEWEST_TOKENS or not np.isfinite(vectors).all():
        raise ValueError(f"UMAP needs at least {FEWEST_TOKENS} tokens, all of them finite, got {len(vectors)}")
    import umap
    from sklearn.neighbors import NearestNeighbors

    neighbors = min(neighbors, len(vectors) - 1)
    search = NearestNeighbors(n_neighbors=neighbors - 1, metric=metric, algorithm="brute").fit(vectors)
    distances, indices = search.kneighbors()  # without the vector itself, which UMAP expects in the first column
    itself = np.arange(len(vectors))[:, None]
    known = np.hstack([itself, indices]), np.pad(distances, ((0, 0), (1, 0))).astype(np.float32)
    bar = _Progress(report or (lambda _: None))
    fitted = umap.UMAP(
        n_components=components, n_neighbors=neighbors, min_dist=min_dist, metric=metric, random_state=seed,
        n_jobs=1, precomputed_knn=known, verbose=True,
        tqdm_kwds={"file": bar, "bar_format": "{n_fmt}/{total_fmt}", "mininterval": 0.05},
    ).fit_transform(vectors)  # fmt: skip
    placed = np.asarray(fitted, np.float32)
    if not np.isfinite(placed).all():
        raise ValueError("UMAP found no finite coordinates for these tokens: try more neighbours")
    return placed - placed.mean(axis=0)


class _Progress:
    """A file for tqdm's bar that reads "n/total" from what is written to it."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self._report = report

    def write(self, text: str) -> None:
        done, slash, total = text.strip().partition("/")
        if slash and done.isdigit() and total.isdigit() and int(total):
            self._report(int(done) / int(total))

    def flush(self) -> None:
        """tqdm asks for it; nothing is buffered here."""


def main() -> None:
    """Answer requests until the input ends."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what UMAP prints must not stand between the answers
    if hasattr(os, "nice"):
        os.nice(NICE)
    waiting: queue.Queue[tuple[dict[str, Any], Array]] = queue.Queue()
    cancelled: set[int] = set()
    threading.Thread(target=_read, args=(requests, waiting, cancelled), daemon=True).start()
    warm = np.random.default_rng(0).standard_normal((WARM_UP_TOKENS, 4)).astype(np.float32)
    embed(warm, 2, 5, 0.1, "euclidean", 0)
    _answer(answers, {"ready": True})
    while True:
        request, vectors = waiting.get()
        _serve(request, vectors, cancelled, answers)


def _read(requests: BinaryIO, waiting: queue.Queue[tuple[dict[str, Any], Array]], cancelled: set[int]) -> None:
    """Beside the fit, so that it can be cancelled; when the app is gone, this process ends at once."""
    while line := requests.readline():
        request = json.loads(line)
        if "cancel" in request:
            cancelled.add(request["cancel"])
            continue
        shape = request.pop("rows"), request.pop("columns")
        content = requests.read(4 * shape[0] * shape[1])
        waiting.put((request, np.frombuffer(content, np.float32).reshape(shape)))
    os._exit(0)


def _serve(request: dict[str, Any], vectors: Array, cancelled: set[int], answers: BinaryIO) -> None:
    number = request.pop("id")

    def report(share: float) -> None:
        if number in cancelled:
            raise CancelledError
        _answer(answers, {"id": number, "share": share})

    try:
        report(0.0)
        content = embed(vectors, **request, report=report).tobytes()
        _answer(answers, {"id": number, "bytes": len(content)}, content)
    except CancelledError:
        _answer(answers, {"id": number, "cancelled": True})
    except ValueError as problem:
        _answer(answers, {"id": number, "error": str(problem)})


def _answer(answers: BinaryIO, header: dict[str, Any], content: bytes = b"") -> None:
    answers.write(json.dumps(header).encode() + b"\n" + content)
    answers.flush()


if __name__ == "__main__":
    main()
