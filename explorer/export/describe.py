"""The model card of a checkpoint: what its shapes say, what the card file says, and whether the two agree."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from explorer.card import ModelCard, Preprocessing
from explorer.errors import ExplorerError
from explorer.export.card import CardFile
from explorer.export.checkpoint import Checkpoint
from explorer.export.graphs.texts import FINAL_NORM
from explorer.export.identify import Identity, network
from explorer.inputs.tokenizer import load_tokenizer, read_tokenizer
from explorer.models.crate import Size
from explorer.models.crate_lm import TextSize
from explorer.models.parts import Law
from explorer.trace import Array

MAX_CONFIG_BYTES = 1 << 20


def describe(
    name: str, checkpoint: Checkpoint, identity: Identity, card_file: CardFile, tokenizer: str = ""
) -> ModelCard:
    """The model card from the checkpoint's shapes and the card file. Raises ExplorerError where they contradict."""
    size, laws = identity.size, _laws(identity, card_file)
    of_text = isinstance(size, TextSize)
    image_size = 0 if of_text else _image_size(size, card_file)
    weights = identity.weights(checkpoint.weights)
    origin: dict[str, Any] = {} if of_text else {"trained_size": size.image_size}
    if checkpoint.others:
        origin |= {"weights": checkpoint.taken, "other_weights": list(checkpoint.others)}
    if identity.absent:
        origin["absent_biases"] = list(identity.absent)
    return ModelCard(
        name=name, modality="text" if of_text else "image", heads=size.heads, image_size=image_size,
        classes=() if of_text else card_file.labels, tokenizer=tokenizer,
        preprocessing=Preprocessing() if of_text else card_file.preprocessing(image_size),
        parameters=sum(array.size for array in weights.values()), init={**laws, **card_file.init},
        measured=card_file.measured, **shape_fields(identity, checkpoint.weights), **_steps(identity),
        provenance={
            **checkpoint.facts, **card_file.provenance,
            "file": checkpoint.name, "sha256": checkpoint.sha256, "imported": datetime.now(UTC).date().isoformat(),
            "ignored_tensors": [*identity.ignored, *checkpoint.left_out], **origin,
        },
    )  # fmt: skip


def shape_fields(identity: Identity, weights: dict[str, Array]) -> dict[str, Any]:
    """The fields of a card that follow from the state dict alone, and the head count."""
    size, family = identity.size, identity.family
    atoms = len(weights[family.shapes.atoms.format(l=0)].T) if family.shapes.atoms else 0
    common = {
        "family": family.name, "layers": size.layers, "dim": size.dim, "norm_eps": size.norm_eps,
        "weights": dict(family.weights),
    }  # fmt: skip
    if isinstance(size, TextSize):
        roles = {"final_norm": FINAL_NORM} if size.final_norm else {}
        return common | {
            "head_dim": size.dim // size.heads, "context": size.context, "vocabulary": size.vocabulary, "patch": 0,
            "codes_dim": 0 if family.has_threshold and size.atoms == size.dim else size.atoms, "prefix": (),
            "weights": {**family.weights, **roles},
        }  # fmt: skip
    return common | {
        "head_dim": size.projected // size.heads, "patch": size.patch, "codes_dim": atoms, "prefix": size.form.prefix,
        "has_head": size.form.head,
    }  # fmt: skip


def _steps(identity: Identity) -> dict[str, Any]:
    """η and λ of every layer; empty for families without."""
    size = identity.size
    if not identity.family.has_threshold:
        return {"eta": (), "lam": ()}
    if isinstance(size, TextSize):
        return {"eta": (size.eta,) * size.layers, "lam": (size.lam,) * size.layers}
    return {"eta": size.per_layer(size.eta), "lam": size.per_layer(size.lam)}


def _laws(identity: Identity, card_file: CardFile) -> dict[str, Law]:
    """How each tensor of the family is drawn before training; what the card file says otherwise is of those."""
    try:
        with torch.device("meta"):
            laws = network(identity.family, identity.size).init_laws()  # pyright: ignore[reportCallIssue]
    except ValueError as error:
        raise ExplorerError(
            f"The card's eta and lambda should have one value for each of {identity.size.layers} layers."
        ) from error
    if unknown := set(card_file.init) - set(laws):
        raise ExplorerError(f"The card's init names {min(unknown)}, which is no tensor of this model.")
    return laws


def _image_size(size: Size, card_file: CardFile) -> int:
    """Side in pixels that the model opens with, once the card file agrees with the checkpoint and with itself."""
    if card_file.labels and not size.form.head:
        raise ExplorerError(f"The card names {len(card_file.labels)} classes, but the checkpoint has no head.")
    if card_file.labels and len(card_file.labels) != size.classes:
        raise ExplorerError(f"The card names {len(card_file.labels)} classes, but the checkpoint has {size.classes}.")
    if card_file.patch_size not in (None, size.patch):
        raise ExplorerError(f"The card says patches of {card_file.patch_size}, but the checkpoint has {size.patch}.")
    image_size = card_file.image_size or card_file.crop or size.image_size
    if card_file.crop not in (None, image_size):
        raise ExplorerError(
            f"The card says image size {image_size} and crop {card_file.crop}: they should be the same."
        )
    if problems := card_file.preprocessing(image_size).problems():
        raise ExplorerError(f"The card's preprocessing does not fit together: {', '.join(problems)}.")
    if image_size % size.patch:
        raise ExplorerError(f"The card's image size {image_size} is not a multiple of the patch size {size.patch}.")
    return image_size


def find_tokenizer(checkpoint: Path, given: Path | None) -> str:
    """The JSON of the tokenizer that is given or lies beside the checkpoint; "" where there is none."""
    if given:
        return read_tokenizer(given)
    beside = checkpoint.parent
    names = [{"tokenizer.json"}, {"vocab.json", "merges.txt"}]
    return read_tokenizer(beside) if any(all((beside / n).is_file() for n in files) for files in names) else ""


def find_config(checkpoint: Path) -> dict[str, Any]:
    """The plain values of the config.json beside a checkpoint; {} where there is none. Raises ExplorerError for one
    that is no JSON object."""
    path = checkpoint.parent / "config.json"
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_text("utf-8")) if path.stat().st_size <= MAX_CONFIG_BYTES else None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise ExplorerError(
            "The config.json beside the checkpoint is not a small JSON object: mend it or take it away."
        )
    return {key: value for key, value in values.items() if isinstance(value, (str, int, float, bool))}


def check_tokenizer(tokenizer: str, vocabulary: int) -> None:
    """Raises ExplorerError for a tokenizer with more tokens than the model's vocabulary; fewer are padding."""
    if tokenizer and (count := load_tokenizer(tokenizer).get_vocab_size()) > vocabulary:
        raise ExplorerError(f"The tokenizer has {count:,} tokens, but the model knows {vocabulary:,}: give its own.")
