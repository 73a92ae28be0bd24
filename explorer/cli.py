"""`crate-explorer …`: the headless twin of the pages. Exit 0, or 2 with one line for what a user can fix."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Annotated, Any

import numpy as np
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from explorer import ablate as ablation
from explorer import hub, runtime, summary, zoo
from explorer.cli_options import distortion, entry_price, gains, steps
from explorer.errors import ExplorerError
from explorer.inputs import prepare_input, read_file, reading_note
from explorer.measures import METHODS, OFFICIAL_EPS_SQUARED, on_pixels, segment_trace
from explorer.report import report_html, run_report
from explorer.trace import Knobs, ModelCard, Prepared, trace_points
from explorer.training.commands import add_commands

CLICK_ERROR: type[Any] = typer.BadParameter.__mro__[2]
"""What typer raises for arguments that do not fit; it carries its own copy of click."""
TABLE_WIDTH = 110
"""Characters of a table that goes to a file or a pipe."""
app = typer.Typer(
    name="crate-explorer", help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)

ModelArgument = Annotated[str, typer.Argument(help="A model of the zoo, or the path of an .onnx file.")]
InputArgument = Annotated[Path, typer.Argument(help="A picture, or a .npy of float32 (B,3,H,W), fed as it is.")]
SizeOption = Annotated[int | None, typer.Option(help="Side of the model's input in pixels, a multiple of the patch.")]
StrideOption = Annotated[int | None, typer.Option(help="Pixels between patches; below the patch size they overlap.")]
FramingOption = Annotated[str, typer.Option(help="crop: the centre, as in training. whole: the whole photo.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
GainOption = Annotated[
    list[str] | None, typer.Option("--mssa-gain", metavar="L:K=V", help="Gain V of head K in layer L (from 1).")
]
StepOption = Annotated[list[str] | None, typer.Option(metavar="[L=]V", help="For all layers, or for layer L.")]


def main() -> None:
    """Run the command line; what a user can fix is one line on the standard error and exit code 2."""
    try:
        sys.exit(app(standalone_mode=False))
    except ExplorerError as error:
        sentence = str(error)
    except CLICK_ERROR as error:  # pyright: ignore[reportGeneralTypeIssues] (click's base class)
        sentence = error.format_message() or "a command is missing: see crate-explorer --help"
    print(f"error: {' '.join(sentence.split())}", file=sys.stderr)
    sys.exit(2)


@app.command(name="app")
def app_command(
    port: Annotated[int | None, typer.Option(help="Port of the server; by default 8501 or the next free one.")] = None,
    headless: Annotated[bool, typer.Option(help="Do not open a browser.")] = False,
) -> None:
    """Open the app in the browser; the same as `streamlit run streamlit_app.py`, with a quicker first page."""
    from explorer.launch import launch

    launch(port, headless)


@app.command()
def models(as_json: JsonOption = False) -> None:
    """The models of the zoo."""
    cards = zoo.list_models()
    if as_json:
        _print_json({"models": [summary.card_values(card) for card in cards]})
        return
    name = Column("name", no_wrap=True)
    table = Table(name, "family", "L×K×d", "patch", "pixels", "classes", "weights", "parity", box=SIMPLE)
    for card in cards:
        sizes = (f"{card.layers}×{card.heads}×{card.dim}", card.patch, card.image_size, len(card.classes) or "–")
        error = card.parity.get("max_abs_error")
        parity = "–" if error is None else f"{error:.1e}"
        table.add_row(card.name, card.family_label, *map(str, sizes), f"{card.parameters / 1e6:.2f} M", parity)
    console.print(table)


@app.command(name="import")
def import_command(
    checkpoint: Annotated[
        str, typer.Argument(help="A .pth, .pth.tar, .safetensors or .onnx file, or hub:OWNER/NAME/PATH.")
    ],
    name: Annotated[str | None, typer.Option(help="Name in the zoo; by default from the file's name.")] = None,
    heads: Annotated[int | None, typer.Option(min=1, help="Number of heads, where the width does not tell.")] = None,
    card: Annotated[
        Path | None, typer.Option(help="JSON file with heads, classes, mean, std, sizes, eta, lambda.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to install into; by default the zoo.")] = None,
    progress_json: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Import a checkpoint into the zoo as a traced ONNX model, checked against torch."""
    from explorer.export.importer import import_file  # torch takes seconds to import

    path = hub.download(hub.find_file(checkpoint)) if checkpoint.startswith(hub.PREFIX) else Path(checkpoint)
    if progress_json:
        installed = import_file(path, name, heads, card, out, _print_progress)
        _print_json({"installed": installed.name})
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("Starting", total=1.0)

        def show(step: str, share: float) -> None:
            progress.update(task, description=step, completed=share)

        installed = import_file(path, name, heads, card, out, show)
    error = installed.parity.get("max_abs_error", float("nan"))
    console.print(
        f"{installed.path} ({installed.family_label}, {installed.parameters / 1e6:.2f} M parameters,", end=" "
    )
    console.print(f"largest difference from torch {error:.1e})")


