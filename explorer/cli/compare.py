"""The command that compares models on pictures or texts: the numbers of the pages, and pictures side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from explorer import figures, measures, zoo
from explorer.card import ModelCard
from explorer.cli.options import (
    ColumnOption,
    FramingOption,
    JsonOption,
    RowOption,
    SizeOption,
    StrideOption,
    read_input,
)
from explorer.cli.output import console, print_json, write_file
from explorer.errors import ExplorerError
from explorer.inputs import gallery
from explorer.studies import compare as comparing
from explorer.studies.compare import ComparedRun, differences, notes
from explorer.studies.compare_text import text_differences
from explorer.studies.predict import likeliest
from explorer.trace import Array, Knobs, layer_on
from explorer.words import SCALES, TEXT_SCALES

CONTROL_NAME = "random init"


def compare(
    things: Annotated[
        list[str], typer.Argument(metavar="MODEL MODEL… INPUT…", help="Models, the first is A; then pictures or texts.")
    ],
    layer: Annotated[int | None, typer.Option(help="Layer of A, from 1; by default the one before its last.")] = None,
    head: Annotated[list[int] | None, typer.Option(help="From 1; by default the mean over heads.")] = None,
    by_number: Annotated[bool, typer.Option("--by-number", help="Layers go together by number, not by depth.")] = False,
    control: Annotated[bool, typer.Option("--control", help="Compare with A's random-init control as well.")] = False,
    size: SizeOption = None,
    stride: StrideOption = None,
    framing: FramingOption = "crop",
    column: ColumnOption = "",
    row: RowOption = 1,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A folder for a .png and a .json for each input.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare models with the first on the same pictures or texts: prediction, attention, masks, tokens, weights."""
    cards, inputs = _sorted(things)
    if len(cards) + control < 2:
        raise ExplorerError("compare needs two models, or one and --control.")
    if not inputs:
        raise ExplorerError("compare needs a picture behind the models, or for language models a text.")
    layer = max(cards[0].layers - 1, 1) if layer is None else layer
    if not 1 <= layer <= cards[0].layers:
        raise ExplorerError(f"{cards[0].name} has no layer {layer}: choose 1 to {cards[0].layers}.")
    of_text = cards[0].reads_text
    if not of_text:
        framing = comparing.shared_framing(cards, framing)
    found = []
    for source in inputs:
        path = Path(source) if not of_text or Path(source).suffix else Path("text")
        runs = [_run(card, source, size, stride, framing, column, row) for card in cards]
        if control:
            runs.append(comparing.run(cards[0], runs[0].prepared, Knobs(stride=stride), control=True))
        values = _values(path, runs, layer, tuple(head or ()), by_number)
        found.append(values)
        if output:
            _write(output, path, runs, values)
        if not as_json:
            _print(values)
    if as_json:
        print_json({"scales": _scales(cards[0]), "comparisons": found})


def _scales(card: ModelCard) -> dict[str, tuple[str, str]]:
    """Key of a difference → its name, and what the ends of its scale mean."""
    return {key: (one.name, one.ends) for key, one in (TEXT_SCALES if card.reads_text else SCALES).items()}


def _sorted(things: Sequence[str]) -> tuple[list[ModelCard], list[str]]:
    """What names a model up to the first that does not, and the rest."""
    names = {card.name for card in zoo.list_models()}
    models = [thing for thing in things if thing in names or thing.endswith(".onnx")]
    if list(things[: len(models)]) != models:
        raise ExplorerError("compare takes the models first and the pictures or texts behind them.")
    rest, cards = list(things[len(models) :]), [zoo.find_model(name) for name in models]
    if len({card.modality for card in cards}) > 1:
        raise ExplorerError("compare takes models of pictures or models of text, not both at once.")
    reads_text = bool(cards) and cards[0].reads_text
    known = {photo.name for photo in gallery()}
    if rest and not reads_text and not Path(rest[0]).exists() and not Path(rest[0]).suffix and rest[0] not in known:
        zoo.find_model(rest[0])  # neither a photo nor a model: its own sentence names the models
    return cards, rest


