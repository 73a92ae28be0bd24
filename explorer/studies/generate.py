"""A language model continues a text, token by token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from explorer import runtime
from explorer.errors import ExplorerError
from explorer.measures.texts import sampling_shares
from explorer.trace import Array, Knobs, Prepared


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn: measures.sampling_shares, and the seed of the draws. temperature 0: the most
    probable token each time (greedy)."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        try:
            sampling_shares(np.zeros(1), self.temperature, self.top_k, self.top_p)
        except ValueError as error:
            raise ExplorerError(f"This cannot be sampled from: {error}.") from error


@dataclass(frozen=True)
class SampledToken:
    """A token that was drawn, and its probability by the model, before temperature and cuts."""

    token: int
    share: float


def continuation(
    model: runtime.Model, tokens: Array, sampling: Sampling, knobs: Knobs | None = None, most: int | None = None
) -> Iterator[SampledToken]:
    """Draw token after token, each from what the text so far predicts; most: how many, None for ever.

    tokens: int64 (N,), the text to go on from. Once the text is longer than the model's context, its last tokens count.
    A token's draw depends on the seed and its place alone, so a text that is stopped and continued is the same text.
    """
    text = list(map(int, tokens))
    while most is None or len(text) < len(tokens) + most:
        seen = np.array([text[-model.card.context :]], np.int64)
        logits = runtime.run(model, Prepared(seen, None, ""), [], knobs).logits[0, -1]
        shares = sampling_shares(logits, sampling.temperature, sampling.top_k, sampling.top_p)
        token = int(np.random.default_rng((sampling.seed, len(text))).choice(len(shares), p=shares))
        text.append(token)
        yield SampledToken(token, float(sampling_shares(logits)[token]))