@app.command()
def trace(
    model: ModelArgument,
    source: InputArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="The .npz to write.")],
    points: Annotated[str, typer.Option(help="Trace points, separated by commas, or all.")] = "all",
    size: SizeOption = None,
    stride: StrideOption = None,
    framing: FramingOption = "crop",
    mssa_gain: GainOption = None,
    ista_lambda: StepOption = None,
    ista_eta: StepOption = None,
) -> None:
    """Write trace points as arrays with the batch axis, and the logits, to an .npz file."""
    card = zoo.find_model(model)
    knobs = Knobs(
        gains(card, mssa_gain or []),
        steps(card, "ista_lambda", ista_lambda),
        steps(card, "ista_eta", ista_eta),
        stride,
    )
    want = list(trace_points(card)) if points == "all" else [p for p in map(str.strip, points.split(",")) if p]
    want = [point for point in want if point != "logits"]
    prepared = _prepare(source, card, size, framing)
    traced = runtime.run(runtime.open_model(card), prepared, want, knobs)
    arrays = {name: traced.points[name] for name in ["logits", *want]}
    _write(output, lambda file: np.savez(file, allow_pickle=False, **arrays))


@app.command()
def measure(
    model: ModelArgument,
    source: InputArgument,
    as_json: JsonOption = False,
    size: SizeOption = None,
    stride: StrideOption = None,
    framing: FramingOption = "crop",
    control: Annotated[bool, typer.Option(help="Measure the random-init control as well.")] = True,
) -> None:
    """Coding rates and sparsity of every layer, beside the random-init control of the same architecture."""
    card = zoo.find_model(model)
    prepared = _prepare(source, card, size, framing)
    values = summary.measure(card, prepared, Knobs(stride=stride), control)
    if as_json:
        _print_json(values)
        return
    table = Table("layer", "R(Zℓ)", "R^c", "R^c ℓ+½", "official", "control", "non-zeros", "control", "‖Z‖₁", box=SIMPLE)
    keys = ("coding_rate", "subspace_coding_rate", "subspace_coding_rate_half", "subspace_coding_rate_official")
    for i, row in enumerate(values["layers"]):
        other = values["control"][i] if control else {}
        table.add_row(
            str(row["layer"]),
            *(f"{row[key]:.1f}" for key in keys),
            f"{other['subspace_coding_rate_official']:.1f}" if other else "–",
            f"{row['nonzero_fraction']:.3f}",
            f"{other['nonzero_fraction']:.3f}" if other else "–",
            f"{row['l1']:.0f}",
        )
    console.print(table)


