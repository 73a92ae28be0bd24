"""Generation: greedy as torch does it, the same text after a stop, and a context that moves along."""

import itertools

import numpy as np
import pytest
import torch

from explorer import runtime
from explorer.errors import ExplorerError
from explorer.studies.generate import Sampling, continuation
from explorer.trace import Prepared
from tests.models.test_text_models import model_of

START = np.array([3, 1, 4])


@pytest.mark.parametrize("kind", ["crate_lm", "square", "gpt"])
def test_greedy_is_torchs(text_cards, kind):
    model = runtime.open_model(text_cards[kind])
    found = [one.token for one in continuation(model, START, Sampling(temperature=0), most=12)]
    text = START.tolist()
    for _ in range(12):
        with torch.no_grad():
            logits = model_of(kind).logits(torch.tensor([text[-7:]]))
        text.append(int(logits[0, -1].argmax()))
    assert found == text[3:]


def test_a_stopped_text_goes_on_as_it_would_have(text_cards):
    model, sampling = runtime.open_model(text_cards["crate_lm"]), Sampling(1.0, 0, 1.0, seed=5)
    whole = [one.token for one in continuation(model, START, sampling, most=10)]
    first = [one.token for one in itertools.islice(continuation(model, START, sampling), 4)]
    rest = [one.token for one in continuation(model, np.array([*START, *first]), sampling, most=6)]
    assert first + rest == whole
    other = [one.token for one in continuation(model, START, Sampling(1.0, 0, 1.0, seed=6), most=10)]
    assert other != whole


def test_shares_are_the_models(text_cards):
    model = runtime.open_model(text_cards["crate_lm"])
    (drawn,) = continuation(model, START, Sampling(temperature=0, top_k=1), most=1)
    logits = runtime.run(model, Prepared(START[None], None, ""), []).logits[0, -1].astype(float)
    shares = np.exp(logits) / np.exp(logits).sum()
    assert drawn.share == pytest.approx(shares.max(), rel=1e-5)
    assert (drawn.rank, drawn.drawn_share) == (1, 1)
    assert drawn.surprise == pytest.approx(-np.log(shares.max()), rel=1e-5)
    best = np.argsort(-shares)[:8]
    assert [token for token, _ in drawn.others] == best.tolist()
    np.testing.assert_allclose([share for _, share in drawn.others], shares[best], rtol=1e-5)


def test_a_token_that_is_not_the_first_has_its_rank(text_cards):
    model = runtime.open_model(text_cards["crate_lm"])
    (drawn,) = continuation(model, START, Sampling(temperature=50, top_k=0, seed=1), most=1)
    logits = runtime.run(model, Prepared(START[None], None, ""), []).logits[0, -1].astype(float)
    assert drawn.rank == 1 + (logits > logits[drawn.token]).sum() > 1
    assert drawn.share == pytest.approx(np.exp(logits[drawn.token]) / np.exp(logits).sum(), rel=1e-5)
    assert drawn.drawn_share == pytest.approx(1 / 11, rel=0.2)  # so hot that all are nearly alike


def test_impossible_settings_are_said():
    with pytest.raises(ExplorerError, match="top_p 2"):
        Sampling(top_p=2)
