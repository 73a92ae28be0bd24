"""Commands of the zoo: which models are there, and importing one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from explorer import hub, words, zoo
from explorer.cli.options import JsonOption
from explorer.cli.output import console, print_json
from explorer.errors import ExplorerError
from explorer.tables import card_values


def models(as_json: JsonOption = False) -> None:
    """The models of the zoo."""
    cards = zoo.list_models()
    if as_json:
        print_json({"models": [card_values(card) for card in cards]})
        return
    name = Column("name", no_wrap=True)
    table = Table(name, "family", "L×K×d", "patch", "input", "classes", "weights", "parity", box=SIMPLE)
    for card in cards:
        shape = f"{card.layers}×{card.heads}×{card.dim}"
        if card.reads_text:
            sizes = (shape, "–", f"{card.context} tokens", f"{card.vocabulary} tokens")
        else:
            sizes = (shape, f"{card.patch} px", f"{card.image_size} px", len(card.classes) or "–")
        error = card.parity.get("max_abs_error")
        parity = "–" if error is None else f"{error:.1e}"
        table.add_row(card.name, card.family_label, *map(str, sizes), f"{card.parameters / 1e6:.2f} M", parity)
    console.print(table)


FileArgument = Annotated[
    str, typer.Argument(help="A .pth, .pth.tar, .ckpt, .safetensors or .onnx file, or hub:OWNER/NAME/PATH.")
]


def inspect(checkpoint: FileArgument, as_json: JsonOption = False) -> None:
    """What a checkpoint holds: its sets of weights, of which import takes the first."""
    from explorer.export.checkpoint import read_contents

    path = _local(checkpoint)
    if path.suffix.lower() == ".onnx":
        raise ExplorerError(f"{path.name} is an exported model, not a checkpoint: crate-explorer models lists those.")
    found = read_contents(path)
    if as_json:
        print_json(dataclasses.asdict(found))
        return
    table = Table("weights", "family", "tensors", "numbers", "", box=SIMPLE)
    for place, one in enumerate(found.sets):
        remarks = ["an average"] * one.average + ["taken by default"] * (place == 0 and len(found.sets) > 1)
        sizes = (str(one.tensors), f"{one.numbers:,}")
        table.add_row(escape(one.name), one.family or "unknown", *sizes, ", ".join(remarks))
    console.print(table)
    facts = [f"{key} {value}" for key, value in found.facts.items() if key != "wrapper"]
    lines = {"left out": found.left_out, "says of itself": facts, "objects not read": found.unread}
    for title, names in lines.items():
        if names:
            console.print(f"{title}: {words.listed(names, 8)}", markup=False, highlight=False)


def _local(reference: str) -> Path:
    """The path of a file, downloaded where it is one of the hub's."""
    return hub.download(hub.find_file(reference)) if reference.startswith(hub.PREFIX) else Path(reference)


def import_model(
    checkpoint: FileArgument,
    name: Annotated[str | None, typer.Option(help="Name in the zoo; by default from the file's name.")] = None,
    heads: Annotated[int | None, typer.Option(min=1, help="Number of heads, where the width does not tell.")] = None,
    card: Annotated[
        Path | None, typer.Option(help="JSON file with heads, classes, mean, std, sizes, eta, lambda.")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="Of a language model: tokenizer.json, or a folder; else those beside it.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Of a file with several sets: ema, teacher, or a name that inspect shows.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to install into; by default the zoo.")] = None,
    replace: Annotated[bool, typer.Option(help="Whether a model of the same name may be replaced.")] = True,
    progress_json: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Import a checkpoint into the zoo as a traced ONNX model, checked against torch."""
    from explorer.export.importer import import_file  # torch takes seconds to import

    path = _local(checkpoint)
    if progress_json:
        installed = import_file(path, name, heads, card, out, _progress_line, tokenizer, replace, weights)
        print_json({"installed": installed.name})
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("Starting", total=1.0)

        def show(step: str, share: float) -> None:
            progress.update(task, description=step, completed=share)

        installed = import_file(path, name, heads, card, out, show, tokenizer, replace, weights)
    error = installed.parity.get("max_abs_error", float("nan"))
    console.print(
        f"{installed.path} ({installed.family_label}, {installed.parameters / 1e6:.2f} M parameters,", end=" "
    )
    console.print(f"largest difference from torch {error:.1e})")
    for note in words.not_taken(installed.provenance):
        console.print(note, markup=False, highlight=False, soft_wrap=True)


def _progress_line(step: str, share: float) -> None:
    print_json({"step": step, "share": share})
