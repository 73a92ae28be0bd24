"""A code multiplied: the next token as torch says it with a hook, and the other codes one by one."""

import numpy as np
import pytest
import torch

from explorer import runtime
from explorer.measures.prediction import probabilities
from explorer.studies.turn_code import turn_code
from explorer.trace import Knobs, Prepared
from tests.models.test_text_models import model_of

TEXT = Prepared(np.array([[3, 1, 4, 1, 5, 9]]), None, "")
PLACE = 4


def in_torch(layer: int, code: int, gain: float) -> np.ndarray:
    """Probabilities after PLACE with a code multiplied by hand; GPT: the product in front of the read-out."""
    model = model_of("gpt")
    row = torch.ones(32)
    row[code] = gain
    part = model.get_submodule(f"transformer.h.{layer - 1}.mlp.c_proj")
    part.register_forward_pre_hook(lambda _, given: (given[0] * row,))
    with torch.no_grad():
        return probabilities(model.logits(torch.from_numpy(TEXT.data)).numpy()[0, PLACE])


@pytest.fixture(scope="module")
def model(text_cards):
    return runtime.open_model(text_cards["gpt"], code_gain=True)


def test_the_next_token_is_torchs(model):
    found = turn_code(model, TEXT, Knobs(), 1, 6, 5.0, PLACE)
    before, after = in_torch(1, 6, 1), in_torch(1, 6, 5)
    np.testing.assert_allclose(found.before, before, atol=1e-5)
    np.testing.assert_allclose(found.after, after, atol=1e-5)
    assert found.divergence == pytest.approx((before * np.log(before / after)).sum(), rel=1e-3)
    codes = runtime.run(model, TEXT).points["codes.1"][0]
    np.testing.assert_allclose(found.values, codes[: PLACE + 1, 6], atol=1e-6)
    np.testing.assert_array_equal(found.fires, codes[: PLACE + 1, 6] > 0)


def test_the_others_are_codes_that_fire_here(model):
    firing = np.flatnonzero(runtime.run(model, TEXT).points["codes.1"][0, PLACE] > 0)
    code = int(firing[0])
    found = turn_code(model, TEXT, Knobs(), 1, code, 0.0, PLACE)
    before = in_torch(1, code, 1)
    alone = {}
    for other in firing[1:]:
        after = in_torch(1, int(other), 0)
        alone[int(other)] = (before * np.log(before / after)).sum()
    drawn = np.random.default_rng(0).permutation(firing[1:])[:12]
    np.testing.assert_allclose(found.others, [alone[int(one)] for one in drawn], rtol=1e-2, atol=1e-6)


def test_a_gain_of_one_changes_nothing_and_knobs_hold_in_both(model):
    knobs = Knobs(mssa_gain=np.array([[0, 1], [1, 1]], np.float32))
    found = turn_code(model, TEXT, knobs, 2, 3, 1.0, PLACE)
    np.testing.assert_allclose(found.after, found.before, atol=1e-6)
    turned = runtime.run(model, TEXT, [], knobs).logits[0, PLACE]
    np.testing.assert_allclose(found.before, probabilities(turned), atol=1e-5)


def test_a_small_machine_turns_fewer(model, monkeypatch):
    monkeypatch.setenv(runtime.MEMORY_VARIABLE, "0.00006")
    found = turn_code(model, TEXT, Knobs(), 1, 6, 5.0, PLACE)
    assert len(found.others) < 12
    np.testing.assert_allclose(found.after, in_torch(1, 6, 5), atol=1e-5)
