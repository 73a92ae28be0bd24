"""Checkpoints of language models: recognised, exported, equal to torch; tokenizers from beside them or as given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from explorer import runtime, zoo
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.export.importer import import_file
from explorer.inputs.text import prepare_text
from explorer.trace import Knobs, Prepared, Trace, trace_points
from explorer.training.texts import learn_tokenizer
from tests.models.test_text_models import KINDS, model_of

TEXT = "the cat sat on the mat. "


def write_checkpoint(path: Path, kind: str, **changes) -> Path:
    """As nanoGPT's training script writes it; changes: tensors to replace, None to leave one out."""
    state = {**model_of(kind).state_dict(), **changes}
    arguments = {"n_layer": 2, "n_head": 2, "n_embd": 8, "block_size": 7, "bias": True, "vocab_size": 11}
    content = {"model": {name: tensor for name, tensor in state.items() if tensor is not None}}
    torch.save({**content, "model_args": arguments, "iter_num": 5, "best_val_loss": 2.5}, path)
    return path


def run(card: ModelCard, tokens: np.ndarray) -> Trace:
    return runtime.run(runtime.open_model(card), Prepared(tokens, None, ""))


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_imports_and_computes_the_same(tmp_path, quick_reader, kind):
    card = import_file(write_checkpoint(tmp_path / "ckpt.pt", kind), name=kind, directory=tmp_path)
    assert (card.family, card.modality) == ("gpt" if kind == "gpt" else "crate_lm", "text")
    assert (card.heads, card.context, card.vocabulary, card.patch, card.tokenizer) == (2, 7, 11, 0, "")
    assert card.codes_dim == (0 if kind == "square" else 32)
    assert card.eta == (() if kind == "gpt" else (0.1, 0.1))
    assert card.parameters == sum(p.numel() for p in model_of(kind).parameters())
    assert card.parity["cases"] == [{"tokens": 1}, {"tokens": 3}, {"tokens": 7}]
    assert (card.provenance["iter_num"], card.provenance["best_val_loss"]) == (5, 2.5)
    tokens = np.array([[3, 1, 4, 1, 5]])
    trace = run(card, tokens)
    with torch.no_grad():
        expected = model_of(kind)(torch.from_numpy(tokens))
    assert set(trace.points) == {"logits", *trace_points(card)} == set(expected)
    for name, tensor in expected.items():
        np.testing.assert_allclose(trace.points[name], tensor.numpy(), rtol=1e-4, atol=1e-5, err_msg=name)
    assert trace.grid == (1, 5)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_the_layers_and_the_control(tmp_path, quick_reader, kind):
    """U and D as the measures expect them: D has its atoms in columns; the control draws every tensor anew."""
    card = import_file(write_checkpoint(tmp_path / "ckpt.pt", kind), name=kind, directory=tmp_path)
    state, (first, _) = model_of(kind).state_dict(), zoo.layer_weights(card)
    projection = state["transformer.h.0.attn.c_attn.weight"].numpy()
    if kind == "gpt":
        np.testing.assert_array_equal(first.subspaces, projection[8:16])
        assert first.dictionary is None
    else:
        atoms = state["transformer.h.0.ista.weight"].numpy()
        np.testing.assert_array_equal(first.subspaces, projection)
        np.testing.assert_array_equal(first.dictionary, atoms if kind == "square" else atoms.T)
    control = zoo.draw_control(card)
    assert set(control) == {name for name, _ in model_of(kind).named_parameters()}
    tokens = Prepared(np.array([[3, 1, 4]]), None, "")
    logits = [runtime.run(runtime.open_model(card, w), tokens, []).logits for w in (None, control)]
    assert np.abs(logits[0] - logits[1]).max() > 1e-3


def test_the_tokenizer_beside_the_file_is_taken(tmp_path, quick_reader):
    tokenizer = learn_tokenizer([TEXT * 20], 270)
    folder = tmp_path / "run"
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    words = tokenizer.get_vocab_size()
    path = write_checkpoint(
        folder / "ckpt.pt", "crate_lm",
        **{name: torch.randn(words + 3, 8) for name in ("transformer.wte.weight",)}, **{"lm_head.weight": None},
    )  # fmt: skip
    card = import_file(path, name="words", directory=tmp_path)
    text = prepare_text(TEXT, card.tokenizer, card.context)
    assert TEXT.encode().startswith(b"".join(piece.data for piece in text.pieces))
    assert run(card, text.data).logits.shape == (1, len(text.pieces), words + 3)
    short = write_checkpoint(folder / "short.pt", "crate_lm")
    with pytest.raises(ExplorerError, match=rf"{words} tokens, but the model knows 11"):
        import_file(short, name="short", directory=tmp_path)


