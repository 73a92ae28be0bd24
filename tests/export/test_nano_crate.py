"""nanochat-crate from its files to its measures: config.json, graph, parity, control, logit lens, half steps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from explorer import knobs, runtime, zoo
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.export.importer import import_file
from explorer.measures.patches.attention import attention_rows
from explorer.measures.rates.layers import before_threshold, project
from explorer.measures.rates.ledger import measure_ledger
from explorer.measures.rates.rate import subspace_coding_rate
from explorer.measures.rates.whiteness import layer_rate_gradient, measure_sparsification
from explorer.measures.texts import logit_effect
from explorer.measures.texts.language import logit_lens, read_out
from explorer.rotary import rotate
from explorer.trace import Knobs, LayerWeights, Prepared, Trace, trace_points
from tests.models.test_nano_crate import KNOBS, SIZE, TOKENS, nano_model, state_of

CONFIG = {"sequence_len": 12, "vocab_size": 11, "n_layer": 2, "n_head": 2, "n_kv_head": 2, "n_embd": 8,
          "window_pattern": "SSSL"}  # fmt: skip
TEXT = Prepared(TOKENS[:1].numpy(), None, "")


def write_files(folder: Path, config: dict | None = CONFIG, **changes: torch.Tensor | None) -> Path:
    """As the hub has them; changes: tensors to replace, None to leave one out."""
    state = {**nano_model().state_dict(), **changes}
    folder.mkdir(exist_ok=True)
    save_file({name: tensor for name, tensor in state.items() if tensor is not None}, folder / "model.safetensors")
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    return folder / "model.safetensors"


@pytest.fixture(scope="module")
def card(nano_card) -> ModelCard:
    return nano_card


@pytest.fixture(scope="module")
def trace(card) -> Trace:
    return runtime.run(runtime.open_model(card), TEXT)


def test_a_checkpoint_imports_and_computes_the_same(card, trace):
    assert (card.family, card.modality, card.heads, card.codes_dim) == ("nanochat_crate", "text", 2, 32)
    assert (card.context, card.vocabulary) == (7, 11)  # half of 12 tokens back, and the token itself
    assert (card.eta, card.lam) == ((1.0, 1.0), (1.0, 1.0))
    assert card.has_subspaces
    assert card.parameters == sum(p.numel() for p in nano_model().parameters())
    assert card.parity["cases"] == [{"tokens": 1}, {"tokens": 3}, {"tokens": 7}]
    assert card.provenance["window_pattern"] == "SSSL"
    for turned in ({}, KNOBS):
        settings = Knobs(*(turned[name].numpy() if turned else None for name in KNOBS))
        found = runtime.run(runtime.open_model(card), TEXT, knobs=settings)
        with torch.no_grad():
            expected = nano_model()(TOKENS[:1], **turned)
        assert set(found.points) == {"logits", *trace_points(card)} == set(expected)
        for name, tensor in expected.items():
            np.testing.assert_allclose(found.points[name], tensor.numpy(), rtol=1e-4, atol=2e-5, err_msg=name)
    assert np.abs(trace.logits).max() > 10  # the cap counts


def test_the_knobs_values_as_trained_are_the_models_own(card, trace):
    ones = Knobs(ista_lambda=np.ones(2, np.float32), ista_eta=np.ones(2, np.float32))
    np.testing.assert_array_equal(runtime.run(runtime.open_model(card), TEXT, knobs=ones).logits, trace.logits)
    assert knobs.write_knobs(ones, card) == ""
    turned, refused = knobs.read_knobs("l2=0", card)
    assert refused == []
    codes = runtime.run(runtime.open_model(card), TEXT, knobs=turned).codes(2)
    above = nano_model().block(1).odl.D_enc.weight.detach().numpy()
    half = trace.z_half(2) / np.sqrt((trace.z_half(2) ** 2).mean(-1, keepdims=True))
    np.testing.assert_allclose(codes, np.maximum(half @ above.T, 0), rtol=1e-4, atol=1e-5)


def test_each_of_a_batch_may_have_knobs_of_its_own(card):
    gain = np.ones((4, 2), np.float32)
    gain[2] = 0  # the second text's first layer is silenced
    model, both = runtime.open_model(card), Prepared(np.repeat(TEXT.data, 2, axis=0), None, "")
    whole = runtime.run(model, both, knobs=Knobs(mssa_gain=gain)).logits
    for i in range(2):
        alone = runtime.run(model, TEXT, knobs=Knobs(mssa_gain=gain[2 * i : 2 * i + 2])).logits[0]
        np.testing.assert_allclose(whole[i], alone, rtol=1e-5, atol=1e-5)
    assert np.abs(whole[0] - whole[1]).max() > 1e-3


def test_weights_of_the_layers_and_the_control(card, trace):
    state, layers = state_of(nano_model()), zoo.layer_weights(card)
    for i, weights in enumerate(layers):
        block = f"transformer.h.{i}"
        np.testing.assert_allclose(weights.subspaces, state[f"{block}.mssa.qkv.weight"])
        assert weights.dictionary is not None
        assert weights.thresholds is not None
        np.testing.assert_allclose(weights.dictionary, state[f"{block}.odl.D_enc.weight"].T)
        np.testing.assert_allclose(weights.thresholds, state[f"{block}.odl.threshold"])
        np.testing.assert_allclose(zoo.load_atoms(card, i + 1), state[f"{block}.odl.D_dec.weight"].T)
    control = zoo.draw_control(card)
    assert set(control) == set(state)
    assert not control["transformer.h.1.odl.D_dec.weight"].any()
    drawn = runtime.run(runtime.open_model(card, control), TEXT)
    assert np.abs(drawn.logits - trace.logits).max() > 1
    np.testing.assert_allclose(drawn.z(3), drawn.z(1), atol=1e-6)  # before training both steps add nothing
    lens = logit_lens(drawn, zoo.load_readout(card, control), TEXT.data[0])
    np.testing.assert_allclose(lens[0].divergence, 0, atol=1e-9)


def test_the_measures_read_what_the_network_read(card, trace):
    layers = zoo.layer_weights(card)
    for layer, weights in enumerate(layers, start=1):
        np.testing.assert_allclose(project(trace.z(layer), weights), trace.projections(layer), atol=2e-5)
        before, threshold = before_threshold(trace.z_half(layer), weights)
        np.testing.assert_allclose(np.maximum(before - threshold, 0), trace.codes(layer), rtol=1e-4, atol=2e-5)
    assert measure_sparsification(trace, layers) == []  # thresholds of both signs: no LASSO
    books = measure_ledger(trace, layers)
    assert [of_layer.lasso_before for of_layer in books] == [None, None]
    assert all(np.isfinite(of_layer.after.subspace_coding_rate) for of_layer in books)


def test_attention_from_the_projections_gives_the_models_update(trace):
    u = trace.projections(1)
    heads = np.stack([attention_rows(u, u, n, causal=True) for n in range(u.shape[1])], axis=1)
    mixed = (heads @ u).transpose(1, 0, 2).reshape(u.shape[1], -1)
    update = mixed @ state_of(nano_model())["transformer.h.0.mssa.c_proj.weight"].T
    np.testing.assert_allclose(trace.z_half(1) - trace.z(1), update, rtol=1e-4, atol=2e-5)


def test_the_lens_ends_at_the_output(card, trace):
    readout = zoo.load_readout(card)
    assert readout.embedding.shape == (11, 8)
    np.testing.assert_allclose(read_out(trace.z(3), readout), trace.logits[0], rtol=1e-4, atol=1e-4)
    lens = logit_lens(trace, readout, TEXT.data[0])
    np.testing.assert_allclose(lens[-1].divergence, 0, atol=1e-6)
    assert lens[0].divergence.max() > 1e-3
    direction = zoo.load_atoms(card, 2)[0]
    effect = logit_effect(direction, readout)
    expected = readout.embedding @ direction
    np.testing.assert_allclose(effect, expected - expected.mean(), rtol=1e-5, atol=1e-5)


def test_the_gradient_goes_through_rotation_and_norm():
    """Against differences of R^c along each entry of X, which is its own norm here (all entries ±1)."""
    rng = np.random.default_rng(0)
    weights = LayerWeights(rng.standard_normal((8, 8)), None, "rms", 0.0, 2, rotary=True)
    x = rng.choice([-1.0, 1.0], (5, 8))

    def rate(moved: np.ndarray) -> float:
        turned = rotate((moved @ weights.subspaces.T).reshape(5, 2, 4).transpose(1, 0, 2))
        return float(subspace_coding_rate(turned / np.sqrt((turned**2).mean(-1, keepdims=True)), 0.1).sum())

    found, step = layer_rate_gradient(x, weights, 0.1), 1e-5
    for n, j in ((0, 0), (2, 3), (4, 7)):
        moved = np.zeros_like(x)
        moved[n, j] = step
        difference = (rate(x + moved) - rate(x - moved)) / (2 * step)
        assert found[n, j] == pytest.approx(difference, rel=1e-4, abs=1e-6)


def test_it_imports_elsewhere(card, tmp_path, quick_reader):
    again = import_file(card.path, name="again", directory=tmp_path)
    assert (again.context, again.vocabulary, again.family) == (7, 11, "nanochat_crate")


@pytest.mark.parametrize(
    ("pattern", "context"), [("L", 12), ("SSSL", 7), ("LS", 12), (None, 12)], ids=["long", "short", "last", "none"]
)
def test_the_context_is_what_no_window_cuts(tmp_path, quick_reader, pattern, context):
    """Of two layers the last one's window is long whatever the pattern says."""
    config = {key: value for key, value in (CONFIG | {"window_pattern": pattern}).items() if value is not None}
    assert import_file(write_files(tmp_path, config), name="nano", directory=tmp_path).context == context


