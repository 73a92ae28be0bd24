"""The rotary language models from checkpoint to measures: recognised, exported, equal to torch, measured as traced."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch

from explorer import families, runtime, zoo
from explorer.errors import ExplorerError
from explorer.export.importer import import_file
from explorer.measures.rates.layers import before_threshold, project
from explorer.measures.rates.ledger import measure_ledger
from explorer.trace import Prepared, trace_points
from tests.models.test_rotary_models import KINDS, SIZE, TOKENS, knobs_of, model_of

ARGUMENTS = {"n_layer": 2, "n_head": 2, "n_embd": 8, "block_size": 7, "bias": True, "vocab_size": 11}
TEXT = Prepared(TOKENS[:1].numpy(), None, "")


def write_checkpoint(path: Path, kind: str, arguments: dict | None = ARGUMENTS, **changes: torch.Tensor) -> Path:
    """As nanoGPT's training script writes it; changes: tensors to replace."""
    content = {"model": {**model_of(kind).state_dict(), **changes}, "iter_num": 5, "best_val_loss": 2.5}
    torch.save(content if arguments is None else {**content, "model_args": arguments}, path)
    return path


def import_of(folder: Path, kind: str):
    """λ = 0.2 as in the module's size; it stands in the card that a run writes."""
    (folder / "card.json").write_text('{"lambda": 0.2}')
    path = write_checkpoint(folder / "ckpt.pt", kind)
    return import_file(path, name=kind.replace("_", "-"), card_path=folder / "card.json", directory=folder)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [1, 4, 7])
@pytest.mark.parametrize("turned", [False, True])
def test_the_graph_computes_what_torch_computes(kind, length, turned):
    model, family = model_of(kind), families.family_named(kind)
    assert family
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    data = families.resolve(family.graph)(SIZE, weights, {}).SerializeToString()
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    tokens = np.random.default_rng(length).integers(0, SIZE.vocabulary, (2, length))
    knobs = knobs_of(kind) if turned else {}
    with torch.no_grad():
        expected = model(torch.from_numpy(tokens), **knobs)
    names = [output.name for output in session.get_outputs()]
    assert set(names) == set(expected)
    found = session.run(names, {"tokens": tokens} | {name: value.numpy() for name, value in knobs.items()})
    for name, array in zip(names, found, strict=True):
        np.testing.assert_allclose(array, expected[name].numpy(), rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_imports_and_computes_the_same(tmp_path, quick_reader, kind):
    card = import_of(tmp_path, kind)
    assert (card.family, card.heads, card.context, card.vocabulary, card.codes_dim) == (kind, 2, 7, 11, 32)
    assert card.lam == (() if kind == "gpt_rotary" else (0.2, 0.2))
    assert card.parameters == sum(p.numel() for p in model_of(kind).parameters())
    assert card.parity["cases"] == [{"tokens": 1}, {"tokens": 3}, {"tokens": 7}]
    trace = runtime.run(runtime.open_model(card), TEXT)
    with torch.no_grad():
        expected = model_of(kind)(TOKENS[:1])
    assert set(trace.points) == {"logits", *trace_points(card)} == set(expected)
    for name, tensor in expected.items():
        np.testing.assert_allclose(trace.points[name], tensor.numpy(), rtol=1e-4, atol=1e-5, err_msg=name)
    again = import_file(card.path, name="again", directory=tmp_path / "other")
    assert (again.family, again.context, again.lam) == (kind, 7, card.lam)


@pytest.mark.parametrize("kind", KINDS)
def test_the_measures_read_what_the_network_read(tmp_path, quick_reader, kind):
    card = import_of(tmp_path, kind)
    trace, layers = runtime.run(runtime.open_model(card), TEXT), zoo.layer_weights(card)
    for layer, weights in enumerate(layers, start=1):
        assert weights.rotary
        assert weights.relative == (kind == "crate_lm_rotary")
        np.testing.assert_allclose(project(trace.z(layer), weights), trace.projections(layer), rtol=1e-4, atol=2e-5)
        if weights.dictionary is None:
            assert kind == "gpt_rotary"
            continue
        before, threshold = before_threshold(trace.z_half(layer), weights)
        np.testing.assert_allclose(np.maximum(before - threshold, 0), trace.codes(layer), rtol=1e-4, atol=2e-5)
        added = trace.codes(layer) @ zoo.load_atoms(card, layer)  # a residual stands around the dictionary
        np.testing.assert_allclose(trace.z(layer + 1) - trace.z_half(layer), added, rtol=1e-4, atol=2e-5)
    books = measure_ledger(trace, layers)
    assert all(np.isfinite(of_layer.after.subspace_coding_rate) for of_layer in books)
    assert set(zoo.draw_control(card)) == {name for name, _ in model_of(kind).named_parameters()}


def test_the_card_file_may_say_the_context(tmp_path, quick_reader):
    path = write_checkpoint(tmp_path / "ckpt.pt", "gpt_rotary", None)
    (tmp_path / "card.json").write_text(json.dumps({"heads": 4, "block_size": 9}))
    card = import_file(path, name="gpt", card_path=tmp_path / "card.json", directory=tmp_path)
    assert (card.heads, card.context) == (4, 9)


@pytest.mark.parametrize(
    ("arguments", "changes", "sentence"),
    [
        (None, {}, "context of a Rotary CRATE-LM is in no tensor"),
        (ARGUMENTS | {"n_head": 8}, {}, "8 heads of 1 cannot be rotated"),
        (ARGUMENTS, {"transformer.h.0.ista.weight": torch.ones(8, 8)}, "more atoms than its width 8"),
    ],
)
def test_files_that_do_not_fit_are_said(tmp_path, quick_reader, arguments, changes, sentence):
    path = write_checkpoint(tmp_path / "ckpt.pt", "crate_lm_rotary", arguments, **changes)
    with pytest.raises(ExplorerError, match=sentence):
        import_file(path, name="bad", directory=tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_learned_positions_tell_the_forms_apart():
    """Names that a CRATE-LM and a GPT have, with and without the table of positions."""
    for name, forms in {
        "transformer.h.0.ista.weight": ("crate_lm_rotary", "crate_lm"),
        "transformer.h.0.mlp.c_fc.weight": ("gpt_rotary", "gpt"),
    }.items():
        for names, form in zip(([name], [name, "transformer.wpe.weight"]), forms, strict=True):
            assert families.recognised(names) is families.family_named(form)