def test_compiled_older_and_unbiased_files(tmp_path, quick_reader):
    """Names as torch.compile leaves them, masks among the tensors, and nanoGPT's bias=False, which is zeros."""
    names = [name for name, _ in model_of("gpt").named_parameters() if name.endswith(".bias")]
    path = write_checkpoint(tmp_path / "unbiased.pt", "gpt", **dict.fromkeys(names))
    content = torch.load(path, weights_only=True)
    content["model"] = {f"_orig_mod.{name}": tensor for name, tensor in content["model"].items()}
    content["model"]["_orig_mod.transformer.h.0.attn.bias"] = torch.ones(1, 1, 7, 7).tril()
    torch.save(content, path)
    card = import_file(path, name="unbiased", directory=tmp_path)
    assert set(card.provenance["absent_biases"]) == set(names)
    assert set(card.provenance["ignored_tensors"]) == {"lm_head.weight", "transformer.h.0.attn.bias"}
    model, tokens = model_of("gpt"), np.array([[3, 1, 4]])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in names:
                parameter.zero_()
        expected = model(torch.from_numpy(tokens))["logits"].numpy()
    np.testing.assert_allclose(run(card, tokens).logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"lm_head.weight": torch.ones(11, 8)}, "lm_head.weight differs"),
        ({"transformer.h.1.ista.weight": None}, "no tensor transformer.h.1.ista.weight"),
        ({"transformer.h.0.attn.extra": torch.ones(2)}, "a tensor transformer.h.0.attn.extra"),
    ],
)
def test_files_that_do_not_fit_are_said(tmp_path, quick_reader, changes, sentence):
    path = write_checkpoint(tmp_path / "ckpt.pt", "crate_lm", **changes)
    with pytest.raises(ExplorerError, match=sentence):
        import_file(path, name="bad", directory=tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_an_exported_model_imports_elsewhere(tmp_path, quick_reader):
    card = import_file(write_checkpoint(tmp_path / "ckpt.pt", "crate_lm"), name="first", directory=tmp_path)
    again = import_file(card.path, name="again", directory=tmp_path / "other")
    assert again.family == "crate_lm"
    with pytest.raises(ExplorerError, match="--tokenizer and --weights out"):
        import_file(card.path, name="again", directory=tmp_path, tokenizer_path=tmp_path)


def test_steps_of_the_card_file(tmp_path, quick_reader):
    path = write_checkpoint(tmp_path / "ckpt.pt", "crate_lm")
    (tmp_path / "card.json").write_text('{"eta": [0.2, 0.2], "lambda": 0.05}')
    card = import_file(path, name="steps", card_path=tmp_path / "card.json", directory=tmp_path)
    assert (card.eta, card.lam) == ((0.2, 0.2), (0.05, 0.05))
    (tmp_path / "card.json").write_text('{"eta": [0.2, 0.1]}')
    with pytest.raises(ExplorerError, match="one number for all layers"):
        import_file(path, name="steps", card_path=tmp_path / "card.json", directory=tmp_path)


def test_what_a_text_model_cannot_read_is_said(tmp_path, quick_reader, cards):
    card = import_file(write_checkpoint(tmp_path / "ckpt.pt", "crate_lm"), name="text", directory=tmp_path)
    picture = Prepared(np.zeros((1, 3, 12, 12), np.float32), None, "")
    tokens = Prepared(np.array([[3, 1, 4]]), None, "")
    model = runtime.open_model(card)
    with pytest.raises(ExplorerError, match="text reads text, but a picture came"):
        runtime.run(model, picture)
    with pytest.raises(ExplorerError, match="reads pictures, but text came"):
        runtime.run(runtime.open_model(cards["crate"]), tokens)
    with pytest.raises(ExplorerError, match="reads 1 to 7 tokens, but 8 came"):
        runtime.run(model, Prepared(np.zeros((1, 8), np.int64), None, ""))
    with pytest.raises(ExplorerError, match="from 0 to 10, but 11 came"):
        runtime.run(model, Prepared(np.array([[11]]), None, ""))
    with pytest.raises(ExplorerError, match="no stride"):
        runtime.run(model, tokens, knobs=Knobs(stride=1))
