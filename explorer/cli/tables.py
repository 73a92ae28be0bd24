"""Commands that print what they measure on one input, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from explorer.cli.options import Asked, JsonOption, distortion, entry_price, of_one_input
from explorer.cli.output import console, print_json
from explorer.measures.rates import OFFICIAL_EPS_SQUARED
from explorer.studies import ablate as ablation
from explorer.studies.layers import FITS, layer_numbers, ledger_numbers
from explorer.trace import Knobs
from explorer.words import EFFECTS


@of_one_input
def measure(
    asked: Asked,
    as_json: JsonOption = False,
    control: Annotated[bool, typer.Option(help="Measure the random-init control as well.")] = True,
) -> None:
    """Coding rates and sparsity of every layer, beside the random-init control of the same architecture."""
    values = layer_numbers(asked.card, asked.prepared(), Knobs(stride=asked.stride), control)
    if as_json:
        print_json(values)
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
    if text := values.get("text"):
        costs = " ".join(f"{cost:.2f}" for cost in text["logit_lens"])
        console.print(
            f"{text['tokens']} tokens, cross-entropy {text['nats_per_token']:.3f} nats per token"
            + (f", {text['nats_per_byte']:.3f} per byte" if text["nats_per_byte"] is not None else "")
        )
        console.print(f"read out before layer 1, 2, … and at the end: {costs}")


@of_one_input
def ledger(
    asked: Asked,
    price: Annotated[
        float,
        typer.Option("--price", "--lambda", help="μ of the objective (the papers' λ): nats for a non-zero entry."),
    ] = 0.0003,
    eps_squared: Annotated[float, typer.Option(help="Squared distortion of the rates.")] = OFFICIAL_EPS_SQUARED,
    as_json: JsonOption = False,
) -> None:
    """What each half step changes in R − R^c − μ‖Z‖₀, what it makes worse, and how near it is to its derivation."""
    prices = entry_price(price), distortion(eps_squared)
    values = ledger_numbers(asked.card, asked.prepared(), Knobs(stride=asked.stride), *prices)
    if as_json:
        print_json(values)
        return
    ours, random = values["trained"], values["control"]
    changes = Table("from", "ΔR", "ΔR^c", "Δ(R−R^c)", "Δ‖Z‖₀", "ΔLASSO", "Δobjective", "control", "worse", box=SIMPLE)
    for step, other in zip(ours["steps"], random["steps"], strict=True):
        keys = ("coding_rate", "subspace_coding_rate", "rate_reduction", "l0", "lasso", "objective")
        position = f"{step['layer']}{'' if step['name'] == 'compress' else '½'}"
        numbers = ["–" if step[key] is None else f"{step[key]:+,.{0 if key == 'l0' else 1}f}" for key in keys]
        changes.add_row(position, *numbers, f"{other['objective']:+,.1f}", ", ".join(step["worse"]) or "–")
    console.print(changes)
    cosines = Table("layer", *FITS, title="trained / control", box=SIMPLE)
    for row, other in zip(ours["fit"], random["fit"], strict=True):
        pairs = ((row[key], other[key]) for key in FITS)
        cosines.add_row(str(row["layer"]), *("–" if a is None else f"{a:.3f} / {b:.3f}" for a, b in pairs))
    console.print(cosines)


EFFECT_TEXT: dict[str, Callable[[Any], str]] = {
    "kl_nats": "{:.3g}".format, "top1_change": lambda share: f"{100 * share:+.1f} pp",
    "feature_change": "{:.3g}".format, "mask_change": "{:.2f}".format, "top1_without": escape,
}  # fmt: skip


@of_one_input
def ablate(
    asked: Asked,
    layer: Annotated[int | None, typer.Option(help="From 1; by default all layers.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Silence one head at a time and rank the heads by what that changes in the prediction and in the mask."""
    asked.card.must_read("image", "ablate")
    values = ablation.ablation(asked.opened.session, asked.prepared(), asked.stride, layer)
    if as_json:
        print_json(values)
        return
    table = Table("layer", "head", *(EFFECTS[key][0] for key in values["measures"]), box=SIMPLE)
    for row in values["heads"]:
        said = [EFFECT_TEXT[key](row[key]) for key in values["measures"]]
        table.add_row(str(row["layer"]), str(row["head"]), *said)
    console.print(table)