@app.command()
def ledger(
    model: ModelArgument,
    source: InputArgument,
    lam: Annotated[float, typer.Option("--lambda", help="λ of the objective: nats for each non-zero entry.")] = 0.0003,
    eps_squared: Annotated[float, typer.Option(help="Squared distortion of the rates.")] = OFFICIAL_EPS_SQUARED,
    as_json: JsonOption = False,
    size: SizeOption = None,
    stride: StrideOption = None,
    framing: FramingOption = "crop",
) -> None:
    """What each half step changes in R − R^c − λ‖Z‖₀, what it makes worse, and how near it is to its derivation."""
    card = zoo.find_model(model)
    prices = entry_price(lam), distortion(eps_squared)
    prepared = _prepare(source, card, size, framing)
    values = summary.ledger(card, prepared, Knobs(stride=stride), *prices)
    if as_json:
        _print_json(values)
        return
    ours, random = values["trained"], values["control"]
    changes = Table("from", "ΔR", "ΔR^c", "Δ(R−R^c)", "Δ‖Z‖₀", "ΔLASSO", "Δobjective", "control", "worse", box=SIMPLE)
    for step, other in zip(ours["steps"], random["steps"], strict=True):
        keys = ("coding_rate", "subspace_coding_rate", "rate_reduction", "l0", "lasso", "objective")
        position = f"{step['layer']}{'' if step['name'] == 'compress' else '½'}"
        numbers = ["–" if step[key] is None else f"{step[key]:+,.{0 if key == 'l0' else 1}f}" for key in keys]
        changes.add_row(position, *numbers, f"{other['objective']:+,.1f}", ", ".join(step["worse"]) or "–")
    console.print(changes)
    cosines = Table("layer", *summary.FITS, title="trained / control", box=SIMPLE)
    for row, other in zip(ours["fit"], random["fit"], strict=True):
        pairs = ((row[key], other[key]) for key in summary.FITS)
        cosines.add_row(str(row["layer"]), *("–" if a is None else f"{a:.3f} / {b:.3f}" for a, b in pairs))
    console.print(cosines)


@app.command()
def segment(
    model: ModelArgument,
    image: InputArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="The .png to write.")],
    method: Annotated[str, typer.Option(help=f"One of {', '.join(METHODS)}.")] = "attention",
    layer: Annotated[
        int | None, typer.Option(help="From 1; by default the last for attention, else the one before.")
    ] = None,
    head: Annotated[int | None, typer.Option(help="From 1; by default the mean over heads.")] = None,
    size: SizeOption = None,
    stride: StrideOption = None,
    framing: FramingOption = "crop",
    rule: Annotated[
        str, typer.Option(help="entries: a share of the patches. mass: a share of the attention.")
    ] = "mass",
    keep: Annotated[float, typer.Option(help="The share that a rule keeps.")] = 0.6,
    objects: Annotated[int, typer.Option(min=1, max=10, help="Most objects that MaskCut looks for.")] = 3,
    overlay: Annotated[bool, typer.Option(help="Draw on the photo instead of a label image.")] = False,
) -> None:
    """Segment a picture into a label image: 0 is background (black), 1, 2, … are objects or segments, each in a colour.

    The method pca writes a colour picture instead: three components of the foreground as red, green and blue.
    """
    card = zoo.find_model(model)
    prepared = _prepare(image, card, size, framing)
    traced = runtime.run(runtime.open_model(card), prepared, None, Knobs(stride=stride))
    found = segment_trace(traced, method, layer, head, rule, keep, objects)
    found = on_pixels(found, traced, prepared.height, prepared.width)
    picture = summary.segment_picture(found, prepared, overlay)
    _write(output, lambda file: picture.save(file, format="PNG"))


@app.command()
def ablate(
    model: ModelArgument,
    image: InputArgument,
    layer: Annotated[int | None, typer.Option(help="From 1; by default all layers.")] = None,
    as_json: JsonOption = False,
    size: SizeOption = None,
    stride: StrideOption = None,
    framing: FramingOption = "crop",
) -> None:
    """Silence one head at a time and rank the heads by what that changes in the prediction and in the mask."""
    card = zoo.find_model(model)
    prepared = _prepare(image, card, size, framing)
    values = ablation.ablation(runtime.open_model(card), prepared, stride, layer)
    if as_json:
        _print_json(values)
        return
    table = Table("layer", "head", "KL (nats)", "Δ top-1", "1 − IoU", "says without it", box=SIMPLE)
    for row in values["heads"]:
        change = f"{100 * row['top1_change']:+.1f} pp"
        numbers = (f"{row['kl_nats']:.3g}", change, f"{row['mask_change']:.2f}")
        table.add_row(str(row["layer"]), str(row["head"]), *numbers, escape(row["top1_without"]))
    console.print(table)


