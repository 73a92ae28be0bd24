"""The rotary language models against their equations in NumPy, a token and a head at a time; what rotation means."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import erf

from explorer.models.crate_lm import TextSize
from explorer.models.crate_lm_rotary import CrateLMRotary, turned
from explorer.models.gpt_rotary import GPTRotary
from explorer.models.parts import initialise
from explorer.rotary import rotate
from tests.models.reference import layer_norm, softmax, split
from tests.models.test_nano_crate import rotated

SIZE = TextSize(dim=8, layers=2, heads=2, vocabulary=11, context=7, atoms=32, lam=0.2)
KINDS = {"crate_lm_rotary": CrateLMRotary, "gpt_rotary": GPTRotary}
TOKENS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 10]])
GAIN, LAMBDA, ETA = torch.tensor([[0.5, 2.0], [1.5, 0.0]]), torch.tensor([0.3, 0.02]), torch.tensor([0.2, 0.4])


def model_of(kind: str) -> CrateLMRotary | GPTRotary:
    model = KINDS[kind](SIZE)
    initialise(model, {name: {"normal": 0.4} for name in model.init_laws()}, 3)
    return model.eval()


def knobs_of(kind: str) -> dict[str, torch.Tensor]:
    steps = {} if kind == "gpt_rotary" else {"ista_lambda": LAMBDA, "ista_eta": ETA}
    return {"mssa_gain": GAIN} | steps


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt(np.mean(x * x) + 1e-5)


def turned_back(u: np.ndarray, place: int) -> np.ndarray:
    """The transpose of `rotated`: its columns are what the unit vectors become."""
    return np.stack([rotated(row, place) for row in np.eye(len(u))], 1).T @ u


def attend(query: np.ndarray, key: np.ndarray, value: np.ndarray, back: bool) -> np.ndarray:
    """One text and head: (N,p) three times → (N,p), causal, each mean turned back by its token's place if asked."""
    out = np.zeros_like(value)
    for n in range(len(value)):
        mean = softmax(key[: n + 1] @ query[n] / np.sqrt(value.shape[-1])) @ value[: n + 1]
        out[n] = turned_back(mean, n) if back else mean
    return out


def on_length(projected: np.ndarray) -> np.ndarray:
    """(K,N,p) → turned by place, then of root mean square 1."""
    return np.stack([[unit(rotated(token, n)) for n, token in enumerate(head)] for head in projected])


def reference(kind: str, state: dict[str, np.ndarray], tokens: np.ndarray, gain, eta, lam) -> dict[str, np.ndarray]:
    """Every trace point of one text (N,)."""
    points, gpt = {}, kind == "gpt_rotary"
    z = state["transformer.wte.weight"][tokens]
    for i in range(SIZE.layers):
        block = f"transformer.h.{i}"
        norms = ("ln_1", "ln_2") if gpt else ("prenorm_1", "prenorm_2")
        points[f"z.{i + 1}"] = z
        x = layer_norm(z, state, f"{block}.{norms[0]}", 1e-5) @ state[f"{block}.attn.c_attn.weight"].T
        if gpt:
            parts = np.split(x + state[f"{block}.attn.c_attn.bias"], 3, -1)
            q, k, v = (split(part[None], SIZE.heads)[0] for part in parts)
            q, k = on_length(q), on_length(k)
            points |= {f"query.{i + 1}": q, f"key.{i + 1}": k}
        else:
            q = k = v = points[f"subspace.{i + 1}"] = on_length(split(x[None], SIZE.heads)[0])
        heads = [gain[i, h] * attend(q[h], k[h], v[h], back=not gpt) for h in range(SIZE.heads)]
        update = np.concatenate(heads, -1) @ state[f"{block}.attn.c_proj.weight"].T
        points[f"z_half.{i + 1}"] = half = z + update + state[f"{block}.attn.c_proj.bias"]
        x = layer_norm(half, state, f"{block}.{norms[1]}", 1e-5)
        if gpt:
            hidden = x @ state[f"{block}.mlp.c_fc.weight"].T + state[f"{block}.mlp.c_fc.bias"]
            points[f"codes.{i + 1}"] = active = hidden * (1 + erf(hidden / np.sqrt(2))) / 2
            z = half + active @ state[f"{block}.mlp.c_proj.weight"].T + state[f"{block}.mlp.c_proj.bias"]
        else:
            W, codes = state[f"{block}.ista.weight"], np.zeros((len(x), SIZE.atoms))
            for _ in range(2):
                codes = np.maximum(codes + eta[i] * (x - codes @ W) @ W.T - eta[i] * lam[i], 0)
            points[f"codes.{i + 1}"], z = codes, half + codes @ W
    points[f"z.{SIZE.layers + 1}"] = z
    return points | {"logits": layer_norm(z, state, "transformer.ln_f", 1e-5) @ state["lm_head.weight"].T}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("moved", [False, True])
