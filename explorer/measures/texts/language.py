"""What a language model predicts: the next token at every place, and what each layer would say if it were the last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer.measures.prediction import log_probabilities
from explorer.measures.rates.layers import layer_norm
from explorer.trace import Array, Readout, Trace


@dataclass(frozen=True)
class NextTokens:
    """What is predicted at every place n of a text of N tokens.

    top: (N,T) the tokens of highest probability, shares: (N,T) their probabilities. entropy: (N,) of the whole
    distribution, in nats. surprise: (N−1,) −log of the probability of the token that really follows, in nats. rank:
    (N−1,) its place among all tokens, from 1; of equally probable ones the first in the vocabulary comes first.
    divergence: (N,) KL(output ‖ this) in nats, 0 for the output itself.
    """

    top: Array
    shares: Array
    entropy: Array
    surprise: Array
    rank: Array
    divergence: Array

    @property
    def cross_entropy(self) -> float:
        """Mean surprise in nats per token; NaN for a single token."""
        return float(self.surprise.mean()) if len(self.surprise) else float("nan")


def next_tokens(logits: Array, tokens: Array, count: int = 5, output: Array | None = None) -> NextTokens:
    """What scores (N,V) predict of a text, tokens (N,). output: scores to compare with, by default themselves.

    Raises ValueError if the shapes do not fit.
    """
    if logits.ndim != 2 or tokens.shape != logits.shape[:1]:
        raise ValueError(f"expected scores (N,V) and tokens (N,), got {logits.shape} and {tokens.shape}")
    return _predicted_next(logits, tokens, count, None if output is None else _spread(output))


def _spread(logits: Array) -> tuple[Array, Array]:
    """Probabilities (N,V), and their entropy (N,) in nats."""
    logs = log_probabilities(logits)
    shares = np.exp(logs)
    return shares, -np.einsum("nv,nv->n", shares, logs)


def _predicted_next(logits: Array, tokens: Array, count: int, output: tuple[Array, Array] | None) -> NextTokens:
    """next_tokens, with what the output is compared by computed once for all layers."""
    logs = log_probabilities(logits)
    shares = np.exp(logs)
    top = _largest(logits, min(count, logits.shape[1]))
    places, following = np.arange(len(tokens) - 1), tokens[1:]
    scored = logits[places, following][:, None]
    equal = logits[:-1] == scored
    equal &= np.arange(logits.shape[1]) < following[:, None]
    entropy = -np.einsum("nv,nv->n", shares, logs)
    true, spread = (shares, entropy) if output is None else output
    return NextTokens(
        top=top,
        shares=np.take_along_axis(shares, top, axis=1),
        entropy=entropy,
        surprise=-logs[places, following],
        rank=1 + np.count_nonzero(logits[:-1] > scored, axis=1) + np.count_nonzero(equal, axis=1),
        divergence=np.maximum(-spread - np.einsum("nv,nv->n", true, logs), 0.0),
    )


def _largest(values: Array, count: int) -> Array:
    """Places (N,count) of the largest of (N,V), falling; of equal ones the first comes first."""
    kept = np.sort(np.argpartition(-values, count - 1, axis=1)[:, :count], axis=1)
    order = np.argsort(-np.take_along_axis(values, kept, axis=1), axis=1, kind="stable")
    return np.take_along_axis(kept, order, axis=1)


def read_out(z: Array, readout: Readout) -> Array:
    """Scores (N,V) of tokens (N,d) as the model's head gives them: LN(z) Eᵀ, E the token embedding, or z Eᵀ where no
    norm stands before the head; drawn within ±cap where the model does so."""
    normed = z if readout.norm is None else layer_norm(z, readout.norm, readout.eps)
    scores = normed @ readout.embedding.T
    return readout.cap * np.tanh(scores / readout.cap) if readout.cap else scores


def logit_lens(trace: Trace, readout: Readout, tokens: Array, count: int = 5, text: int = 0) -> list[NextTokens]:
    """What Z^ℓ predicts, ℓ = 1 … L+1, when the head reads it at once; the last is the model's output.

    tokens: (N,), the text that was run. Each layer's divergence is to the output. Source: nostalgebraist, interpreting
    GPT: the logit lens, 2020.
    """
    layers, output = range(1, trace.card.layers + 2), _spread(trace.logits[text])
    return [_predicted_next(read_out(trace.z(layer, text), readout), tokens, count, output) for layer in layers]


def sampling_shares(logits: Array, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> Array:
    """The probabilities (V,) from which the next token is drawn, float64.

    Softmax of logits/temperature; then only the top_k most probable (0 = all), and of those the fewest that together
    hold the share top_p, are kept and scaled to sum 1. temperature 0 gives everything to the most probable, the first
    of equals. Raises ValueError if temperature < 0, top_k < 0 or top_p is not in (0, 1].
    Source: Holtzman et al., arXiv 1904.09751 (top-p).
    """
    if temperature < 0 or top_k < 0 or not 0 < top_p <= 1:
        raise ValueError(f"temperature {temperature} and top_k {top_k} should be 0 or more, top_p {top_p} in (0, 1]")
    if temperature == 0:
        return np.eye(1, logits.size, int(logits.argmax()))[0]
    shares = np.exp(log_probabilities(logits / temperature))
    order = np.argsort(-shares, kind="stable")
    if top_k:
        order = order[:top_k]
    held = np.cumsum(shares[order]) / shares[order].sum()
    order = order[: 1 + int((held < top_p).sum())]
    kept = np.zeros_like(shares)
    kept[order] = shares[order]
    return kept / kept.sum()