@app.command()
def report(
    model: ModelArgument,
    image: Annotated[Path, typer.Argument(help="A picture.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .html to write.")],
    size: SizeOption = None,
    stride: StrideOption = None,
    framing: FramingOption = "crop",
) -> None:
    """One HTML file of a photo and a model that works offline: the lens, the segmentations, the curves, the numbers."""
    card = zoo.find_model(model)
    with Console(stderr=True).status("Measuring every layer…"):
        data = report_html(run_report(read_file(image), image.name, card, size, stride, framing))
    _write(output, lambda file: file.write(data))
    console.print(f"{output} ({len(data) / 1e6:.1f} MB)")


@app.command()
def bench(
    model: Annotated[str, typer.Argument(help="A model of the zoo, or the path of an .onnx file.")] = zoo.FIRST_MODEL,
    size: SizeOption = None,
    stride: StrideOption = None,
    as_json: JsonOption = False,
    pages: Annotated[bool, typer.Option("--ui", help="Time the pages in a real Chromium instead.")] = False,
) -> None:
    """Time traced against plain ONNX Runtime and against eager PyTorch with hooks, as ratios from one run."""
    card = zoo.find_model(model)
    if pages:
        _bench_pages(card, as_json)
        return
    from explorer.export.bench import bench as run_bench

    strides = [stride] if stride else [card.patch, max(card.patch // 2, 1)]
    results = [run_bench(card, size, one) for one in strides]
    if as_json:
        _print_json({"model": card.name, "benches": [dataclasses.asdict(result) for result in results]})
        return
    table = Table("stride", "tokens", "way", "median ms", "fastest ms", "ratio to plain", title=card.name, box=SIMPLE)
    for result in results:
        for timing in result.timings:
            numbers = (f"{timing.median_ms:.1f}", f"{timing.fastest_ms:.1f}", f"{timing.ratio:.2f}")
            table.add_row(str(result.stride), str(result.tokens), timing.name, *numbers)
    console.print(table)


def _bench_pages(card: ModelCard, as_json: bool) -> None:
    from explorer.browser_bench import measure_pages

    with Console(stderr=True).status("Measuring the pages…") as status:
        figures = measure_pages(card, lambda step: status.update(f"Measuring: {step}"))
    if as_json:
        rows = [{**dataclasses.asdict(figure), "met": figure.met} for figure in figures]
        _print_json({"model": card.name, "figures": [{**row, "target": _finite(row["target"])} for row in rows]})
        return
    table = Table("figure", "median", "95 %", "target", "met", "samples", title=f"Pages with {card.name}", box=SIMPLE)
    for figure in figures:
        digits = 1 if figure.value < 100 else 0
        value, worst = (f"{number:,.{digits}f} {figure.unit}" for number in (figure.value, figure.worst))
        target = "–" if _finite(figure.target) is None else f"≤ {figure.target:g} {figure.unit}"
        table.add_row(figure.name, value, worst, target, "yes" if figure.met else "NO", str(figure.samples))
    console.print(table)


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None


def _prepare(source: Path, card: ModelCard, size: int | None, framing: str) -> Prepared:
    """The input, and on the standard error what reading the picture changed."""
    prepared = prepare_input(source, card.preprocessing, card.patch, size, framing)
    if prepared.picture is not None and (note := reading_note(source.read_bytes())):
        print(f"note: {source.name}: {note}", file=sys.stderr)
    return prepared


def _write(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file whole or not at all. Raises ExplorerError when the folder cannot be written."""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise ExplorerError(f"{path} cannot be written ({error.strerror}): choose a folder that exists.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        Path(temporary).chmod(0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise ExplorerError(f"{path} cannot be written ({error.strerror}).") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def _print_progress(step: str, share: float) -> None:
    _print_json({"step": step, "share": share})


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)


add_commands(app)

if __name__ == "__main__":
    main()
