"""The command of evaluation: suites run on models, printed, written to a file and into the models' own cards."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from explorer import zoo
from explorer.card import ModelCard
from explorer.cli.options import JsonOption, StrideOption
from explorer.cli.output import console, print_json, progress_bar, write_file

if TYPE_CHECKING:
    from explorer.evaluation.record import Result, Row

COUNTED = {"language": "windows", "embedding": "rows"}
"""What a suite measures, where it is not images."""


def evaluate(
    models: Annotated[list[str], typer.Argument(help="Models of the zoo, or paths of .onnx files.")],
    suite: Annotated[
        list[str],
        typer.Option(
            help="accuracy, emergence, curves, heads, noise, voc, coco, regions; of text language, embedding. May be "
            "repeated."
        ),
    ],
    data: Annotated[
        Path,
        typer.Option(
            help="A prepared folder with val/ (and train/); for voc VOC2012, for coco COCO, for regions a .parquet."
        ),
    ],
    against: Annotated[
        list[str] | None, typer.Option(help="Another model to compare with on the same data; may be repeated.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Images or windows at most, drawn by the seed; rows: the most frequent.")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Side of the model's input in pixels.")] = None,
    stride: StrideOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the sample, the intervals and the noise.")] = 0,
    record: Annotated[bool, typer.Option(help="Write each result into the model's own card.")] = True,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A .json to write all results to.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure what models are worth on data, each beside its random-init control; one suite is written after the other.

    An earlier result of the same suite in a model's card is replaced.
    """
    from explorer.evaluation.suites import evaluate as run  # ONNX Runtime and SciPy take time to import

    others = [zoo.find_model(name) for name in against or []]
    found: dict[str, dict[str, object]] = {}
    for card in [zoo.find_model(name) for name in models]:
        twins = [one for one in others if one.name != card.name]
        for name in suite:
            with progress_bar() as bar:
                task = bar.add_task("Starting", total=1.0)

                def show(step: str, share: float, bar=bar, task=task, card: ModelCard = card) -> None:
                    bar.update(task, description=f"{card.name}: {step}", completed=share)

                result = run(card, name, data, twins, limit, size, stride, seed, show)
            if not found and result.code.endswith("changes"):
                print(f"The code was changed since its last commit: the results say {result.code}.", file=sys.stderr)
            if record:
                card = zoo.record_evaluation(card, name, result.values())
            found.setdefault(card.name, {})[name] = result.values()
            if output:
                text = json.dumps(found, ensure_ascii=False, indent=1)
                write_file(output, lambda file, text=text: file.write(text.encode()))
            if not as_json:
                _print(card, result)
    if as_json:
        print_json(found)


def _print(card: ModelCard, result: Result) -> None:
    commit = f", {result.code}" if result.code else ""
    console.print(
        f"[bold]{escape(card.name)}[/bold], {result.suite}: {result.data['images']:,} "
        f"{COUNTED.get(result.suite, 'images')}, "
        f"{result.seconds:,.0f} s{commit}"
    )
    single = [row for row in result.rows if row.at is None]
    if single:
        table = Table("measure", "of", "method", "on", "value", "95 % interval", box=SIMPLE)
        for row in single:
            ends = "" if row.low is None or row.high is None else f"{_number(row.low, row)} to {_number(row.high, row)}"
            table.add_row(*_about(row), _number(row.value, row), ends)
        console.print(table)
    if len(single) < len(result.rows):
        console.print(_scale([row for row in result.rows if row.at is not None]))


def _scale(rows: Sequence[Row]) -> Table:
    """Means along a scale (layers, levels of noise), a row for each curve."""
    curves: dict[tuple[str, ...], dict[float, str]] = {}
    for row in rows:
        curves.setdefault(_about(row), {})[row.at or 0.0] = _number(row.value, row)
    table = Table("measure", "of", "method", "on", "means at", box=SIMPLE)
    for about, numbers in curves.items():
        table.add_row(*about, "  ".join(f"[dim]{at:g}:[/dim] {number}" for at, number in numbers.items()))
    return table


def _about(row: Row) -> tuple[str, ...]:
    return row.measure, escape(f"{row.who} − {row.minus}" if row.minus else row.who), row.method, row.on


def _number(value: float, row: Row) -> str:
    return f"{value:+.3f}" if row.minus else f"{value:.1f}" if row.measure == "R^c" else f"{value:.3f}"
