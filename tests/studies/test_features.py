"""The feature index: what a model's codes do over a text, its file beside the model, and what does not fit."""

import dataclasses
import json

import numpy as np
import pytest

from explorer import runtime, zoo
from explorer.errors import ExplorerError
from explorer.studies.features import document_at, index_bytes, make_index, path_of, read_index
from explorer.trace import Prepared
from explorer.training.prepare import prepare
from tests.cli.test_commands import run
from tests.models.test_text_models import model_of

TOKENS = np.random.default_rng(0).integers(0, 11, 70)


def indexed(card, folder):
    """The card of a copy of a model with an index beside it."""
    path = folder / f"{card.name}.onnx"
    path.write_bytes(card.path.read_bytes())
    copy = zoo.read_card(path)
    path_of(copy).write_bytes(index_bytes(make_index(copy, TOKENS, lambda share: None), copy, {"data": "a test"}))
    return copy


@pytest.mark.parametrize("kind", ["crate_lm", "gpt"])
def test_an_index_is_what_the_codes_say(text_cards, kind):
    card, shares = text_cards[kind], []
    index = make_index(card, TOKENS, shares.append)
    assert index.tokens == 70  # ten windows of the context
    assert shares[-1] == 1
    windows = TOKENS.reshape(10, 7)
    points = runtime.run(runtime.open_model(card), Prepared(windows, None, "")).points
    for layer in (1, 2):
        codes = np.maximum(points[f"codes.{layer}"], 0)
        np.testing.assert_allclose(index.rate[layer - 1], (codes > 0).mean(axis=(0, 1)))
        np.testing.assert_allclose(index.most[layer - 1], codes.max(axis=(0, 1)), rtol=1e-5)
    drawn = runtime.open_model(card, zoo.draw_control(card))
    codes = runtime.run(drawn, Prepared(windows, None, "")).points["codes.1"]
    np.testing.assert_allclose(index.control_rate[0], (codes > 0).mean(axis=(0, 1)))
    assert make_index(card, TOKENS, shares.append, limit=20).tokens == 14


@pytest.mark.parametrize("kind", ["crate_lm", "gpt"])
def test_atoms_are_what_a_code_writes(text_cards, kind):
    state = model_of(kind).state_dict()
    name = "ista.weight" if kind == "crate_lm" else "mlp.c_proj.weight"
    expected = state[f"transformer.h.1.{name}"].numpy()
    np.testing.assert_array_equal(zoo.load_atoms(text_cards[kind], 2), expected if kind == "crate_lm" else expected.T)


def test_the_file_holds_the_index(text_cards, tmp_path):
    card = indexed(text_cards["crate_lm"], tmp_path)
    found, about = read_index(card)
    expected = make_index(card, TOKENS, lambda share: None)
    assert about == {"data": "a test"}
    for name, value in dataclasses.asdict(expected).items():
        np.testing.assert_allclose(getattr(found, name), value, rtol=1e-3, atol=1e-3, err_msg=name)
    np.testing.assert_array_equal(found.text, TOKENS)
    zoo.remove(card.name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_does_not_fit_is_said(text_cards, tmp_path):
    with pytest.raises(ExplorerError, match="has no codes"):
        make_index(text_cards["square"], TOKENS, lambda share: None)
    with pytest.raises(ExplorerError, match="needs at least 7"):
        make_index(text_cards["crate_lm"], TOKENS[:5], lambda share: None)
    with pytest.raises(ExplorerError, match="tokens up to 40"):
        make_index(text_cards["crate_lm"], TOKENS + 30, lambda share: None)
    card = indexed(text_cards["crate_lm"], tmp_path)
    with pytest.raises(ExplorerError, match="other weights"):
        read_index(dataclasses.replace(card, provenance={"sha256": "another"}))
    whole = path_of(card).read_bytes()
    for damaged in (b"no archive", whole[: len(whole) // 2]):
        path_of(card).write_bytes(damaged)
        with pytest.raises(ExplorerError, match="cannot be read as a feature index"):
            read_index(card)
    path_of(card).unlink()
    with pytest.raises(ExplorerError, match="has no feature index: make it"):
        read_index(card)


def test_a_place_is_in_a_document():
    about = {"documents": [["Emma", 0], ["Persuasion", 7]]}
    assert [document_at(about, place) for place in (0, 6, 7, 90)] == ["Emma", "Emma", "Persuasion", "Persuasion"]
    assert document_at({}, 3) == ""


def test_the_command(word_card, monkeypatch, capsys, tmp_path):
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "words.onnx").write_bytes(word_card.path.read_bytes())
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(folder))
    raw = tmp_path / "raw"
    raw.mkdir()
    for i in range(2):
        (raw / f"{i}.txt").write_text("the cat sat on the mat. " * 20)
    prepare([raw], tmp_path / "texts", hold_out=0.5, vocabulary=270)
    code, out, _ = run(monkeypatch, capsys, "features", "words", "--data", tmp_path / "texts")
    assert code == 0
    assert "64 codes" in out
    index, about = read_index(zoo.find_model("words"))
    (held,) = {"0", "1"} - set(json.loads((tmp_path / "texts" / "train" / "about.json").read_text())["documents"])
    assert about["documents"] == [[held, 0]]
    assert document_at(about, index.tokens - 1) == held
    prepare([raw], tmp_path / "other", hold_out=0.5, vocabulary=260)
    code, _, err = run(monkeypatch, capsys, "features", "words", "--data", tmp_path / "other")
    assert (code, "other tokens than words" in err) == (2, True)
