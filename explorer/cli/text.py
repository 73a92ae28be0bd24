"""Commands of language models: continuing a text, and the index of a model's features."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from explorer import runtime, zoo
from explorer.cli.options import ColumnOption, JsonOption, ModelArgument, RowOption, read_input
from explorer.cli.output import print_json, progress_bar, write_file
from explorer.dataset import open_text, read_vocabulary
from explorer.errors import ExplorerError
from explorer.inputs import words_of
from explorer.studies.features import index_bytes, make_index, path_of
from explorer.studies.generate import Sampling, continuation


def generate(
    model: ModelArgument,
    text: Annotated[str, typer.Argument(help="The text to continue, a file or table of texts, or a .npy (1,N).")],
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="How many to draw.")] = 100,
    temperature: Annotated[float, typer.Option(help="0: the most probable token each time.")] = 0.8,
    top_k: Annotated[int, typer.Option(help="Draw from so many most probable tokens; 0: from all.")] = 40,
    top_p: Annotated[float, typer.Option(help="Draw from the fewest tokens that hold this share.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    column: ColumnOption = "",
    row: RowOption = 1,
    as_json: JsonOption = False,
) -> None:
    """Continue a text with a language model, token by token."""
    card = zoo.find_model(model)
    card.must_read("text", "generate")
    sampling = Sampling(temperature, top_k, top_p, seed)
    prepared = read_input(text, card, None, "crop", column, row)
    if len(prepared.data) != 1:
        raise ExplorerError(f"{prepared.label} holds {len(prepared.data)} texts: generate continues one.")
    started, sampled, shown = time.perf_counter(), [], ""
    for one in continuation(runtime.open_model(card), prepared.data[0], sampling, most=tokens):
        sampled.append(one)
        if not as_json:
            whole = words_of(card, [one.token for one in sampled])
            complete = whole.rstrip("\N{REPLACEMENT CHARACTER}")  # a character whose last bytes have not come yet
            print(complete[len(shown) :], end="", flush=True)
            shown = complete
    seconds = time.perf_counter() - started
    if as_json:
        numbers = [one.token for one in sampled]
        print_json({
            "model": card.name, "tokens": numbers, "shares": [one.share for one in sampled],
            "text": words_of(card, numbers), "tokens_per_second": len(sampled) / seconds,
        })  # fmt: skip
    else:
        print()


def features(
    model: ModelArgument,
    data: Annotated[Path, typer.Option(help="A prepared folder of texts, with the model's tokens.")],
    part: Annotated[str, typer.Option(help="Which part of it: val or train.")] = "val",
    tokens: Annotated[int, typer.Option("--limit", min=1, help="Tokens that are read at most.")] = 300_000,
) -> None:
    """Find where each code of a language model fires, and keep that beside the model for the page Features."""
    card = zoo.find_model(model)
    card.must_read("text", "features")
    text = open_text(data / part)
    if card.tokenizer and read_vocabulary(card.tokenizer) != text.vocabulary:
        raise ExplorerError(f"{data} has other tokens than {card.name}: prepare it with the model's tokenizer.")
    with progress_bar() as progress:
        task = progress.add_task("Reading", total=1.0)
        index = make_index(card, text.tokens, lambda share: progress.update(task, completed=share), tokens)
    about = {
        "data": ", ".join(text.about.get("sources", [])), "part": part, "licence": text.about.get("licence", ""),
        "documents": [one for one in text.documents() if one[1] < index.tokens],
    }  # fmt: skip
    bytes_of_index = index_bytes(index, card, about)
    write_file(path_of(card), lambda file: file.write(bytes_of_index))
    size, silent = len(bytes_of_index) / 1e6, int((index.rate == 0).sum())
    print(
        f"{path_of(card)} ({size:.1f} MB): {index.rate.size:,} codes over {index.tokens:,} tokens, "
        f"{silent:,} never fire, the median fires at {100 * float(np.median(index.rate)):.1f} % of the tokens"
    )
