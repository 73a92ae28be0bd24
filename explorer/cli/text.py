"""The command that lets a language model continue a text."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from explorer import runtime, zoo
from explorer.cli.options import JsonOption, ModelArgument
from explorer.cli.output import print_json
from explorer.errors import ExplorerError
from explorer.generate import Sampling, continuation
from explorer.inputs import prepare_words, words_of


def generate(
    model: ModelArgument,
    text: Annotated[str, typer.Argument(help="The text to continue, a text file, or a .npy of token numbers (1,N).")],
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="How many to draw.")] = 100,
    temperature: Annotated[float, typer.Option(help="0: the most probable token each time.")] = 0.8,
    top_k: Annotated[int, typer.Option(help="Draw from so many most probable tokens; 0: from all.")] = 40,
    top_p: Annotated[float, typer.Option(help="Draw from the fewest tokens that hold this share.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Continue a text with a language model, token by token."""
    card = zoo.find_model(model)
    if not card.reads_text:
        raise ExplorerError(f"{card.name} reads pictures: generate takes a language model.")
    sampling = Sampling(temperature, top_k, top_p, seed)
    prepared = prepare_words(text, card)
    if len(prepared.data) != 1:
        raise ExplorerError(f"{prepared.label} holds {len(prepared.data)} texts: generate continues one.")
    started, drawn, shown = time.perf_counter(), [], ""
    for one in continuation(runtime.open_model(card), prepared.data[0], sampling, most=tokens):
        drawn.append(one)
        if not as_json:
            whole = words_of(card, [one.token for one in drawn])
            complete = whole.rstrip("\N{REPLACEMENT CHARACTER}")  # a character whose last bytes have not come yet
            print(complete[len(shown) :], end="", flush=True)
            shown = complete
    seconds = time.perf_counter() - started
    if as_json:
        numbers = [one.token for one in drawn]
        print_json({
            "model": card.name, "tokens": numbers, "shares": [one.share for one in drawn],
            "text": words_of(card, numbers), "tokens_per_second": len(drawn) / seconds,
        })  # fmt: skip
    else:
        print()
