"""The language models against the equations in NumPy, token by token, and what must hold of any causal model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import erf

from explorer.models.crate_lm import CrateLM, TextSize
from explorer.models.gpt import GPT
from explorer.models.parts import attention, initialise
from tests.models.reference import ista, layer_norm, softmax, split

SIZES = {
    "crate_lm": TextSize(dim=8, layers=2, heads=2, vocabulary=11, context=7, atoms=32),
    "square": TextSize(dim=8, layers=2, heads=2, vocabulary=11, context=7, atoms=8, final_norm=False),
    "gpt": TextSize(dim=8, layers=2, heads=2, vocabulary=11, context=7, atoms=32),
}
KINDS = tuple(SIZES)
TOKENS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 10]])


def model_of(kind: str) -> CrateLM | GPT:
    model = (GPT if kind == "gpt" else CrateLM)(SIZES[kind])
    initialise(model, {name: {"normal": 0.4} for name in model.init_laws()}, 3)
    return model.eval()


def knobs_of(kind: str) -> dict[str, torch.Tensor]:
    gain = torch.tensor([[0.5, 2.0], [1.5, 0.0]])
    return {"mssa_gain": gain} if kind == "gpt" else {
        "mssa_gain": gain, "ista_lambda": torch.tensor([0.3, 0.02]), "ista_eta": torch.tensor([0.2, 0.4]),
    }  # fmt: skip


def causal(query: np.ndarray, key: np.ndarray, value: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """(B,K,N,p) → (B,N,K·p): each token looks at a list of those up to itself, one at a time."""
    batch, heads, tokens, width = query.shape
    out = np.zeros((batch, tokens, heads * width))
    for b in range(batch):
        for k in range(heads):
            for n in range(tokens):
                past = key[b, k, : n + 1] @ query[b, k, n] / np.sqrt(width)
                out[b, n, k * width : (k + 1) * width] = gain[k] * softmax(past) @ value[b, k, : n + 1]
    return out


def reference(kind: str, state: dict[str, np.ndarray], tokens: np.ndarray, gain, eta, lam) -> dict[str, np.ndarray]:
    size, points = SIZES[kind], {}
    z = state["transformer.wte.weight"][tokens] + state["transformer.wpe.weight"][: tokens.shape[1]]
    for i in range(size.layers):
        block = f"transformer.h.{i}"
        points[f"z.{i + 1}"] = z
        norms = ("ln_1", "ln_2") if kind == "gpt" else ("prenorm_1", "prenorm_2")
        x = layer_norm(z, state, f"{block}.{norms[0]}", 1e-5) @ state[f"{block}.attn.c_attn.weight"].T
        if kind == "gpt":
            q, k, v = (split(part, size.heads) for part in np.split(x + state[f"{block}.attn.c_attn.bias"], 3, -1))
            points |= {f"query.{i + 1}": q, f"key.{i + 1}": k}
        else:
            q = k = v = points[f"subspace.{i + 1}"] = split(x, size.heads)
        update = causal(q, k, v, gain[i]) @ state[f"{block}.attn.c_proj.weight"].T + state[f"{block}.attn.c_proj.bias"]
        points[f"z_half.{i + 1}"] = half = z + update
        x = layer_norm(half, state, f"{block}.{norms[1]}", 1e-5)
        if kind == "gpt":
            hidden = x @ state[f"{block}.mlp.c_fc.weight"].T + state[f"{block}.mlp.c_fc.bias"]
            points[f"codes.{i + 1}"] = active = hidden * (1 + erf(hidden / np.sqrt(2))) / 2
            z = half + active @ state[f"{block}.mlp.c_proj.weight"].T + state[f"{block}.mlp.c_proj.bias"]
        elif kind == "square":
            z = ista(x, state[f"{block}.ista.weight"], eta[i], lam[i])
        else:
            W = state[f"{block}.ista.weight"]
            codes = np.zeros((*x.shape[:2], len(W)))
            for _ in range(2):
                codes = np.maximum(codes + eta[i] * (x - codes @ W) @ W.T - eta[i] * lam[i], 0)
            points[f"codes.{i + 1}"], z = codes, codes @ W
    points[f"z.{size.layers + 1}"] = z
    out = z if kind == "square" else layer_norm(z, state, "transformer.ln_f", 1e-5)
    return points | {"logits": out @ state["lm_head.weight"].T}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("turned", [False, True])
def test_every_trace_point_follows_the_equations(kind, turned):
    model, size = model_of(kind), SIZES[kind]
    knobs = knobs_of(kind) if turned else {}
    with torch.no_grad():
        found = model(TOKENS, **knobs)
    state = {name: array.double().numpy() for name, array in model.state_dict().items()}
    ones = np.ones(size.layers)
    gain = knobs["mssa_gain"].numpy() if turned else np.ones((size.layers, size.heads))
    eta, lam = (knobs[name].numpy() if name in knobs else 0.1 * ones for name in ("ista_eta", "ista_lambda"))
    expected = reference(kind, state, TOKENS.numpy(), gain, eta, lam)
    assert set(found) == set(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name].numpy(), array, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_later_changes_nothing_before(kind):
    model, changed = model_of(kind), TOKENS.clone()
    changed[:, 3] = 7
    with torch.no_grad():
        before, after = model(TOKENS), model(changed)
    for name, array in before.items():
        places = (slice(None), slice(None), slice(3)) if array.ndim == 4 else (slice(None), slice(3))
        torch.testing.assert_close(array[places], after[name][places], rtol=0, atol=0, msg=name)
    assert not torch.equal(before["logits"][:, 3:], after["logits"][:, 3:])


@pytest.mark.parametrize("kind", KINDS)
def test_the_scores_for_training_are_those_of_the_trace(kind):
    model = model_of(kind)
    with torch.no_grad():
        torch.testing.assert_close(model.logits(TOKENS), model(TOKENS)["logits"])


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_the_released_ones_and_every_parameter_has_a_law(kind):
    model = model_of(kind)
    names = {name for name, _ in model.named_parameters()}
    assert set(model.init_laws()) == names
    block = {name.removeprefix("transformer.h.0.") for name in names if name.startswith("transformer.h.0.")}
    norms = ("ln_1", "ln_2") if kind == "gpt" else ("prenorm_1", "prenorm_2")
    own = {f"{norm}.{part}" for norm in norms for part in ("weight", "bias")}
    if kind == "gpt":
        own |= {"attn.c_attn.bias"} | {
            f"mlp.{name}.{part}" for name in ("c_fc", "c_proj") for part in ("weight", "bias")
        }
    else:
        own |= {"ista.weight"}
    assert block == {"attn.c_attn.weight", "attn.c_proj.weight", "attn.c_proj.bias"} | own
    assert ("transformer.ln_f.weight" in names) == (kind != "square")
    assert "lm_head.weight" in model.state_dict()  # one tensor with the embedding, under both names in a file
    assert model.state_dict()["lm_head.weight"].data_ptr() == model.state_dict()["transformer.wte.weight"].data_ptr()


def test_attention_in_bfloat16_is_causal_as_well():
    draw = torch.Generator().manual_seed(0)
    query, key, value = torch.randn(3, 1, 2, 6, 4, generator=draw)
    exact = attention(query, key, value, None, causal=True)
    rounded = attention(query.bfloat16(), key.bfloat16(), value.bfloat16(), None, causal=True)
    torch.testing.assert_close(rounded.float(), exact, rtol=0, atol=0.05)
    torch.testing.assert_close(exact[:, 0], value[:, :, 0].flatten(1))  # the first token sees itself alone
