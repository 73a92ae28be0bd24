"""Is the memory of a run linear in its tokens? Of a plain and of a traced run, up to 11,882 tokens."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from explorer import runtime
from explorer.bench.gpu.networks import FINE, exported, pixels
from explorer.bench.gpu.setting import PROVIDER_ERRORS, Row, Setting, why
from explorer.card import ModelCard
from explorer.trace import Prepared

SIDES, TINY_SIDES = (28, 40, 56, 77, 109), (8, 12, 16, 20, 24)
"""Patches of a side: 785 to 11,882 tokens with CLS."""
LINEAR_SHARE = 0.05
"""What a quadratic term may be of the memory at the largest size where the memory counts as linear."""
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def rows(setting: Setting) -> Iterator[Row]:
    """A row for each size and for plain and traced runs, then their fits: bytes that the device gave for a run of one
    picture. Each in a new session, whose arena takes what is asked for and no more."""
    card = exported(FINE, setting)
    for what, want in (("plain", []), ("traced", None)):
        measured: list[tuple[int, float]] = []
        for side in TINY_SIDES if setting.tiny else SIDES:
            tokens = 1 + side**2
            row: Row = {"what": what, "tokens": tokens}
            try:
                taken = _taken(card, side * card.patch, want, setting)
            except PROVIDER_ERRORS as error:
                yield row | {"failed": why(error)}
                continue
            measured.append((tokens, taken))
            pixels_of_side = side * card.patch
            bound = runtime.estimate(card, 1, pixels_of_side, pixels_of_side, card.patch).memory_bytes
            yield row | {"bytes": taken, "estimate": bound}
        if len(measured) > 2:
            yield {"what": what} | fit(*zip(*measured, strict=True))


def _taken(card: ModelCard, side: int, want: list[str] | None, setting: Setting) -> float:
    """Bytes that a session takes for a run beyond those of a run of one patch. Raises RuntimeError for a run that went
    to the CPU instead."""
    model = runtime.open_model(card, on=setting.provider, options={"arena_extend_strategy": "kSameAsRequested"})
    runtime.run(model, Prepared(pixels(card, 1, card.patch), None, ""), want)  # loads kernels and their workspaces
    prepared = Prepared(pixels(card, 1, side), None, "")
    gc.collect()  # sessions before this one must not give memory back meanwhile
    if setting.tiny:
        CLEAR.write_text("5")  # from now on the most that this process holds
    before = _used(setting)
    trace = runtime.run(model, prepared, want)
    if trace.note:
        raise RuntimeError(trace.note)
    return max(_used(setting) - before, 0)


def _used(setting: Setting) -> float:
    """Bytes in use on the GPU; on a CPU the most that this process has held since it was cleared."""
    if setting.device == "cuda":
        torch.cuda.synchronize()
        free, total = torch.cuda.mem_get_info()
        return total - free
    most = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return 1024 * int(most.split()[1])


def fit(tokens: Sequence[float], taken: Sequence[float]) -> Row:
    """Least squares of a + bN, and what N² has of a + bN + cN² at the largest N.

    linear: that share is at most 5 % in size. bytes_per_token: b of the line; r_squared: of the line.
    """
    n, y = np.asarray(tokens, float), np.asarray(taken, float)
    slope, offset = np.polyfit(n, y, 1)
    bend = np.polyfit(n, y, 2)[0] * n[-1] ** 2 / max(y[-1], 1.0)
    rest = float(((y - offset - slope * n) ** 2).sum())
    total = float(((y - y.mean()) ** 2).sum())
    return {
        "bytes_per_token": float(slope), "offset": float(offset), "r_squared": 1 - rest / total if total else 1.0,
        "quadratic_share": float(bend), "linear": bool(abs(bend) <= LINEAR_SHARE),
    }  # fmt: skip
