"""Measure on this machine's GPU and write docs/gpu.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from explorer import runtime
from explorer.bench.gpu import plan, report
from explorer.errors import ExplorerError
from explorer.processors import gpu_problem

MINUTES = 7.0
LAST_S = 5.0
"""Seconds kept for ending."""
OUT, TRIED = plan.ROOT / "docs" / "gpu.md", plan.ROOT / "build" / "gpu-on-cpu.md"


def measure(device: str, minutes: float, out: Path, names: list[str]) -> None:
    """Run the sections and write the report after every row. Raises ExplorerError where there is no GPU to measure."""
    if device == "cuda" and (problem := gpu_problem()):
        raise _no_gpu(problem)
    start = time.monotonic()
    results: dict[str, Any] = {
        "schema": 1, "device": device, "started": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), "seconds": 0.0,
        "sections": {},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="crate-explorer-gpu-") as folder:
        for i, name in enumerate(names):

            def keep(outcome: plan.Outcome, name: str = name) -> None:
                results["sections"][name] = asdict(outcome)
                results["seconds"] = time.monotonic() - start
                report.save(results, out)

            left = 60 * minutes - LAST_S - (time.monotonic() - start)
            seconds = plan.allowance(left, [plan.SECTIONS[one] for one in names[i:]])
            print(f"{name}: at most {seconds:.0f} s", flush=True)
            first = name == names[0]  # nothing is written before it is known that there is a GPU
            outcome = plan.run_section(name, device, Path(folder), seconds, (lambda _: None) if first else keep)
            if first and device == "cuda":
                check_gpu(outcome)
            keep(outcome)
            print(f"{name}: {outcome.state}, {len(outcome.rows)} rows in {outcome.seconds:.0f} s", flush=True)


def check_gpu(machine: plan.Outcome) -> None:
    """Raises ExplorerError where ONNX Runtime or torch does not run on a GPU; then nothing is written."""
    if not machine.rows:
        why = f"the first section {machine.state}"
    elif machine.rows[0]["provider"] != runtime.CUDA:
        why = machine.rows[0]["value"].removeprefix("CPU: ")
    elif not machine.rows[0]["torch_cuda"]:
        why = "this PyTorch finds none"
    else:
        return
    raise _no_gpu(why)


def _no_gpu(why: str) -> ExplorerError:
    return ExplorerError(
        f"There is no GPU to measure, {why}: nothing was written (OPTIONS=--cpu tries the script without one)."
    )


def main(arguments: list[str] | None = None) -> int:
    """0, or 2 with one line on the standard error for what a user can fix."""
    parser = argparse.ArgumentParser(prog="python -m explorer.bench.gpu", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for everything (default: %(default)g)")
    parser.add_argument("--out", type=Path, help="the report (default: docs/gpu.md; with --cpu build/gpu-on-cpu.md)")
    parser.add_argument("--cpu", action="store_true", help="try the script with tiny networks on the CPU")
    parser.add_argument("--only", nargs="+", choices=plan.SECTIONS, help="some sections; the machine is always one")
    for name, kind in (("--section", str), ("--folder", Path), ("--seconds", float)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    device = "cpu" if asked.cpu else "cuda"
    if asked.section:
        plan.write_section(asked.section, device, asked.folder, asked.seconds)
        return 0
    names = [name for name in plan.SECTIONS if not asked.only or name in (*asked.only, "machine")]
    out = asked.out or (TRIED if asked.cpu else OUT)
    try:
        measure(device, asked.minutes, out, names)
    except ExplorerError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Written: {out}")
    return 0
