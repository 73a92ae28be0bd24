"""A checkpoint file becomes a traced ONNX model in the zoo: read, identify, build, check, install."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import torch

from explorer import families, zoo
from explorer.card import METADATA_KEY, ModelCard
from explorer.errors import ExplorerError
from explorer.export.card import CardFile, read_card
from explorer.export.checkpoint import read_checkpoint
from explorer.export.describe import check_tokenizer, describe, find_config, find_tokenizer, shape_fields
from explorer.export.identify import Identity, family_of, identify, network, said_by
from explorer.export.identify_text import HEAD
from explorer.export.parity import check_parity
from explorer.export.renaming import renamed
from explorer.models.crate_lm import TextSize
from explorer.trace import Array

PROBE_LIMIT_S = 60
ROOT = Path(__file__).parents[2]
Progress = Callable[[str, float], None]
"""Called with a step in plain words and the share of the whole that is done, 0 to 1."""


def _silent(step: str, share: float) -> None:
    """Progress that nobody watches."""
    del step, share


def import_file(
    path: Path,
    name: str | None = None,
    heads: int | None = None,
    card_path: Path | None = None,
    directory: Path | None = None,
    progress: Progress = _silent,
    tokenizer_path: Path | None = None,
    replace: bool = True,
    weights: str | None = None,
) -> ModelCard:
    """Import an official checkpoint into the zoo, or an .onnx file that CRATE Explorer exported elsewhere.

    heads and the card file set what a checkpoint's shapes do not tell. tokenizer_path: of a language model, a
    tokenizer.json or a folder with it or with GPT-2's files; without, those beside the checkpoint are taken, and where
    there are none the model takes token numbers only. replace: whether a model of that name may go. weights: of a file
    with several sets, which one, by default the plain one. Returns the installed model's card. Raises ExplorerError for
    whatever does not fit; then nothing is installed.
    """
    name = zoo.check_name(name or zoo.suggest_name(path.name))
    if path.suffix.lower() != ".onnx":
        data = _export(path, name, heads, read_card(card_path), tokenizer_path, weights, progress)
    elif heads or card_path or tokenizer_path or weights:
        raise ExplorerError(
            f"{path.name} is an exported model, whose card is inside: "
            "leave --heads, --card, --tokenizer and --weights out."
        )
    else:
        data = _inspected(path, progress)
    progress("Installing", 0.95)
    installed = zoo.install(data, name, directory, replace)
    progress("Done", 1.0)
    return installed


def _export(
    path: Path,
    name: str,
    heads: int | None,
    card_file: CardFile,
    tokenizer_path: Path | None,
    weights: str | None,
    progress: Progress,
) -> bytes:
    """A checkpoint as a traced ONNX model that agrees with its PyTorch module."""
    progress("Reading the checkpoint", 0.02)
    checkpoint = renamed(read_checkpoint(path, weights))
    progress("Recognising the model", 0.3)
    if family_of(checkpoint.weights, checkpoint.where).reads_config:
        checkpoint = dataclasses.replace(checkpoint, facts=checkpoint.facts | find_config(path))
    said = next((n for n in (heads, card_file.heads, _heads_said(checkpoint.facts)) if n is not None), None)
    beside = checkpoint.facts | card_file.provenance
    identity = identify(checkpoint.weights, said, card_file.eta, card_file.lam, beside)
    tokenizer = ""
    if isinstance(identity.size, TextSize):
        tokenizer = find_tokenizer(path, tokenizer_path)
        check_tokenizer(tokenizer, identity.size.vocabulary)
    elif tokenizer_path:
        raise ExplorerError(f"{path.name} reads pictures: leave --tokenizer out.")
    card = describe(name, checkpoint, identity, card_file, tokenizer)
    progress("Writing the ONNX graph", 0.4)
    tensors = identity.weights(checkpoint.weights)
    return _export_checked(card, tensors, identity, lambda share: progress("Checking against torch", 0.5 + 0.4 * share))


def _heads_said(facts: dict[str, Any]) -> int | None:
    """What nanoGPT's model_args or a config.json (nanochat's, Hugging Face's) say, which lie beside the tensors."""
    found = (facts.get(name) for name in ("n_head", "num_attention_heads"))
    return next((said for said in found if type(said) is int), None)


def build_graph(identity: Identity, weights: dict[str, Array], metadata: dict[str, str]) -> onnx.ModelProto:
    """The traced ONNX model of the network that a state dict is."""
    return families.resolve(identity.family.graph)(identity.size, weights, metadata)


