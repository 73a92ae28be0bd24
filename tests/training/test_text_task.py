"""Language models on tiny texts: windows by hand, a run that learns, and files in nanoGPT's wrapper."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer import runtime
from explorer.dataset import open_text
from explorer.errors import ExplorerError
from explorer.export.importer import import_file
from explorer.families import supported
from explorer.models.crate_lm import TiedISTA
from explorer.trace import Prepared
from explorer.training.checkpoints import LAST
from explorer.training.loop import train
from explorer.training.prepare import prepare
from explorer.training.recipe import TextRecipe, parse_recipe, read_recipe
from explorer.training.state import fresh, network
from explorer.training.text_task import TextTask

CPU = torch.device("cpu")
FAMILIES = [one.name for one in supported() if one.training and one.modality == "text"]
LINE = "the cat sat on the mat and the dog sat on the log. "


def text_recipe(family: str = "crate_lm", **changes) -> TextRecipe:
    stage = {"data": "lines", "epochs": 4, "batch": 8, "lr": 0.02}
    values = {"family": family, "dim": 8, "layers": 2, "heads": 2, "context": 12, "ema": 0.5, "stages": [stage]}
    recipe = parse_recipe(values | changes, "tiny", "tiny.toml")
    assert isinstance(recipe, TextRecipe)
    return recipe


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> Path:
    """A folder lines of four documents of one sentence, as `prepare` makes it."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "raw").mkdir()
    for i in range(4):
        (folder / "raw" / f"{i}.txt").write_text(LINE * 40)
    prepare([folder / "raw"], folder / "lines", hold_out=0.25, vocabulary=280)
    return folder


def task_of(texts: Path, **changes) -> TextTask:
    return TextTask(text_recipe(**changes), texts, CPU)


def test_windows_by_hand(texts):
    """Scores that know the next token cost nothing; even ones cost log V; what is asked for is shifted by one."""
    task = task_of(texts)
    held = open_text(texts / "lines" / "val")
    vocabulary, seen = len(task.classes(0)), []

    def knows(tokens: torch.Tensor) -> torch.Tensor:
        start = sum(map(torch.numel, seen))
        seen.append(tokens)
        wanted = held.tokens[start + 1 : start + 1 + tokens.numel()].reshape(tokens.shape).astype(np.int64)
        return 100.0 * torch.nn.functional.one_hot(torch.from_numpy(wanted), vocabulary)

    def even(tokens: torch.Tensor) -> torch.Tensor:
        return torch.zeros(*tokens.shape, vocabulary)

    assert task.check(knows, 0, quick=False) == pytest.approx(0, abs=1e-6)
    assert task.check(even, 0, quick=False) == pytest.approx(math.log(vocabulary), rel=1e-5)
    read = torch.cat(seen).flatten().numpy()
    assert np.array_equal(read, held.tokens[: len(read)])
    assert len(held.tokens) - len(read) <= 12
    assert task.samples[0][1] == len(held.tokens) // 12


def test_steps_draw_windows_of_their_own(texts):
    task, seen = task_of(texts), []

    def note(tokens: torch.Tensor) -> torch.Tensor:
        seen.append(tokens)
        return torch.zeros(*tokens.shape, len(task.classes(0)))

    for step in (0, 1, 0):
        task.loss_of(note, 0, step)
    assert torch.equal(seen[0], seen[2])
    assert not torch.equal(seen[0], seen[1])
    assert seen[0].shape == (8, 12)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_learns_and_writes_the_wrapper(texts, tmp_path, family):
    rows = []
    path = train(text_recipe(family), texts, tmp_path, watch=rows.append)
    assert path.name == "tiny.pt"
    assert rows[-1].loss < 0.6 * rows[0].loss
    content = torch.load(path, weights_only=True)
    assert set(content) == {"model", "model_args", "iter_num", "best_val_loss"}
    words = len(open_text(texts / "lines" / "train").vocabulary)
    expected = {"n_layer": 2, "n_head": 2, "n_embd": 8, "block_size": 12, "vocab_size": words}
    assert expected.items() <= content["model_args"].items()
    card = json.loads((tmp_path / "tiny.json").read_text())
    assert card["cross_entropy_val"] == content["best_val_loss"] < math.log(words)
    assert (card["data"], card["run"], card["heads"]) == ("raw", "tiny", 2)
    state = content["model"]
    assert state["lm_head.weight"].data_ptr() == state["transformer.wte.weight"].data_ptr()  # stored once, as there
    model = network(text_recipe(family), words)
    model.load_state_dict(state)
    averaged = torch.load(tmp_path / LAST, weights_only=True)["state_dict"]
    assert all(torch.equal(state[name], tensor) for name, tensor in averaged.items())
    assert (tmp_path / "tokenizer.json").read_text() == open_text(texts / "lines" / "val").tokenizer
    kept = {file.name for file in tmp_path.glob("tiny*.pt")}
    assert kept == {"tiny.pt", *(f"tiny_p{percent}.pt" for percent in (0, 2, 3, 6, 12, 25, 50))}


