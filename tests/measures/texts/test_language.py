"""What is predicted: by hand on three tokens, and the logit lens of a model against its output."""

import numpy as np
import pytest

from explorer.measures.patches.attention import attention_rows
from explorer.measures.texts.language import logit_lens, next_tokens, read_out, sampling_shares
from explorer.trace import Readout

THIRDS = np.log([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]])


def test_predicted_by_hand():
    found = next_tokens(THIRDS, np.array([1, 2]), count=2)
    np.testing.assert_array_equal(found.top, [[0, 1], [2, 1]])
    np.testing.assert_allclose(found.shares, [[0.5, 0.25], [0.7, 0.2]])
    np.testing.assert_allclose(found.surprise, [np.log(4)])
    assert found.cross_entropy == pytest.approx(np.log(4))
    np.testing.assert_array_equal(found.rank, [3])  # token 2 is as probable as token 1, which comes before it
    assert found.entropy[0] == pytest.approx(1.5 * np.log(2))
    np.testing.assert_allclose(found.divergence, 0, atol=1e-12)


def test_divergence_is_to_the_output():
    output = np.log([[0.25, 0.5, 0.25], [0.1, 0.2, 0.7]])
    found = next_tokens(THIRDS, np.array([0, 1]), output=output)
    by_hand = 0.25 * np.log(0.25 / 0.5) + 0.5 * np.log(0.5 / 0.25)
    np.testing.assert_allclose(found.divergence, [by_hand, 0], atol=1e-12)


def test_one_token_has_no_surprise():
    found = next_tokens(THIRDS[:1], np.array([0]))
    assert found.surprise.size == found.rank.size == 0
    assert np.isnan(found.cross_entropy)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3,\)"):
        next_tokens(THIRDS, np.array([0, 1, 2]))


def test_reading_out_by_hand():
    z, embedding = np.array([[3.0, 1.0]]), np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    np.testing.assert_allclose(read_out(z, Readout(embedding, None, 0.0)), [[3, 2, 4]])
    normed = Readout(embedding, (np.array([2.0, 1.0]), np.array([0.0, 1.0])), 0.0)  # LN: (1, −1) → (2, 0)
    np.testing.assert_allclose(read_out(z, normed), [[2, 0, 2]])


@pytest.mark.parametrize("kind", ["crate_lm", "square", "gpt"])
def test_the_lens_ends_at_the_output(text_traces, kind):
    trace, readout, tokens = text_traces[kind]
    lens = logit_lens(trace, readout, tokens, count=3)
    assert len(lens) == trace.card.layers + 1
    last = next_tokens(trace.logits[0], tokens, count=3)
    np.testing.assert_allclose(lens[-1].shares, last.shares, rtol=1e-4)
    np.testing.assert_allclose(lens[-1].surprise, last.surprise, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(lens[-1].rank, last.rank)
    np.testing.assert_allclose(lens[-1].divergence, 0, atol=1e-6)
    assert max(one.divergence.max() for one in lens[:-1]) > 1e-3


@pytest.mark.parametrize("kind", ["crate_lm", "square", "gpt"])
def test_causal_attention_gives_the_models_update(text_traces, kind):
    """Attention from the projections, token by token, is what the layer itself did: Z^{ℓ+½} − Z^ℓ."""
    trace, _, tokens = text_traces[kind]
    if kind == "gpt":
        pytest.skip("a GPT's values are no trace point")
    weights = text_traces["state"][kind]
    u = trace.projections(1)
    heads = np.stack([attention_rows(u, u, n, causal=True) for n in range(len(tokens))], axis=1)  # (K,N,N)
    assert np.triu(heads, 1).max() == 0
    np.testing.assert_allclose(heads.sum(axis=-1), 1)
    mixed = (heads @ u).transpose(1, 0, 2).reshape(len(tokens), -1)
    name = "transformer.h.0.attn.c_proj"
    update = mixed @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    np.testing.assert_allclose(trace.z_half(1) - trace.z(1), update, rtol=1e-4, atol=1e-5)


def test_shares_to_draw_from_by_hand():
    logits = np.log([0.5, 0.3, 0.15, 0.05])
    np.testing.assert_allclose(sampling_shares(logits), [0.5, 0.3, 0.15, 0.05])
    np.testing.assert_allclose(sampling_shares(logits, top_k=2), [0.625, 0.375, 0, 0])
    np.testing.assert_allclose(sampling_shares(logits, top_p=0.79), [0.625, 0.375, 0, 0])
    np.testing.assert_allclose(sampling_shares(logits, top_p=0.81), np.array([50, 30, 15, 0]) / 95)
    np.testing.assert_allclose(sampling_shares(logits, 0.5)[:2], np.array([25, 9]) / 36.5)
    np.testing.assert_array_equal(sampling_shares(np.array([1.0, 3.0, 3.0]), 0), [0, 1, 0])
    np.testing.assert_allclose(sampling_shares(logits, top_k=99, top_p=1), sampling_shares(logits))


@pytest.mark.parametrize("setting", [(-1, 0, 1), (1, -1, 1), (1, 0, 0), (1, 0, 1.5)])
def test_settings_out_of_range(setting):
    with pytest.raises(ValueError, match="should be 0 or more"):
        sampling_shares(np.zeros(3), *setting)
