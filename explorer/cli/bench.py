"""The command that times a model, or the pages."""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from explorer import zoo
from explorer.card import ModelCard
from explorer.cli.options import JsonOption, SizeOption, StrideOption
from explorer.cli.output import console, print_json


def bench(
    model: Annotated[str, typer.Argument(help="A model of the zoo, or the path of an .onnx file.")] = zoo.FIRST_MODEL,
    size: SizeOption = None,
    stride: StrideOption = None,
    as_json: JsonOption = False,
    pages: Annotated[bool, typer.Option("--ui", help="Time the pages in a real Chromium instead.")] = False,
) -> None:
    """Time traced against plain ONNX Runtime and against eager PyTorch with hooks, as ratios from one run, and as
    shares of the rate at which this machine multiplies matrices."""
    card = zoo.find_model(model)
    card.must_read("image", "bench")
    if pages:
        _bench_pages(card, as_json)
        return
    from explorer.export.bench import bench as run_bench

    strides = [stride] if stride else [card.patch, max(card.patch // 2, 1)]
    results = [run_bench(card, size, one) for one in strides]
    if as_json:
        print_json({"model": card.name, "benches": [dataclasses.asdict(result) for result in results]})
        return
    columns = ("stride", "tokens", "way", "median ms", "fastest ms", "ratio to plain", "GFLOP/s", "share")
    table = Table(*columns, title=f"{card.name}, threads: {results[0].threads}", box=SIMPLE)
    for result in results:
        place = (str(result.stride), str(result.tokens))
        for timing in result.timings:
            times = (f"{timing.median_ms:.1f}", f"{timing.fastest_ms:.1f}", f"{timing.ratio:.2f}")
            rate = f"{timing.share * result.product_gflops:.0f}"
            table.add_row(*place, timing.name, *times, rate, f"{timing.share:.0%}")
        product = (f"{result.product_ms:.1f}", "", "", f"{result.product_gflops:.0f}", "100%")
        table.add_row(*place, "the machine's matrix product", *product)
    console.print(table)
    console.print("share: of the rate of a float32 product of 1,024 × 1,024 matrices, for the layers' products alone.")


def _bench_pages(card: ModelCard, as_json: bool) -> None:
    from explorer.bench.pages import measure_pages

    with Console(stderr=True).status("Measuring the pages…") as status:
        figures = measure_pages(card, lambda step: status.update(f"Measuring: {step}"))
    if as_json:
        rows = [{**dataclasses.asdict(figure), "met": figure.met} for figure in figures]
        print_json({"model": card.name, "figures": [{**row, "target": _finite(row["target"])} for row in rows]})
        return
    table = Table("figure", "median", "95 %", "target", "met", "samples", title=f"Pages with {card.name}", box=SIMPLE)
    for figure in figures:
        digits = 1 if figure.value < 100 else 0
        value, worst = (f"{number:,.{digits}f} {figure.unit}" for number in (figure.value, figure.worst))
        target = "–" if _finite(figure.target) is None else f"≤ {figure.target:g} {figure.unit}"
        table.add_row(figure.name, value, worst, target, "yes" if figure.met else "NO", str(figure.samples))
    console.print(table)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
