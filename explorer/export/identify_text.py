"""Names and shapes of a language model's state dict → its sizes, and what its file may have beside."""

from __future__ import annotations

import re

import numpy as np

from explorer.errors import ExplorerError
from explorer.models.crate_lm import TextSize
from explorer.trace import Array

EMBEDDING, HEAD = "transformer.wte.weight", "lm_head.weight"
HEAD_WIDTH = 64
"""Of the released models, which gives the head count where nothing says it."""
MASKS = re.compile(r"^transformer\.h\.\d+\.attn\.(bias|masked_bias)$")
"""Buffers of older files: the causal mask, which is drawn anew."""
LAYER = re.compile(r"^transformer\.h\.(\d+)\.")


def text_size(
    family: str,
    weights: dict[str, Array],
    heads: int | None,
    eta: float | tuple[float, ...],
    lam: float | tuple[float, ...],
) -> TextSize:
    """Sizes from the shapes; heads: what the card or the file's model_args say. Raises ExplorerError."""
    vocabulary, dim = _shape(weights, EMBEDDING)
    context, _ = _shape(weights, "transformer.wpe.weight")
    numbers = {m[1] for key in weights if (m := LAYER.match(key))}
    layers = len(numbers)
    if not layers or numbers != {str(i) for i in range(layers)}:
        raise ExplorerError(f"The checkpoint's layers should be numbered 0, 1, 2, …: it has {sorted(numbers)[:4]}.")
    atoms, _ = _shape(weights, "transformer.h.0." + ("ista.weight" if family == "crate_lm" else "mlp.c_fc.weight"))
    heads = heads or dim // HEAD_WIDTH
    if not heads or dim % heads:
        raise ExplorerError(
            f"The head count cannot be read from shapes: give --heads K, which divides the width {dim}."
        )
    return TextSize(
        dim,
        layers,
        heads,
        vocabulary,
        context,
        atoms,
        "transformer.ln_f.weight" in weights,
        eta=_of_all_layers("eta", eta),
        lam=_of_all_layers("lambda", lam),
    )


def _of_all_layers(name: str, value: float | tuple[float, ...]) -> float:
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
