"""Recipes: those that ship are whole, and a mistake is named."""

import pytest

from explorer.errors import ExplorerError
from explorer.models.crate import ISTA
from explorer.training.picture_task import kept_patches
from explorer.training.recipe import FOLDER, PictureRecipe, parse_recipe, read_recipe
from explorer.training.schedule import LAST_LR, learning_rate, make_plan
from explorer.training.state import network
from tests.conftest import network_of
from tests.training.conftest import tiny_recipe


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_ours_are_whole(path):
    recipe = read_recipe(path.stem)
    assert recipe.name == path.stem
    if isinstance(recipe, PictureRecipe):
        assert recipe.stages[-1].size == recipe.image_size
    assert recipe.training.arch


def test_the_twins_share_data_stages_and_size_class():
    crate, vit, alpha = (read_recipe(name) for name in ("crate-objects", "vit-objects", "crate-alpha-objects"))
    assert crate.stages == vit.stages == alpha.stages
    counts = [sum(p.numel() for p in network_of(r.family)(r.size(111)).parameters()) for r in (crate, vit, alpha)]
    assert max(counts) < 1.1 * min(counts)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"famly": "crate"}, "unknown key famly"),
        ({"family": "mlp"}, "'mlp' should be one of crate"),
        ({"dim": 8.5}, "dim should be a whole number"),
        ({"dim": True}, "dim should be a whole number"),
        ({"heads": 3}, "3 heads should divide the width 8"),
        ({"image_size": 18}, "image_size 18"),
        ({"precision": "fp8"}, "'fp8'"),
        ({"betas": [0.9]}, "betas should be two numbers"),
        ({"lam": -1}, "lam -1.0 should be 0 or more"),
        ({"family": "vit", "lam": 1}, "lam is of no use to vit"),
        ({"stages": []}, "one or more"),
        ({"stages": [{"data": "x", "size": 16}]}, "stage 1 should set epochs"),
        ({"stages": [{"data": "x", "size": 10, "epochs": 1}]}, "stage 1's size 10 should"),
        ({"stages": [{"data": "x", "size": 16, "epochs": 1, "crop": [0.5, 1.5]}]}, "crop"),
        ({"stages": [{"data": "x", "size": 16, "epochs": 1, "speed": 9}]}, "stage 1 has the unknown key speed"),
    ],
)
def test_mistakes_are_named(change, sentence):
    values = {"family": "crate", "dim": 8, "layers": 2, "heads": 2, "patch": 4, "image_size": 16}
    values["stages"] = [{"data": "x", "size": 16, "epochs": 1}]
    with pytest.raises(ExplorerError, match=sentence):
        parse_recipe(values | change, "mine", "mine.toml")


def test_the_threshold_reaches_the_network():
    """Without the key as released, with it in every layer of the network; a ViT and a GPT have none."""
    assert [tiny_recipe().threshold, tiny_recipe("crate_alpha").threshold, tiny_recipe("vit").threshold] == [
        0.1,
        0.1,
        None,
    ]
    assert tiny_recipe().size(3) == tiny_recipe(lam=0.1).size(3)
    sparser = tiny_recipe(lam=2)
    assert (sparser.threshold, sparser.size(3).lam) == (2.0, 2.0)
    assert [part.lam for part in network(sparser, 3).modules() if isinstance(part, ISTA)] == [2.0, 2.0]


def test_an_unknown_recipe_lists_ours(tmp_path):
    with pytest.raises(ExplorerError, match="crate-objects"):
        read_recipe("nothing")
    (tmp_path / "bad.toml").write_text("family = ")
    with pytest.raises(ExplorerError, match="not TOML"):
        read_recipe(str(tmp_path / "bad.toml"))


def test_learning_rate_by_hand():
    assert learning_rate(2.0, 0.0, 0.1) == 0
    assert learning_rate(2.0, 0.05, 0.1) == pytest.approx(1.0)
    assert learning_rate(2.0, 0.1, 0.1) == pytest.approx(2.0)
    assert learning_rate(2.0, 0.55, 0.1) == pytest.approx(2 * (LAST_LR + (1 - LAST_LR) / 2))
    assert learning_rate(2.0, 1.0, 0.1) == pytest.approx(2 * LAST_LR)
    assert learning_rate(2.0, 0.5, 0.0) > learning_rate(2.0, 0.6, 0.0)


def test_a_plan_shares_the_run_by_tokens():
    """10 images in batches of 5, 2 epochs of 16 px (16 patches), then 1 of 8 px with half of its 4 patches."""
    stages = [
        {"data": "x", "size": 16, "epochs": 2, "batch": 5},
        {"data": "x", "size": 8, "epochs": 1, "batch": 5, "patch_dropout": 0.5},
    ]
    recipe = tiny_recipe(stages=stages)
    assert [1 + kept_patches(stage, 4) for stage in recipe.stages] == [17, 3]
    plan = make_plan(recipe.stages, [10, 10], [17, 3])
    work = [4 * 5 * 17, 2 * 5 * 3]
    assert plan.steps == (4, 2)
    assert plan.ends == pytest.approx((work[0] / sum(work), 1))
    assert plan.progress_after(0, 2) == pytest.approx(plan.ends[0] / 2)
    assert plan.progress_after(1, 2) == pytest.approx(1)
    assert [plan.stage_at(p) for p in (0, plan.ends[0] - 0.01, plan.ends[0], 0.999, 1)] == [0, 0, 1, 1, 1]
