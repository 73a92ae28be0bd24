"""Commands that write a file about one input: its trace, a segmentation, a report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from explorer.cli.options import Asked, GainOption, StepOption, gains, of_one_input, steps
from explorer.cli.output import console, write_file
from explorer.measures.patches import METHODS
from explorer.tables import segment_picture
from explorer.trace import Knobs, trace_points


@of_one_input
def trace(
    asked: Asked,
    output: Annotated[Path, typer.Option("-o", "--output", help="The .npz to write.")],
    points: Annotated[str, typer.Option(help="Trace points, separated by commas, or all.")] = "all",
    mssa_gain: GainOption = None,
    ista_lambda: StepOption = None,
    ista_eta: StepOption = None,
) -> None:
    """Write trace points as arrays with the batch axis, and the logits (without a head the features), to an .npz
    file."""
    knobs = Knobs(
        gains(asked.card, mssa_gain or []),
        steps(asked.card, "ista_lambda", ista_lambda),
        steps(asked.card, "ista_eta", ista_eta),
    )
    want = list(trace_points(asked.card)) if points == "all" else [p for p in map(str.strip, points.split(",")) if p]
    answer = asked.card.answer
    want = [point for point in want if point != answer]
    traced = asked.trace(knobs, want)
    arrays = {name: traced.points[name] for name in [answer, *want]}
    write_file(output, lambda file: np.savez(file, allow_pickle=False, **arrays))


@of_one_input
def segment(
    asked: Asked,
    output: Annotated[Path, typer.Option("-o", "--output", help="The .png to write.")],
    method: Annotated[str, typer.Option(help=f"One of {', '.join(METHODS)}.")] = "attention",
    layer: Annotated[
        int | None, typer.Option(help="From 1; by default the last for attention, else the one before.")
    ] = None,
    head: Annotated[int | None, typer.Option(help="From 1; by default the mean over heads.")] = None,
    rule: Annotated[
        str, typer.Option(help="entries: a share of the patches. mass: a share of the attention.")
    ] = "mass",
    keep: Annotated[float, typer.Option(help="The share that a rule keeps.")] = 0.6,
    objects: Annotated[int, typer.Option(min=1, max=10, help="Most objects that MaskCut looks for.")] = 3,
    swap: Annotated[bool, typer.Option(help="Objects and parts: take the other side of MaskCut's first cut.")] = False,
    edges: Annotated[
        str | None,
        typer.Option(
            help="photo: masks with the photo's own edges, 448 pixels or more. patches: blocks, at the size of the "
            "model's input. By default photo, but patches for attention and arrays."
        ),
    ] = None,
    parts: Annotated[bool, typer.Option(help="Split every segment into its connected parts.")] = False,
    overlay: Annotated[bool, typer.Option(help="Draw on the photo instead of a label image.")] = False,
) -> None:
    """Segment a picture into a label image: 0 is background (black), 1, 2, … are objects or segments, each in a colour.

    The method pca writes a colour picture instead: three components of the foreground as red, green and blue.
    """
    traced = asked.trace()
    found = traced.segment(method, layer, head, rule, keep, objects, swap=swap, edges=edges, parts=parts)
    if method == "maskcut" and not parts and (count := int(found.labels.max())) < objects:
        print(f"note: MaskCut found {count} of at most {objects} objects.", file=sys.stderr)
    photo = traced.picture[0] if found.edges == "photo" else traced.prepared.picture
    picture = segment_picture(found, photo, overlay)
    write_file(output, lambda file: picture.save(file, format="PNG"))


@of_one_input
def report(
    asked: Asked,
    output: Annotated[Path, typer.Option("-o", "--output", help="The .html to write.")],
) -> None:
    """One HTML file of a photo or text and a model that works offline: the lens, the curves, the numbers.

    Of a photo it has the segmentations, too, and is made from a picture, never from an array.
    """
    with Console(stderr=True).status("Measuring every layer…"):
        given = asked.prepared() if asked.card.reads_text else asked.source
        data = asked.opened.report(given, asked.stride, asked.size, asked.framing).html
    write_file(output, lambda file: file.write(data))
    console.print(f"{output} ({len(data) / 1e6:.1f} MB)")
