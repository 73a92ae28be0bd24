"""What was measured, as JSON and as the tables of docs/gpu.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from explorer.bench.gpu.setting import Row
from explorer.bench.gpu.tables import FAILED, TABLES, Column, Table

HEADING = "# On a GPU"
NEEDS = "torch, numpy, onnx, onnxruntime-gpu and pillow"
HOW = f"""## How to measure

```
make gpu                   # sets up .venv first, with the pinned versions
make gpu PYTHON=python3    # or: with what this Python has; nothing is installed
```

It needs Linux, an NVIDIA GPU and {NEEDS}, the first and the fourth built for the same
CUDA. Where a CPU-only onnxruntime is installed, put the other one into a folder of its own and that first:
`pip install --no-deps --target=DIR onnxruntime-gpu`, then `PYTHONPATH=DIR make gpu PYTHON=python3`. Compiled PyTorch
needs a C compiler, too.

It takes at most seven minutes (`OPTIONS="--minutes 4"`: less), writes this file and `gpu.json` beside it after every
measurement, and goes on where a part fails. `OPTIONS="--only parity latency"` measures these sections alone,
`OPTIONS=--cpu` tries the script with tiny networks on the CPU and writes to `build/`."""
NOT_MEASURED = f"""{HEADING}

Not measured yet: no number in this repository comes from a GPU. What a GPU is expected to do is tested on the CPU, with
stand-ins for its failures.

{HOW}
"""
ON_A_CPU = "**A try of the script with tiny networks on the CPU: these numbers say nothing about a GPU.**"


def markdown(results: Mapping[str, Any]) -> str:
    """The report of what was measured so far; of nothing, that nothing was."""
    sections = results.get("sections") or {}
    if not sections:
        return NOT_MEASURED
    parts = [HEADING, *([ON_A_CPU] if results["device"] == "cpu" else [])]
    parts.append(f"Measured {results['started']} by `make gpu` in {results['seconds']:.0f} s, one run.")
    parts += [_section(TABLES[name], section) for name, section in sections.items()]
    return "\n\n".join([*parts, HOW]) + "\n"


def _section(table: Table, section: Mapping[str, Any]) -> str:
    rows, state = section["rows"], section["state"]
    parts = [f"## {table.title}", table.about]
    if rows and (said := table.verdict(rows)):
        parts.append(said)
    if state != "done":
        parts.append(f"*This section is not whole: {state}, after {section['seconds']:.0f} s.*")
    if rows:
        parts.append(_table(table, rows))
    return "\n\n".join(parts)


def _table(table: Table, rows: list[Row]) -> str:
    """The rows that say more than their first column; where some failed, why is the last column."""
    used = [column for column in (*table.columns, FAILED) if any(column.key in row for row in rows)]
    shown = [row for row in rows if any(column.key in row for column in used[1:])]
    lines = [[column.heading for column in used], ["---"] * len(used)]
    lines += [[_cell(column, row) for column in used] for row in shown]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cell(column: Column, row: Row) -> str:
    return _plain(column.write(row[column.key])) if row.get(column.key) is not None else ""


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def save(results: Mapping[str, Any], path: Path) -> None:
    """Write the report and, beside it, the numbers as JSON; each file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for target, text in (
        (path.with_suffix(".json"), json.dumps(results, ensure_ascii=False, indent=1) + "\n"),
        (path, markdown(results)),
    ):
        partial = target.with_name(f".{target.name}.partial")
        partial.write_text(text, "utf-8")
        partial.replace(target)