def _run(
    card: ModelCard, source: str, size: int | None, stride: int | None, framing: str, column: str, row: int
) -> ComparedRun:
    prepared = read_input(source, card, size, framing, column, row)
    if len(prepared.data) != 1:
        kind = "texts" if card.reads_text else "pictures"
        raise ExplorerError(f"{prepared.label} holds {len(prepared.data)} {kind}: compare takes one at a time.")
    return comparing.run(card, prepared, Knobs(stride=stride))


def _name(run: ComparedRun) -> str:
    return f"{run.card.name}, {CONTROL_NAME}" if run.control else run.card.name


def _values(
    path: Path, runs: Sequence[ComparedRun], layer: int, heads: tuple[int, ...], by_number: bool
) -> dict[str, Any]:
    a, pairs = runs[0], []
    for letter, b in zip(_letters(len(runs))[1:], runs[1:], strict=True):
        other = layer_on(layer, a.card.layers, b.card.layers, not by_number)
        find = text_differences if a.card.reads_text else differences
        rows = find(a, b, layer, other, heads)
        values = {one.key: {"value": one.value, "chance": one.chance, "note": one.note} for one in rows}
        said = notes(a, b, letter)
        pairs.append({"a": _name(a), "b": _name(b), "layer": layer, "layer_of_b": other, "differences": values,
                      "notes": said})  # fmt: skip
    top = {_name(run): dict(likeliest(run.trace)) for run in runs}
    return {"input": path.name, "heads": list(heads) or "mean", "top": top, "pairs": pairs}


def _print(values: dict[str, Any]) -> None:
    pairs = values["pairs"]
    letters = _letters(len(pairs) + 1)
    console.print(f"[bold]{escape(values['input'])}[/bold]")
    console.print(f"A: {escape(pairs[0]['a'])}, layer {pairs[0]['layer']}")
    for letter, pair in zip(letters[1:], pairs, strict=True):
        console.print(f"{letter}: {escape(pair['b'])}, layer {pair['layer_of_b']}")
    table = Table("from A to", *letters[1:], "by chance", "scale", box=SIMPLE)
    for key in pairs[0]["differences"]:
        cells = [comparing.Difference(key, **pair["differences"][key]) for pair in pairs]
        said, first = [escape(cell.text) for cell in cells], cells[0]
        table.add_row(first.name, *said, comparing.number_text(first.chance), first.scale)
    console.print(table)
    for note in (note for pair in pairs for note in pair["notes"]):
        console.print(escape(note))


def _write(folder: Path, path: Path, runs: Sequence[ComparedRun], values: dict[str, Any]) -> None:
    """The numbers, and attention and objects of every run side by side where there is a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"scales": _scales(runs[0].card), **values}, ensure_ascii=False, indent=1)
    write_file(folder / f"{path.stem}.json", lambda file: file.write(text.encode()))
    if all(run.prepared.picture is not None for run in runs):
        layers = [values["pairs"][0]["layer"], *(pair["layer_of_b"] for pair in values["pairs"])]
        columns = [_columns(run, layer, tuple(values["heads"]) if values["heads"] != "mean" else None)
                   for run, layer in zip(runs, layers, strict=True)]  # fmt: skip
        letters = _letters(len(runs))
        names = [f"{one} {_name(run)}, layer {n}" for one, run, n in zip(letters, runs, layers, strict=True)]
        page = figures.sheet(list(zip(*columns, strict=True)), names, ["photo", "attention", "objects"])
        write_file(folder / f"{path.stem}.png", lambda file: file.write(figures.png_bytes(page)))


def _letters(count: int) -> list[str]:
    return [chr(ord("A") + i) for i in range(count)]


def _columns(run: ComparedRun, layer: int, heads: tuple[int, ...] | None) -> list[Array]:
    """Photo, attention of CLS and objects of a run."""
    photo, trace = run.prepared.picture, run.trace
    assert photo is not None
    height, width = run.prepared.height, run.prepared.width
    known = tuple(head for head in heads or () if head <= run.card.heads) or None
    heat = measures.patches.upsample_smooth(
        measures.patches.trace_attention(trace, layer, known), height, width, run.card.patch, trace.stride
    )
    found = measures.patches.on_pixels(
        measures.patches.segment_trace(trace, "maskcut", layer), trace, height, width
    ).labels
    objects = figures.label_overlay(photo, found.astype(int) - 1, 0.5, figures.OBJECT_COLORS)
    return [photo, figures.heat_overlay(photo, heat), objects]
