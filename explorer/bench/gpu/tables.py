"""How the report shows each section: what it is, its columns, and one sentence that its rows add up to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from explorer.bench.gpu.setting import Row

GOAL_MS = 1.0
"""Median of CRATE-B/16, traced, one photo of 224 pixels."""
LIMIT = 1e-3
"""Largest error of any output in float32 without TF32, relative to its largest entry where that is above 1."""


@dataclass(frozen=True)
class Column:
    """A column of a table: the key of its rows, its heading, and how a value is written."""

    key: str
    heading: str
    write: Callable[[Any], str] = str


@dataclass(frozen=True)
class Table:
    """A section of the report: its title, what it is, its columns, and one sentence that its rows add up to."""

    title: str
    about: str
    columns: tuple[Column, ...]
    verdict: Callable[[list[Row]], str]


def _number(digits: int) -> Callable[[Any], str]:
    return lambda value: f"{value:,.{digits}f}"


def _fact(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _short(value: float) -> str:
    return f"{value:.1e}" if math.isfinite(value) else "no number"


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _yes(value: bool) -> str:
    return "yes" if value else "**NO**"


def _megabytes(value: float) -> str:
    return f"{value / 1e6:,.0f}"


def _parity(rows: list[Row]) -> str:
    met, outputs = [row for row in rows if row.get("met")], sum(row.get("outputs", 0) for row in rows)
    if len(met) == len(rows):
        worst = max(row["error"] for row in rows)
        return f"All {len(rows)} models agree: {outputs:,} outputs, the worst off by {worst:.1e} (limit {LIMIT:g})."
    return f"**{len(rows) - len(met)} of {len(rows)} models do not agree or failed.**"


def _latency(rows: list[Row]) -> str:
    traced = [row for row in rows if row["what"] == "traced" and "p50_ms" in row]
    said = []
    for which, some in (("float32", [row for row in traced if row["precision"] == "fp32"]), ("any precision", traced)):
        if some:
            best = min(some, key=lambda row: row["p50_ms"])
            reached = "reached" if best["p50_ms"] <= GOAL_MS else "**missed**"
            said.append(f"{which} {reached}, {best['p50_ms']:.2f} ms ({best['way']}, {best['precision']})")
    return f"Goal, a traced run within {GOAL_MS:g} ms (median): {'; '.join(said) or 'not measured'}."


def _memory(rows: list[Row]) -> str:
    fits = [row for row in rows if "linear" in row]
    sentences = [
        f"{row['what'].capitalize()}: {row['offset'] / 1e6:,.0f} MB + {row['bytes_per_token'] / 1e3:,.1f} kB a token "
        f"(R² {row['r_squared']:.4f}); a term in N² would be {100 * row['quadratic_share']:.1f} % at the largest size, "
        f"so it is {'linear' if row['linear'] else '**not linear**'}."
        for row in fits
    ]
    return " ".join(sentences) or "Too few sizes were measured for a fit."


def _fallback(rows: list[Row]) -> str:
    if not any("met" in row for row in rows):
        return "Not measured."
    return "As promised." if all(row.get("met") for row in rows) else "**Not as promised.**"


def _speed(rows: list[Row]) -> str:
    said = []
    for batch in sorted({row["batch"] for row in rows}):
        timed = [row for row in rows if row["batch"] == batch and "p50_ms" in row and row["model"] == rows[0]["model"]]
        for precision in ("fp32", "bf16"):
            ours = [row["p50_ms"] for row in timed if row["precision"] == precision and "ONNX" in row["way"]]
            torchs = [row["p50_ms"] for row in timed if row["precision"] == precision and "PyTorch" in row["way"]]
            if ours and torchs:
                said.append(f"batch {batch} {precision} {min(torchs) / min(ours):.2f}")
    ways = "Fastest PyTorch's time / fastest ONNX Runtime's, above 1 where ONNX Runtime is faster"
    return f"{ways}, {rows[0]['model']}: {', '.join(said)}." if said else "Nothing to compare was measured."


def _nothing(rows: list[Row]) -> str:
    del rows
    return ""


TIMES = (Column("p50_ms", "p50 ms", _number(2)), Column("p95_ms", "p95 ms", _number(2)))
FAILED = Column("failed", "failed")
MODEL, WAY, PRECISION = Column("model", "model"), Column("way", "way"), Column("precision", "precision")
TABLES = {
    "machine": Table(
        "The machine",
        "Rates are torch's, of this run: products of square matrices of 8,192, a copy of 1 GiB (read and written).",
        (Column("fact", "what"), Column("rate", "rate"), Column("value", "value", _fact), Column("unit", "unit")),
        _nothing,
    ),
    "parity": Table(
        "Does it compute the same?",
        "Every output on CUDA (float32, TF32 off) against the CPU, at two sizes and two strides or three lengths of "
        "text, once with all knobs turned. The error is relative to an output's largest entry where that is above 1.",
        (MODEL, Column("weights", "weights"), Column("outputs", "outputs"), Column("output", "worst"),
         Column("case", "where"), Column("absolute", "absolute", _short), Column("error", "error", _short),
         Column("met", f"≤ {LIMIT:g}", _yes)),
        _parity,
    ),
    "latency": Table(
        "One photo",
        "CRATE-B/16 at 224 pixels, batch 1. Traced: every trace point is written; plain: the logits alone. The "
        "roofline is the larger of operations / product rate and bytes / memory rate, with the rates above.",
        (Column("what", "run"), WAY, PRECISION, *TIMES, Column("roofline_ms", "roofline ms", _number(3)),
         Column("share", "share of it", _percent)),
        _latency,
    ),
    "memory": Table(
        "Memory",
        "Device memory that a run of one picture takes beyond a run of one patch: CRATE, 12 layers of width 384, 12 "
        "heads, patches of 8. Plain holds the logits alone, traced every trace point. Estimate: what the app reckons.",
        (Column("what", "run"), Column("tokens", "tokens", _number(0)), Column("bytes", "MB", _megabytes),
         Column("estimate", "estimate MB", _megabytes)),
        _memory,
    ),
    "precision": Table(
        "What less than float32 loses",
        "Against float32 on the CPU. ONNX Runtime: the graph with every weight and step in that precision (its own "
        "converter knows no bfloat16), TF32 by the provider's option; PyTorch: the module converted. Error: ‖a − "
        "b‖/‖b‖ of the worst output, and of the logits. R^c: largest relative change of a layer's; non-zeros: largest "
        "change of a layer's share, in points of a percent; both on the first picture.",
        (MODEL, WAY, PRECISION, Column("output", "worst"), Column("error", "error", _short),
         Column("answer_error", "logits", _short), Column("rate", "R^c", _short),
         Column("nonzeros", "non-zeros, points", _number(3)), Column("same_class", "same class", _percent)),
        _nothing,
    ),
    "fallback": Table(
        "When its memory is full",
        "All but 128 MB are taken, then a run of 5,930 tokens is asked for: it should be made on the CPU, say so, and "
        "give the same numbers; and with the memory free again run on the GPU.",
        (Column("what", "when"), Column("note", "what it said"), Column("met", "as promised", _yes)),
        _fallback,
    ),
    "speed": Table(
        "Beside PyTorch",
        "Every trace point in the precision of the run, left on the device; one shape, fixed buffers. PyTorch: "
        "inference mode, TF32 off; compiled: torch.compile, mode reduce-overhead (CUDA graphs).",
        (MODEL, Column("batch", "batch"), WAY, PRECISION, *TIMES, Column("per_second", "photos/s", _number(0))),
        _speed,
    ),
}  # fmt: skip