def test_the_same_call_goes_on(texts, tmp_path):
    """A run that is stopped by an error half way ends with the weights of a whole one."""
    train(text_recipe(), texts, tmp_path / "whole")

    def stop(row) -> None:
        if row.progress > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(text_recipe(), texts, tmp_path / "cut", watch=stop, save_seconds=0)
    train(text_recipe(), texts, tmp_path / "cut")
    ends = [torch.load(tmp_path / name / LAST, weights_only=True)["trained"] for name in ("whole", "cut")]
    assert all(torch.equal(ends[1][name], tensor) for name, tensor in ends[0].items())


def test_the_threshold_reaches_the_network_and_the_card(texts, tmp_path):
    recipe = text_recipe(lam=1)
    assert [part.lam for part in network(recipe, 280).modules() if isinstance(part, TiedISTA)] == [1.0, 1.0]
    assert json.loads(train(recipe, texts, tmp_path).with_suffix(".json").read_text())["lambda"] == 1.0
    with pytest.raises(ExplorerError, match="of no use to gpt"):
        text_recipe("gpt", lam=1)


def test_the_tied_matrix_stays_tied():
    state = fresh(text_recipe(), tuple(map(str, range(280))), CPU)
    for model in (state.model, state.averaged):
        assert model.lm_head.weight is model.transformer["wte"].weight


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_starts_from_another(texts, tmp_path, quick_reader, family):
    path = train(text_recipe(family), texts, tmp_path / "first")
    recipe = text_recipe(family, seed=5, start=str(path))
    train(recipe, texts, tmp_path / "second")
    source, first = (
        torch.load(file, weights_only=True)["model"] for file in (path, tmp_path / "second" / "tiny_p0.pt")
    )
    assert all(torch.equal(first[name], tensor) for name, tensor in source.items())
    with pytest.raises(ExplorerError, match="context 12, the recipe 10"):
        train(text_recipe(family, context=10, start=str(path)), texts, tmp_path / "third")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_runs_file_imports(texts, tmp_path, quick_reader, family):
    path = train(text_recipe(family), texts, tmp_path / "run")
    card = import_file(path, name="tiny", card_path=path.with_suffix(".json"), directory=tmp_path)
    assert (card.family, card.context, card.heads) == (family, 12, 2)
    trained = network(text_recipe(family), card.vocabulary)
    trained.load_state_dict(torch.load(path, weights_only=True)["model"])
    tokens = np.array([[3, 1, 4, 1, 5]])
    logits = runtime.run(runtime.open_model(card), Prepared(tokens, None, ""), []).logits
    torch.testing.assert_close(
        torch.tensor(logits), trained.logits(torch.from_numpy(tokens)).detach(), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"context": 1}, "context should be above 1"),
        ({"patch": 8}, "unknown key patch"),
        ({"stages": [{"data": "lines", "epochs": 1, "mixup": 0.2}]}, "unknown key mixup"),
        ({"heads": 3}, "3 heads should divide"),
    ],
)
def test_mistakes_are_named(change, sentence):
    with pytest.raises(ExplorerError, match=sentence):
        text_recipe(**change)


def test_folders_that_do_not_fit_are_said(texts, tmp_path):
    with pytest.raises(ExplorerError, match="no more than the context"):
        task_of(texts, context=5000)
    with pytest.raises(ExplorerError, match="no prepared text"):
        TextTask(text_recipe(), tmp_path, CPU)
    stage = {"epochs": 1, "batch": 8}
    prepare([texts / "raw"], tmp_path / "other", hold_out=0.25, vocabulary=270)
    (tmp_path / "lines").symlink_to(texts / "lines")
    recipe = text_recipe(stages=[{"data": "lines", **stage}, {"data": "other", **stage}])
    with pytest.raises(ExplorerError, match="other tokens than the first stage"):
        TextTask(recipe, tmp_path, CPU)


@pytest.mark.parametrize("form", ["", "-rotary"])
def test_the_twins_share_text_steps_and_size_class(form):
    crate, gpt = (read_recipe(f"{name}{form}-novels") for name in ("crate-lm", "gpt"))
    assert crate.stages == gpt.stages == read_recipe("crate-lm-novels").stages
    counts = [sum(p.numel() for p in network(recipe, 4096).parameters()) for recipe in (crate, gpt)]
    assert max(counts) < 1.1 * min(counts)
