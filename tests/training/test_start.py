"""Runs that start from a checkpoint: their own files, other sizes, other classes, and what does not fit."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from explorer.errors import ExplorerError
from explorer.models.parts import positions
from explorer.training.loop import train
from explorer.training.start import card_beside, load_start
from explorer.training.state import POSITIONS, fresh
from tests.conftest import SIZES
from tests.training.conftest import tiny_recipe

CPU = torch.device("cpu")
COLOURS = ("blue", "green", "red")


@pytest.fixture(scope="module")
def finished(prepared_data, tmp_path_factory) -> dict[str, Path]:
    """The last checkpoint of a run of two steps on three classes, by family."""
    folder = tmp_path_factory.mktemp("runs")
    stages = [{"data": "colours", "size": 16, "epochs": 1, "batch": 9}]
    return {family: train(tiny_recipe(family, stages), prepared_data, folder / family) for family in SIZES}


def started(path: Path, recipe, classes=COLOURS):
    state = fresh(recipe, classes, CPU)
    load_start(state, recipe, path)
    return state


@pytest.mark.parametrize("family", SIZES)
def test_the_same_classes_start_with_the_same_scores(finished, quick_reader, family):
    content = torch.load(finished[family], weights_only=True)
    weights = content.get("state_dict", content.get("model", content))
    state = started(finished[family], tiny_recipe(family, seed=5))
    for model in (state.model, state.averaged):
        assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())
    assert int(state.ema.n_averaged) == 0


@pytest.mark.parametrize("family", SIZES)
def test_other_classes_and_sizes_keep_the_rest(finished, quick_reader, family):
    recipe = tiny_recipe(family, seed=5, image_size=24)
    drawn = fresh(recipe, ("orange", "red"), CPU).model.state_dict()
    found = started(finished[family], recipe, ("orange", "red")).model.state_dict()
    content = torch.load(finished[family], weights_only=True)
    weights = content.get("state_dict", content.get("model", content))
    for name, tensor in found.items():
        if name.startswith(recipe.training.head):
            assert torch.equal(tensor, drawn[name])
        elif name in POSITIONS[:2]:
            assert tensor.shape == (1, 37, 8)
            assert torch.equal(tensor, positions(weights[name], 6, 6))
        else:
            assert torch.equal(tensor, weights[name])


def test_without_its_card_a_checkpoint_gives_no_classifier(finished, quick_reader, tmp_path):
    alone = tmp_path / "alone.pth.tar"
    alone.write_bytes(finished["crate"].read_bytes())
    drawn = fresh(tiny_recipe(seed=5), COLOURS, CPU).model.state_dict()
    found = started(alone, tiny_recipe(seed=5)).model.state_dict()
    assert torch.equal(found["mlp_head.1.weight"], drawn["mlp_head.1.weight"])
    assert not torch.equal(found["pos_embedding"], drawn["pos_embedding"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"family": "vit"}, "family crate, the recipe vit"),
        ({"dim": 16}, "width 8, the recipe 16"),
        ({"layers": 3}, "layers 2, the recipe 3"),
        ({"heads": 4}, "heads 2, the recipe 4"),
        ({"patch": 2}, "patch 4, the recipe 2"),
    ],
)
def test_another_network_is_refused(finished, quick_reader, change, sentence):
    with pytest.raises(ExplorerError, match=sentence):
        started(finished["crate"], tiny_recipe(**change))


def test_a_run_starts_from_another_and_says_so(finished, prepared_data, quick_reader, tmp_path):
    recipe = tiny_recipe(start=str(finished["crate"]), stages=[{"data": "warm", "size": 16, "epochs": 1, "batch": 6}])
    path = train(recipe, prepared_data, tmp_path)
    card = json.loads(card_beside(path).read_text("utf-8"))
    assert (card["started_from"], card["classes"]) == ("tiny.pth.tar", ["orange", "red"])
    first = torch.load(tmp_path / "tiny_p0.pth.tar", weights_only=True)["state_dict"]
    source = torch.load(finished["crate"], weights_only=True)["state_dict"]
    assert torch.equal(first["pos_embedding"], source["pos_embedding"])
    with pytest.raises(ExplorerError, match="another recipe, data, start"):
        train(dataclasses.replace(recipe, start=None), prepared_data, tmp_path)


def test_cards_lie_beside():
    assert [card_beside(Path("a") / name).name for name in ("x_p2.pth.tar", "x.pth", "x.1.safetensors")] == [
        "x_p2.json", "x.json", "x.1.json",
    ]  # fmt: skip


def test_features_start_a_run_and_other_parts_do_not(quick_reader, tmp_path):
    """A ViT without a head gives the rest of the network; one with registers is another network."""
    recipe = tiny_recipe("vit")
    trained = fresh(recipe, COLOURS, CPU).model.state_dict()
    headless = {name: tensor + 1 for name, tensor in trained.items() if not name.startswith("head.")}
    torch.save(headless, tmp_path / "vit.pth")
    found = started(tmp_path / "vit.pth", recipe).model.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in headless.items())
    torch.save(headless | {"register_tokens": torch.zeros(1, 2, 8)}, tmp_path / "vit.pth")
    with pytest.raises(ExplorerError, match="it has registers 2, the recipe 0"):
        started(tmp_path / "vit.pth", recipe)
