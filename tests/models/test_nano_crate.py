"""nanochat-crate against its equations in NumPy, token by token, and its rotation by hand."""

from __future__ import annotations

import numpy as np
import torch

from explorer.models.nano_crate import NanoCrate, NanoSize
from explorer.models.parts import initialise
from explorer.rotary import rotary_tables, rotate
from tests.models.reference import softmax

SIZE = NanoSize(dim=8, layers=2, heads=2, vocabulary=11, context=7, atoms=32, rows=13)
TOKENS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 10]])
GAIN, LAMBDA, ETA = torch.tensor([[0.5, 2.0], [1.5, 0.0]]), torch.tensor([0.3, 2.0]), torch.tensor([0.2, 0.7])
KNOBS = {"mssa_gain": GAIN, "ista_lambda": LAMBDA, "ista_eta": ETA}


def nano_model() -> NanoCrate:
    """Large enough numbers that every part counts: the thresholds of both signs, the cap, both factors of a layer."""
    model = NanoCrate(SIZE)
    initialise(model, {name: {"normal": 0.6} for name in model.init_laws()}, 3)
    with torch.no_grad():
        model.lm_head.weight.mul_(20)
    return model.eval()


def norm(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + 2.0**-23)


def rotated(u: np.ndarray, place: int) -> np.ndarray:
    """One head's projection (p,) of the token at a place: a complex number for each pair, times e^{−i·angle}."""
    half = len(u) // 2
    angles = place / 10000 ** (2 * np.arange(half) / len(u))
    turn = torch.tensor(np.stack([np.cos(angles), -np.sin(angles)]), dtype=torch.float32).bfloat16().double().numpy()
    turned = (u[:half] + 1j * u[half:]) * (turn[0] + 1j * turn[1])
    return np.concatenate([turned.real, turned.imag])


def reference(state: dict[str, np.ndarray], tokens: np.ndarray, gain, eta, lam) -> dict[str, np.ndarray]:
    """Every trace point of one text (N,), a token and a head at a time."""
    points, width, count = {}, SIZE.dim // SIZE.heads, len(tokens)
    z = start = norm(state["transformer.wte.weight"][tokens])
    for i in range(SIZE.layers):
        block = f"transformer.h.{i}"
        points[f"z.{i + 1}"] = z = state["resid_lambdas"][i] * z + state["x0_lambdas"][i] * start
        projected = norm(z) @ state[f"{block}.mssa.qkv.weight"].T
        u, attended = np.zeros((SIZE.heads, count, width)), np.zeros((count, SIZE.dim))
        for k in range(SIZE.heads):
            part = slice(k * width, (k + 1) * width)
            for n in range(count):
                u[k, n] = norm(rotated(projected[n, part], n))
                shares = softmax(u[k, : n + 1] @ u[k, n] / np.sqrt(width))
                attended[n, part] = gain[i, k] * shares @ u[k, : n + 1]
        points[f"subspace.{i + 1}"] = u
        points[f"z_half.{i + 1}"] = half = z + attended @ state[f"{block}.mssa.c_proj.weight"].T
        above = norm(half) @ state[f"{block}.odl.D_enc.weight"].T - lam[i] * state[f"{block}.odl.threshold"]
        points[f"codes.{i + 1}"] = codes = np.maximum(eta[i] * above, 0)
        z = half + codes @ state[f"{block}.odl.D_dec.weight"].T
    points[f"z.{SIZE.layers + 1}"] = z
    scores = (norm(z) @ state["lm_head.weight"].T)[:, : SIZE.vocabulary]
    return points | {"logits": 15 * np.tanh(scores / 15)}


def state_of(model: NanoCrate) -> dict[str, np.ndarray]:
    return {name: array.double().numpy() for name, array in model.state_dict().items()}


def check(found: dict[str, torch.Tensor], gain, eta, lam) -> None:
    for text, tokens in enumerate(TOKENS.numpy()):
        expected = reference(state_of(nano_model()), tokens, gain, eta, lam)
        assert set(found) == set(expected)
        for name, array in expected.items():
            np.testing.assert_allclose(found[name][text].numpy(), array, rtol=1e-4, atol=2e-5, err_msg=name)


def test_every_trace_point_follows_the_equations():
    with torch.no_grad():
        check(nano_model()(TOKENS), np.ones((2, 2)), np.ones(2), np.ones(2))
        check(nano_model()(TOKENS, **KNOBS), GAIN.numpy(), ETA.numpy(), LAMBDA.numpy())


def test_what_comes_later_changes_nothing_before():
    model, changed = nano_model(), TOKENS.clone()
    changed[:, 3] = 7
    with torch.no_grad():
        before, after = model(TOKENS), model(changed)
    for name, array in before.items():
        places = (slice(None), slice(None), slice(3)) if array.ndim == 4 else (slice(None), slice(3))
        torch.testing.assert_close(array[places], after[name][places], rtol=0, atol=0, msg=name)
    assert not torch.equal(before["logits"][:, 3:], after["logits"][:, 3:])


def test_names_and_start_are_the_released_ones():
    model = NanoCrate(SIZE)
    names = {name for name, _ in model.named_parameters()}
    block = {name.removeprefix("transformer.h.0.") for name in names if name.startswith("transformer.h.0.")}
    assert block == {"mssa.qkv.weight", "mssa.c_proj.weight", "odl.D_enc.weight", "odl.D_dec.weight", "odl.threshold"}
    others = {name for name in names if ".h." not in name}
    assert others == {"resid_lambdas", "x0_lambdas", "transformer.wte.weight", "lm_head.weight"}
    assert set(model.state_dict()) == names == set(model.init_laws())
    initialise(model, model.init_laws(), 0)
    with torch.no_grad():
        points = model(TOKENS)
    for name in ("z_half.1", "z.2", "z.3"):  # the outputs of both steps start at zero
        torch.testing.assert_close(points[name], points["z.1"], rtol=0, atol=0)
    assert model.block(0).mssa.qkv.weight.abs().max() <= np.sqrt(3 / 8)
    assert model.lm_head.weight.std() < 0.002 < 0.5 < model.state_dict()["transformer.wte.weight"].std()


def test_rotation_by_hand():
    """Two pairs of p = 4: entries 0 and 2 turn by n, entries 1 and 3 by n/100; the first token does not turn."""
    u = np.array([[1.0, 0.0, 0.0, 2.0]] * 3)
    found = rotate(u)
    np.testing.assert_allclose(found[0], u[0])
    np.testing.assert_allclose(found[1], [np.cos(1), 2 * np.sin(0.01), -np.sin(1), 2 * np.cos(0.01)], atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.sqrt(5), rtol=0.01)
    np.testing.assert_allclose(rotate(found, back=True), u, atol=0.01)


def test_the_tables_are_bfloat16():
    for exact, table in zip((np.cos, np.sin), rotary_tables(600, 6), strict=True):
        angles = np.arange(600)[:, None] * 10000.0 ** -(np.arange(0, 6, 2) / 6)
        assert table.shape == (600, 3)
        np.testing.assert_array_equal(table, torch.from_numpy(table).bfloat16().float().numpy())
        np.testing.assert_allclose(table, exact(angles), atol=2.0**-8)
