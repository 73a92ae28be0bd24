"""What a run takes, known from its shapes before it starts, and the limits of memory and time."""

from __future__ import annotations

import os
from dataclasses import dataclass

from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.runtime import providers
from explorer.runtime.providers import CPU, CUDA
from explorer.trace import patch_grid

MEMORY_VARIABLE, SECONDS_VARIABLE = "CRATE_EXPLORER_MEMORY_GB", "CRATE_EXPLORER_SECONDS"
DEFAULT_MEMORY_GB, DEFAULT_SECONDS = 3.0, 45.0
OPERATIONS_PER_S = {CPU: 2.8e10, CUDA: 2e12}
"""Multiply-adds a second: two CPU cores, measured from 197 to 11,881 tokens; the GPU's is a cautious guess."""
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Cost:
    """What a run takes: tokens of one image, bytes of the whole trace and its working memory, multiply-adds."""

    tokens: int
    memory_bytes: int
    operations: float

    def seconds(self, provider_name: str) -> float:
        """Roughly how long it runs; right within a factor of two on the machines that it was measured on."""
        return self.operations / OPERATIONS_PER_S[provider_name]


def estimate(card: ModelCard, batch: int, height: int, width: int, stride: int) -> Cost:
    """Cost of a run with all trace points, from the shapes alone.

    Memory: each layer keeps z, z_half and the projections (query and key for a ViT) and codes; about eight more
    arrays of the widest kind are at work. Operations for each token and layer: 3d² for CRATE's matrices, 2d² + 4dm for
    those of CRATE-α, 12d² for a ViT's, and 2NKp for attention.
    """
    rows, cols = patch_grid(height, width, card.patch, stride)
    return _cost(card, batch, len(card.prefix) + rows * cols)


def estimate_text(card: ModelCard, batch: int, tokens: int) -> Cost:
    """Cost of a run of texts with all trace points: as for pictures, and the scores of every token of the vocabulary
    at every place, V numbers and dV operations each."""
    cost = _cost(card, batch, tokens)
    scores = batch * tokens * card.vocabulary
    return Cost(tokens, cost.memory_bytes + 2 * scores * FLOAT_BYTES, cost.operations + scores * card.dim)


def _cost(card: ModelCard, batch: int, tokens: int) -> Cost:
    d, inner = card.dim, card.heads * card.head_dim
    black_box = card.traits.second_half == "mlp"
    widest = max(card.codes_dim, 4 * d if black_box else d, inner)
    kept = card.layers * (2 * d + inner * len(card.traits.looks) + card.codes_dim) + d
    crate = 2 * d * d + 4 * d * card.codes_dim if card.codes_dim else 3 * d * d
    matrices = 12 * d * d if black_box else crate
    operations = float(batch * tokens * card.layers * (matrices + 2 * tokens * inner))
    return Cost(tokens, batch * tokens * (kept + 8 * widest) * FLOAT_BYTES, operations)


def fits(cost: Cost) -> bool:
    """Whether a run stays within the limits of memory and time."""
    memory, seconds = limits()
    return cost.memory_bytes <= memory and cost.seconds(providers.provider()[0]) <= seconds


def check_cost(card: ModelCard, batch: int, height: int, width: int, stride: int) -> Cost:
    """The cost of a run. Raises ExplorerError, with the numbers and a setting that fits, when it is over a limit.

    The limits: bytes ($CRATE_EXPLORER_MEMORY_GB) and expected seconds ($CRATE_EXPLORER_SECONDS).
    """
    cost = estimate(card, batch, height, width, stride)
    if fits(cost):
        return cost
    finest = [s for s in range(stride, card.patch + 1) if fits(estimate(card, batch, height, width, s))]
    mend = f"stride {finest[0]} would fit" if finest else "use a smaller size or fewer images"
    memory, seconds, name = *limits(), providers.provider()[0]
    what = f"{height}×{width} pixels" if batch == 1 else f"{batch} images of {height}×{width} pixels"
    raise ExplorerError(
        f"{what} at stride {stride} are {cost.tokens:,} tokens and need about {cost.memory_bytes / 1e9:.1f} GB and "
        f"{cost.seconds(name):,.0f} s, more than the {memory / 1e9:.1f} GB and {seconds:.0f} s allowed "
        f"({MEMORY_VARIABLE}, {SECONDS_VARIABLE}): {mend}."
    )


def limits() -> tuple[float, float]:
    """Bytes and seconds that one run may take."""
    return _limit(MEMORY_VARIABLE, DEFAULT_MEMORY_GB) * 1e9, _limit(SECONDS_VARIABLE, DEFAULT_SECONDS)


def _limit(variable: str, default: float) -> float:
    said = os.environ.get(variable) or str(default)
    try:
        return float(said)
    except ValueError as error:
        raise ExplorerError(f"{variable} should be a number, but is {said!r}.") from error
