"""Codes that are multiplied: against torch modules in which a hook does it, family by family."""

import numpy as np
import pytest
import torch

from explorer import runtime
from explorer.errors import ExplorerError
from explorer.trace import Knobs, Prepared, trace_points
from tests.conftest import pixels, prepared
from tests.models.test_nano_crate import nano_model
from tests.models.test_text_models import model_of

TOKENS = np.array([[3, 1, 4, 1, 5], [9, 2, 6, 5, 10]])
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}
GAIN = np.ones((2, 32), np.float32)
GAIN[0, 5], GAIN[0, 7], GAIN[1, 3] = 4, 0, -2
READOUTS = {"gpt": "transformer.h.{}.mlp.c_proj", "nano": "transformer.h.{}.odl.D_dec"}
"""What reads the codes where it is a module of its own; elsewhere the step that makes them reads them, too."""
STEPS = {"crate_lm": "transformer.h.{}.ista", "crate_alpha": "transformer.layers.{}.1.fn"}


def turned_in_torch(kind: str, module: torch.nn.Module, inputs: torch.Tensor) -> dict[str, np.ndarray]:
    """Every trace point of a module whose codes are multiplied."""
    hooks = []
    for layer, row in enumerate(torch.from_numpy(GAIN)):
        if kind in READOUTS:
            part = module.get_submodule(READOUTS[kind].format(layer))
            hooks.append(part.register_forward_pre_hook(lambda _, given, row=row: (given[0] * row,)))
        else:
            part = module.get_submodule(STEPS[kind].format(layer))
            matrix = part.weight if kind == "crate_lm" else part.D1.t()
            hooks.append(
                part.register_forward_hook(
                    lambda _, given, made, row=row, matrix=matrix: ((made[1] * row) @ matrix, made[1] * row)
                )
            )
    with torch.inference_mode():
        points = {name: value.numpy().copy() for name, value in module(inputs).items()}
    for hook in hooks:
        hook.remove()
    if kind in READOUTS:  # the module tells its codes as they were
        for layer, row in enumerate(GAIN):
            points[f"codes.{layer + 1}"] *= row
    return points


@pytest.mark.parametrize("kind", ["crate_lm", "gpt", "nano", "crate_alpha"])
def test_turned_codes_are_torchs(kind, text_cards, nano_card, cards, modules):
    if kind == "crate_alpha":
        card, module, inputs, given = cards[kind], modules[kind], torch.from_numpy(pixels()), prepared(pixels())
    else:
        card = nano_card if kind == "nano" else text_cards[kind]
        module = nano_model() if kind == "nano" else model_of(kind)
        inputs, given = torch.from_numpy(TOKENS), Prepared(TOKENS, None, "")
    model = runtime.open_model(card, code_gain=True)
    expected = turned_in_torch(kind, module, inputs)
    trace = runtime.run(model, given, None, Knobs(code_gain=GAIN))
    for name in ("logits", *trace_points(card)):
        np.testing.assert_allclose(trace.points[name], expected[name], **TOLERANCE, err_msg=name)
    plain = runtime.run(runtime.open_model(card), given).points
    assert np.abs(plain["logits"] - expected["logits"]).max() > 10 * TOLERANCE["atol"]
    untouched = runtime.run(model, given)
    for name in trace_points(card):
        np.testing.assert_array_equal(untouched.points[name], plain[name])


def test_each_text_of_a_batch_may_have_its_own(text_cards):
    card = text_cards["crate_lm"]
    model, twice = runtime.open_model(card, code_gain=True), Prepared(TOKENS[[0, 0]], None, "")
    both = runtime.run(model, twice, [], Knobs(code_gain=np.concatenate([np.ones_like(GAIN), GAIN]))).logits
    once = Prepared(TOKENS[:1], None, "")
    alone = [runtime.run(model, once, [], knobs).logits[0] for knobs in (Knobs(), Knobs(code_gain=GAIN))]
    np.testing.assert_allclose(both, alone, rtol=1e-5, atol=1e-5)


def test_what_has_no_codes_or_no_such_knob_is_said(text_cards):
    card, text = text_cards["crate_lm"], Prepared(TOKENS, None, "")
    with pytest.raises(ExplorerError, match="has no codes to turn"):
        runtime.open_model(text_cards["square"], code_gain=True)
    with pytest.raises(ExplorerError, match="opened without code_gain"):
        runtime.run(runtime.open_model(card), text, None, Knobs(code_gain=GAIN))
    with pytest.raises(ExplorerError, match=r"code_gain of crate_lm should have shape \(2, 32\)"):
        runtime.run(runtime.open_model(card, code_gain=True), text, None, Knobs(code_gain=GAIN[:, :7]))
