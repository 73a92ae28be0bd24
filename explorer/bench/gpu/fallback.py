"""What a run does when the GPU's memory is full: it is made on the CPU, says so, and gives the same numbers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torch

from explorer import runtime
from explorer.bench.gpu.networks import FINE, exported, pixels
from explorer.bench.gpu.parity import worst_output
from explorer.bench.gpu.setting import PROVIDER_ERRORS, Row, Setting, why
from explorer.bench.gpu.tables import LIMIT
from explorer.trace import Prepared

SIDE = 77
"""Patches of a side: 5,930 tokens, whose trace alone takes 340 MB."""
LEFT_BYTES = 128 << 20
"""What is left free on the GPU."""


def rows(setting: Setting) -> Iterator[Row]:
    """A run that is asked for while the GPU's memory is filled, and once more with the memory free."""
    if setting.device != "cuda":
        yield {"what": "memory filled", "failed": "there is no GPU"}
        return
    card = exported(FINE, setting)
    model, prepared = runtime.open_model(card), Prepared(pixels(card, 1, SIDE * card.patch), None, "")
    runtime.run(model, Prepared(pixels(card, 1), None, ""), [])  # cuBLAS and the kernels take their own memory first
    try:
        free, _ = torch.cuda.mem_get_info()
        filled = torch.empty(max(free - LEFT_BYTES, 0), dtype=torch.uint8, device="cuda")
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            full = runtime.run(model, prepared)
        reference = runtime.run(runtime.open_model(card, on=runtime.CPU), prepared)
        same = worst_output(full.points, reference.points)["error"] <= LIMIT
        warned = any(full.note == str(one.message) for one in said)
        yield {"what": "memory filled", "note": full.note, "met": bool(full.note) and warned and same}
        del filled
        torch.cuda.empty_cache()
        again = runtime.run(model, prepared)
        same = worst_output(again.points, reference.points)["error"] <= LIMIT
        yield {"what": "memory free again", "note": again.note, "met": not again.note and same}
    except PROVIDER_ERRORS as error:
        yield {"what": "while a run was tried", "failed": why(error)}
