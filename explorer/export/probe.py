"""The child process that opens an uploaded ONNX model for the first time.

`python -m explorer.export.probe FILE [ANEW]`.

ONNX Runtime has crashed on hostile graphs; here a crash ends this process and not the app. Exit 0: it opened and ran,
and ANEW, the graph that we write for its weights, computes the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from explorer import runtime, zoo
from explorer.card import ModelCard
from explorer.export.limits import limit_memory
from explorer.trace import Array, Knobs, Prepared

TOLERANCE = 1e-4
"""Of what two graphs of the same weights compute, relative to the largest entry where it is above 1."""


def main(path: Path, anew: Path | None = None) -> None:
    limit_memory(path.stat().st_size * (2 if anew else 1))
    card = zoo.read_card(path)
    points = _points(card)
    if not all(np.isfinite(array).all() for run in points for array in run.values()):
        sys.exit("its outputs are not finite numbers")
    if anew:
        for theirs, ours in zip(points, _points(zoo.read_card(anew)), strict=True):
            if different := [name for name in ours if not _same(theirs[name], ours[name])]:
                sys.exit(f"{different[0]} is not what its weights give in the graph that we write for them")


def _points(card: ModelCard) -> list[dict[str, Array]]:
    """Every output for an input that is always the same, as trained and with knobs turned."""
    rng = np.random.default_rng(0)
    if card.reads_text:
        data = rng.integers(0, card.vocabulary, (1, min(8, card.context)))
    else:
        data = rng.standard_normal((1, 3, 2 * card.patch, 2 * card.patch)).astype(np.float32)
    gain, lam, eta = (rng.uniform(0, 0.2, (card.layers, *more)).astype(np.float32) for more in ((card.heads,), (), ()))
    turned = Knobs(gain, lam, eta) if card.has_ista else Knobs(gain)
    model, prepared = runtime.open_model(card), Prepared(data, None, "")
    return [dict(runtime.run(model, prepared, None, knobs).points) for knobs in (Knobs(), turned)]


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and np.allclose(a, b, rtol=0, atol=TOLERANCE * max(1.0, float(np.abs(b).max())))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
