"""Commands of training: pictures or texts as arrays, and a recipe run on them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from explorer.cli.output import progress_bar

if TYPE_CHECKING:
    from explorer.training.checkpoints import CurveRow


def prepare(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="A folder with one folder for each class, .parquet files, or texts: files or a folder of "
            "text files, or tables (.csv, .tsv, .jsonl)."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The prepared folder to make.")],
    validation: Annotated[
        list[Path] | None, typer.Option("--val", help="Validation pictures; may be repeated.")
    ] = None,
    size: Annotated[int, typer.Option(help="Side of the stored squares in pixels.")] = 128,
    hold_out: Annotated[float, typer.Option(help="Share kept for validation where the source has none.")] = 0.1,
    vocabulary: Annotated[int, typer.Option(help="Tokens that are learned from texts.")] = 4096,
    column: Annotated[str, typer.Option(help="Of tables and .parquet: the column of the texts.")] = "",
    licence: Annotated[str, typer.Option(help="Licence or terms of the source, noted in about.json and cards.")] = "",
) -> None:
    """Turn pictures or texts into the arrays that train reads."""
    from explorer.training.prepare import prepare as write_prepared  # pyarrow takes time to import

    with progress_bar() as progress:
        task = progress.add_task("Reading the labels", total=1.0)

        def show(step: str, share: float) -> None:
            progress.update(task, description=step, completed=share)

        def tell(note: str) -> None:
            progress.console.print(f"note: {note}", markup=False)

        held = validation or []
        about = write_prepared(sources, out, held, size, hold_out, licence, show, vocabulary, column, tell)
    for part, values in about.items():
        if "classes" in values:
            what = f"pictures, {len(values['classes'])} classes, {values['size']} px"
        else:
            what = f"documents, {values['tokens']:,} tokens of {values['vocabulary']:,}"
        print(f"{out} {part}: {values['count']:,} {what}")


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe of ours by name, or the path of a .toml file.")],
    data: Annotated[Path, typer.Option(help="Folder of the prepared folders that the recipe names.")] = Path("data"),
    out: Annotated[Path | None, typer.Option(help="Folder of the run; by default runs/RECIPE.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Train so long, with the schedule at its end then.")] = None,
    start: Annotated[Path | None, typer.Option(help="Official checkpoint of the same network to start from.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the network: slow to start, faster then.")
    ] = False,
) -> None:
    """Train a model; the same command goes on with a run that was stopped."""
    from explorer.training.loop import train as run  # torch takes seconds to import
    from explorer.training.recipe import TextRecipe, read_recipe

    read = read_recipe(recipe)
    if start:
        read = dataclasses.replace(read, start=str(start))
    folder = out or Path("runs") / read.name
    of_text = isinstance(read, TextRecipe)
    with progress_bar() as progress:
        task = progress.add_task("Starting", total=1.0)

        def show(row: CurveRow) -> None:
            speed = f"{row.samples_per_second:.0f} {'windows' if of_text else 'images'}/s"
            text = f"stage {row.stage}, epoch {row.epoch:.2f}, loss {row.loss:.3f}, {speed}"
            progress.update(task, description=text, completed=row.progress)
            if row.validation is not None:
                held = f"{row.validation:.3f} nats per token" if of_text else f"top-1 {100 * row.validation:.1f} %"
                progress.console.print(f"{text}, held out: {held}")

        path = run(read, data, folder, minutes, device, compiled, show)
    print(f"{path}\nimport it: crate-explorer import {path} --card {folder / read.name}.json")