def _inspected(path: Path, progress: Progress) -> bytes:
    """An exported model whose graph is ours and whose first run succeeds: as it is, or, where an older version (or
    somebody else) wrote its graph, with the one that we write for its weights.

    Then both must compute the same, and the new one what torch computes. Its card stays, but for the parity.
    """
    if not path.is_file():
        raise ExplorerError(f"{path} is not a file: give the path of a checkpoint or of an .onnx file.")
    progress("Inspecting the graph", 0.1)
    card = zoo.read_card(path)
    identity, weights = checked_card(card)
    if is_current(card, identity, weights):
        progress("Opening it in a child process", 0.4)
        _probe(path)
        return path.read_bytes()
    progress("Writing the ONNX graph anew", 0.2)
    weights = {name: array.copy() for name, array in weights.items()}  # torch wants to be able to write
    data = _export_checked(card, weights, identity, lambda share: progress("Checking against torch", 0.3 + 0.3 * share))
    progress("Comparing the two in a child process", 0.6)
    with tempfile.TemporaryDirectory(prefix="crate-explorer-") as folder:
        anew = Path(folder) / path.name
        anew.write_bytes(data)
        _probe(path, anew)
    return data


def checked_card(card: ModelCard) -> tuple[Identity, dict[str, Array]]:
    """What the weights of an exported file are, and they. Raises ExplorerError where its card says something else."""
    name = card.path.name
    if not card.init:
        raise ExplorerError(f"{name} is refused: its card names no weights.")
    weights = zoo.load_weights(card, card.init)
    identity = identify(weights, card.heads, card.eta or 0.1, card.lam or 0.1, said_by(card))
    size = identity.size
    for field, value in shape_fields(identity, weights).items():
        if getattr(card, field) != value:
            raise ExplorerError(f"{name} is refused: its card says {field} {getattr(card, field)!r}, not {value!r}.")
    if isinstance(size, TextSize):
        check_tokenizer(card.tokenizer, size.vocabulary)
    elif card.classes and len(card.classes) != size.classes:
        raise ExplorerError(f"{name} is refused: its card names {len(card.classes)} of {size.classes} classes.")
    return identity, weights


def is_current(card: ModelCard, identity: Identity, weights: dict[str, Array]) -> bool:
    """Whether the graph of a file is, node by node, the one that we write from its weights."""
    ours = build_graph(identity, weights, {}).graph
    theirs = onnx.load(card.path, load_external_data=False).graph
    return all(
        [e.SerializeToString() for e in getattr(ours, part)] == [e.SerializeToString() for e in getattr(theirs, part)]
        for part in ("node", "input", "output", "initializer")
    )


def _probe(path: Path, anew: Path | None = None) -> None:
    """Open and run an uploaded graph in a child process first, and the one that we write for it if there is another.

    Raises ExplorerError if that fails, hangs or crashes, or if the two do not compute the same."""
    files = [str(file.resolve()) for file in (path, anew) if file]
    command = [sys.executable, "-m", "explorer.export.probe", *files]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_LIMIT_S, cwd=ROOT, check=False)
    except subprocess.TimeoutExpired as error:
        raise ExplorerError(f"{path.name} is refused: a first run took more than {PROBE_LIMIT_S} s.") from error
    if done.returncode:
        detail = (done.stderr.strip().splitlines() or ["it crashed"])[-1][:160]
        raise ExplorerError(f"{path.name} is refused: a first run of it failed ({detail}).")


def _export_checked(
    card: ModelCard, weights: dict[str, Array], identity: Identity, report: Callable[[float], None]
) -> bytes:
    """The bytes of the model, with the measured parity error in its metadata."""
    module = network(identity.family, identity.size).eval()
    state = {name: torch.from_numpy(array) for name, array in weights.items()}
    tied = {HEAD} if isinstance(identity.size, TextSize) and HEAD not in weights else set()
    missing, unexpected = module.load_state_dict(state, strict=False)
    assert set(missing) == tied
    assert not unexpected
    model = build_graph(identity, weights, {METADATA_KEY: card.to_metadata()})
    data = model.SerializeToString()
    with tempfile.TemporaryDirectory(prefix="crate-explorer-") as folder:
        path = Path(folder) / f"{card.name}.onnx"
        path.write_bytes(data)
        parity = check_parity(module, identity.size, zoo.read_card(path), path, report)
    entry = next(e for e in model.metadata_props if e.key == METADATA_KEY)
    entry.value = dataclasses.replace(card, parity=parity).to_metadata()
    return model.SerializeToString()
