"""A language model continues a text, token by token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from explorer import runtime
from explorer.errors import ExplorerError
from explorer.measures.texts import sampling_shares
from explorer.trace import Array, Knobs, Prepared

ALTERNATIVES = 8
"""Most probable tokens that are told of each place."""


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
    """A token that was drawn. All by the model, before temperature and cuts: share: its probability; rank: its place
    among all tokens, from 1; others: the ALTERNATIVES most probable tokens with their probabilities, falling, itself
    where it is one of them. drawn_share: the probability with which it was drawn."""

    token: int
    share: float
    rank: int
    others: tuple[tuple[int, float], ...]
    drawn_share: float

    @property
    def surprise(self) -> float:
        """−log of its probability, in nats."""
        return float(-np.log(max(self.share, 1e-300)))


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
        yield _told(token, sampling_shares(logits), float(shares[token]))


def _told(token: int, shares: Array, drawn_share: float) -> SampledToken:
    """shares: (V,), the model's own probabilities."""
    best = np.argsort(-shares, kind="stable")[:ALTERNATIVES]
    others = tuple((int(other), float(shares[other])) for other in best)
    ahead = np.count_nonzero(shares > shares[token]) + np.count_nonzero(shares[:token] == shares[token])
    return SampledToken(token, float(shares[token]), 1 + int(ahead), others, drawn_share)