def test_a_card_file_stands_for_the_config(tmp_path, quick_reader):
    path = write_files(tmp_path, None)
    (tmp_path / "card.json").write_text('{"heads": 4, "sequence_len": 9}')
    card = import_file(path, name="nano", card_path=tmp_path / "card.json", directory=tmp_path)
    assert (card.heads, card.context, card.vocabulary) == (4, 9, SIZE.rows)


@pytest.mark.parametrize(
    ("config", "changes", "sentence"),
    [
        (None, {}, "put its config.json beside"),
        (CONFIG | {"vocab_size": 14}, {}, "vocab_size should be a number from 1 to 13"),
        (CONFIG | {"window_pattern": "XL"}, {}, "letters L and S"),
        (CONFIG | {"n_head": 8}, {}, "8 heads of 1 cannot be rotated"),
        (CONFIG | {"odl_use_relu": False}, {}, "odl_use_relu off"),
        (CONFIG, {"x0_lambdas": None}, "no tensor x0_lambdas"),
        (CONFIG, {"resid_lambdas": torch.ones(3)}, r"resid_lambdas has shape \(3,\)"),
        (CONFIG, {"transformer.h.0.mssa.extra": torch.ones(2)}, "a tensor transformer.h.0.mssa.extra"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_are_said(tmp_path, quick_reader, config, changes, sentence):
    path = write_files(tmp_path, config, **changes)
    with pytest.raises(ExplorerError, match=sentence):
        import_file(path, name="bad", directory=tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_a_config_that_is_no_json(tmp_path, quick_reader):
    path = write_files(tmp_path)
    (tmp_path / "config.json").write_text("[1, 2")
    with pytest.raises(ExplorerError, match="small JSON object"):
        import_file(path, name="bad", directory=tmp_path)