def test_every_trace_point_follows_the_equations(kind, moved):
    model = model_of(kind)
    state = {name: array.double().numpy() for name, array in model.state_dict().items()}
    gain, eta, lam = (GAIN, ETA, LAMBDA) if moved else (torch.ones(2, 2), torch.full((2,), 0.1), torch.full((2,), 0.2))
    with torch.no_grad():
        found = model(TOKENS, **knobs_of(kind)) if moved else model(TOKENS)
    for text, tokens in enumerate(TOKENS.numpy()):
        expected = reference(kind, state, tokens, gain.numpy(), eta.numpy(), lam.numpy())
        assert set(found) == set(expected)
        for name, array in expected.items():
            np.testing.assert_allclose(found[name][text].numpy(), array, rtol=1e-4, atol=2e-5, err_msg=name)


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
def test_every_parameter_has_a_law_and_there_are_no_learned_positions(kind):
    model = model_of(kind)
    names = {name for name, _ in model.named_parameters()}
    assert set(model.init_laws()) == names
    assert "transformer.wpe.weight" not in model.state_dict()
    assert model.lm_head.weight is model.transformer["wte"].weight


def test_projections_have_one_length():
    with torch.no_grad():
        u = model_of("crate_lm_rotary")(TOKENS)["subspace.2"]
    torch.testing.assert_close(u.square().mean(-1), torch.ones(2, 2, 5), rtol=0, atol=1e-3)


def test_turning_is_that_of_the_measures_and_goes_back():
    u = torch.randn(2, 3, 6, 4, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(turned(u).numpy(), rotate(u.numpy()), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(turned(turned(u), back=True), u, rtol=0, atol=0.02)  # the tables are bfloat16
    torch.testing.assert_close(turned(u.bfloat16()).float(), turned(u), rtol=0, atol=0.05)


def test_a_network_that_was_run_without_gradients_can_still_learn():
    model = model_of("crate_lm_rotary")
    tokens = TOKENS[:, :3]  # a length of its own, whose tables are made in inference mode
    with torch.inference_mode():
        model.logits(tokens)
    model.logits(tokens).sum().backward()
    assert model.block(0).attn.c_attn.weight.grad.abs().sum() > 0


def test_only_distance_counts(monkeypatch):
    """With exact tables, the same tokens five places later get the same updates: values and scores are relative."""

    def places_from(start: int):
        def tables(tokens: int, width: int):
            angles = np.arange(start, start + tokens)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
            return np.cos(angles), np.sin(angles)

        return tables

    attn, found = model_of("crate_lm_rotary").double().block(0).attn, []
    x = torch.randn(1, 5, 8, generator=torch.Generator().manual_seed(0)).double()
    for start in (0, 5):
        monkeypatch.setattr("explorer.models.crate_lm_rotary._tables", places_from(start))
        with torch.no_grad():
            found.append(attn(x))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-9, atol=1e-9)
    assert not torch.allclose(found[0][1], found[1][1])  # the projections themselves are turned
