"""The language models' graphs against their torch modules: every trace point, several lengths, knobs turned."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
import torch

from explorer.export.graphs import texts
from tests.models.test_text_models import KINDS, SIZES, knobs_of, model_of


def session_of(kind: str) -> ort.InferenceSession:
    weights = {name: tensor.numpy() for name, tensor in model_of(kind).state_dict().items()}
    options = ort.SessionOptions()
    options.log_severity_level = 3
    build = texts.gpt if kind == "gpt" else texts.crate_lm
    model = build(SIZES[kind], weights, {}).SerializeToString()
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [1, 4, 7])
@pytest.mark.parametrize("turned", [False, True])
def test_the_graph_computes_what_torch_computes(kind, length, turned):
    model, session = model_of(kind), session_of(kind)
    tokens = np.random.default_rng(length).integers(0, SIZES[kind].vocabulary, (2, length))
    knobs = knobs_of(kind) if turned else {}
    with torch.no_grad():
        expected = model(torch.from_numpy(tokens), **knobs)
    names = [output.name for output in session.get_outputs()]
    assert set(names) == set(expected)
    found = session.run(names, {"tokens": tokens} | {name: value.numpy() for name, value in knobs.items()})
    for name, array in zip(names, found, strict=True):
        np.testing.assert_allclose(array, expected[name].numpy(), rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_each_of_a_batch_may_have_knobs_of_its_own(kind):
    session, tokens = session_of(kind), np.array([[3, 1, 4], [3, 1, 4]])
    gain = np.ones((4, 2), np.float32)
    gain[2] = 0  # the second sentence's first layer is silenced
    whole = session.run(["logits"], {"tokens": tokens, "mssa_gain": gain})[0]
    for i in range(2):
        alone = session.run(["logits"], {"tokens": tokens[:1], "mssa_gain": gain[2 * i : 2 * i + 2]})[0]
        np.testing.assert_allclose(whole[i], alone[0], rtol=1e-5, atol=1e-6)
    assert np.abs(whole[0] - whole[1]).max() > 1e-3
