"""Names and shapes of a language model's state dict → its sizes, and what its file may have beside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from explorer.errors import ExplorerError
from explorer.families import Family
from explorer.models.crate_lm import TextSize
from explorer.models.nano_crate import NanoSize
from explorer.trace import Array

EMBEDDING, HEAD = "transformer.wte.weight", "lm_head.weight"
FINAL_NORM = "transformer.ln_f.weight"
Steps = float | tuple[float, ...]
MASKS = re.compile(r"^transformer\.h\.\d+\.attn\.(bias|masked_bias)$")
"""Buffers of older files: the causal mask, which is drawn anew."""


def text_size(
    family: Family, weights: dict[str, Array], heads: int | None, eta: Steps, lam: Steps, said: Mapping[str, Any]
) -> TextSize:
    """Sizes from the shapes; heads: what the card or the file's model_args say. Raises ExplorerError."""
    del said
    context, _ = _shape(weights, family.shapes.positions)
    return _sizes(family, weights, heads, eta, lam, context)


def rotary_size(
    family: Family, weights: dict[str, Array], heads: int | None, eta: Steps, lam: Steps, said: Mapping[str, Any]
) -> TextSize:
    """As text_size where no positions are learned: the context is what model_args say, block_size. Raises
    ExplorerError."""
    context = said.get("block_size")
    if type(context) is not int or context < 1:
        raise ExplorerError(
            f"The context of a {family.label} is in no tensor: its model_args, or the card file, should say block_size."
        )
    size = _sizes(family, weights, heads, eta, lam, context)
    _check_pairs(size.dim, size.heads)
    if family.has_threshold and not size.overcomplete:
        raise ExplorerError(f"A {family.label} has more atoms than its width {size.dim}, but here they are as many.")
    return size


def _sizes(
    family: Family, weights: dict[str, Array], heads: int | None, eta: Steps, lam: Steps, context: int
) -> TextSize:
    vocabulary, dim = _shape(weights, family.shapes.classes)
    atoms, _ = _shape(weights, family.shapes.atoms.format(l=0))
    return TextSize(
        dim,
        _layers(family, weights),
        _heads(family, heads, dim),
        vocabulary,
        context,
        atoms,
        FINAL_NORM in weights,
        eta=_of_all_layers("eta", eta),
        lam=_of_all_layers("lambda", lam),
    )


def nano_size(
    family: Family, weights: dict[str, Array], heads: int | None, eta: Steps, lam: Steps, said: Mapping[str, Any]
) -> NanoSize:
    """Sizes of a nanochat-crate from the shapes and from what its config.json says (sequence_len, vocab_size,
    window_pattern), as released; its η and λ are learned. Raises ExplorerError."""
    del eta, lam
    rows, dim = _shape(weights, family.shapes.classes)
    layers = _layers(family, weights)
    for switch in ("odl_use_relu", "odl_use_residual"):
        if said.get(switch, True) is not True:
            raise ExplorerError(f"Its config.json turns {switch} off: only the form that was released is imported.")
    length, vocabulary = said.get("sequence_len"), said.get("vocab_size", rows)
    if type(length) is not int or length < 1:
        raise ExplorerError(
            "The context of a nanochat-crate is in no tensor: put its config.json beside the file, or sequence_len and "
            "window_pattern into the card file."
        )
    if type(vocabulary) is not int or not 1 <= vocabulary <= rows:
        raise ExplorerError(f"Its vocab_size should be a number from 1 to {rows}, the rows of {EMBEDDING}.")
    heads = _heads(family, heads, dim)
    _check_pairs(dim, heads)
    atoms, _ = _shape(weights, family.shapes.atoms.format(l=0))
    context = _uncut(length, str(said.get("window_pattern", "L")).upper(), layers)
    return NanoSize(dim, layers, heads, vocabulary, context, atoms, rows=rows)


def _check_pairs(dim: int, heads: int) -> None:
    if dim // heads % 2:
        raise ExplorerError(f"{heads} heads of {dim // heads} cannot be rotated in pairs: give another --heads.")


def _uncut(length: int, pattern: str, layers: int) -> int:
    """The longest text that no layer's window cuts: a short window (S) reaches length/2 tokens back, the last layer's
    never is short."""
    if not pattern or set(pattern) - {"L", "S"}:
        raise ExplorerError(f"Its window_pattern should be of the letters L and S, but is {pattern!r}.")
    short = any(pattern[i % len(pattern)] == "S" for i in range(layers - 1))
    return length // 2 + 1 if short and length > 1 else length


def _layers(family: Family, weights: dict[str, Array]) -> int:
    numbers = {m[1] for key in weights if (m := re.match(family.shapes.layer, key))}
    layers = len(numbers)
    if not layers or numbers != {str(i) for i in range(layers)}:
        raise ExplorerError(f"The checkpoint's layers should be numbered 0, 1, 2, …: it has {sorted(numbers)[:4]}.")
    return layers


def _heads(family: Family, heads: int | None, dim: int) -> int:
    """As given, or of heads as wide as those of the released models."""
    assert isinstance(family.released, int)
    heads = heads or dim // family.released
    if heads < 1 or dim % heads:
        raise ExplorerError(
            f"The head count cannot be read from shapes: give --heads K, which divides the width {dim}."
        )
    return heads


def _of_all_layers(name: str, value: Steps) -> float:
    values = set(value) if isinstance(value, tuple) else {value}
    if len(values) != 1:
        raise ExplorerError(f"{name} of a language model should be one number for all layers, not {value}.")
    return values.pop()


def _shape(weights: dict[str, Array], key: str) -> tuple[int, int]:
    if key not in weights:
        raise ExplorerError(f"The checkpoint has no tensor {key}, which every model of its family has.")
    if len(shape := weights[key].shape) != 2:
        raise ExplorerError(f"Tensor {key} should have 2 dimensions, but its shape is {shape}.")
    return shape


def spare_tensors(weights: dict[str, Array]) -> set[str]:
    """Tensors that the network does not need: masks, and the head, which is the embedding once more.

    Raises ExplorerError for a head of its own.
    """
    if HEAD in weights and EMBEDDING in weights and not np.array_equal(weights[HEAD], weights[EMBEDDING]):
        raise ExplorerError(f"Tensor {HEAD} differs from {EMBEDDING}: the families that are known share the two.")
    return {name for name in weights if MASKS.match(name) or name == HEAD}
