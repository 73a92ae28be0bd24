"""Runs of seconds: they learn, end when they should, go on exactly after a kill, and the importer reads their files."""

import csv
import functools
import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from explorer import runtime
from explorer.errors import ExplorerError
from explorer.export.importer import import_file
from explorer.families import supported
from explorer.training import loop
from explorer.training.checkpoints import CURVE, LAST
from explorer.training.device import compiled, pick_device, uses_bfloat16
from explorer.training.loop import passed_mark, train
from explorer.training.state import change_classes, fresh
from tests.conftest import SIZES, prepared
from tests.training.conftest import tiny_recipe

ENDINGS = {"crate": ".pth.tar", "crate_alpha": ".pth", "vit": ".pth"}
CPU = torch.device("cpu")
TWO_STAGES = [
    {"data": "colours", "size": 8, "epochs": 2.5, "batch": 6, "lr": 0.02, "patch_dropout": 0.25, "cutmix": 1.0},
    {"data": "warm", "size": 16, "epochs": 2, "batch": 4, "lr": 0.01, "mixup": 0.5},
]


def curve(folder: Path) -> list[dict[str, str]]:
    with (folder / CURVE).open(newline="") as file:
        return list(csv.DictReader(file))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / LAST, weights_only=True)["trained"]


@pytest.mark.parametrize("family", SIZES)
def test_a_run_learns_and_its_files_import(prepared_data, tmp_path, quick_reader, family):
    stages = [{"data": "colours", "size": 16, "epochs": 20, "batch": 6, "lr": 0.02, "jitter": 0.0}]
    out = tmp_path / "run"
    path = train(tiny_recipe(family, stages), prepared_data, out)
    ending = ENDINGS[family]
    assert path.name == f"tiny{ending}"
    rows = curve(out)
    assert float(rows[-1]["loss"]) < 0.8 * float(rows[0]["loss"])
    assert (rows[-1]["step"], rows[-1]["epoch"], rows[-1]["progress"]) == ("60", "20", "1")
    kept = sorted(file.name.removesuffix(ending) for file in out.glob(f"tiny*{ending}"))
    assert kept == ["tiny", *sorted(f"tiny_p{percent}" for percent in (0, 2, 3, 6, 12, 25, 50))]
    card = import_file(path, name="tiny", card_path=out / "tiny.json", directory=tmp_path)
    assert (card.family, card.heads, card.image_size, card.classes) == (family, 2, 16, ("blue", "green", "red"))
    assert card.measured["top1_val"] >= 0.8
    assert card.init["cls_token"] == {"normal": 0.02}
    image = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    logits = runtime.run(runtime.open_model(card), prepared(image.numpy()), []).logits
    averaged = fresh(tiny_recipe(family), card.classes, CPU).model
    averaged.load_state_dict(torch.load(out / LAST, weights_only=True)["state_dict"])
    torch.testing.assert_close(torch.tensor(logits), averaged.logits(image).detach(), rtol=0, atol=1e-4)


def test_the_importer_learns_the_threshold_from_the_card(prepared_data, tmp_path, quick_reader):
    recipe = tiny_recipe(lam=1.5)
    path = train(recipe, prepared_data, tmp_path / "run")
    card = import_file(path, name="tiny", card_path=tmp_path / "run" / "tiny.json", directory=tmp_path)
    assert card.lam == (1.5, 1.5)
    image = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    logits = runtime.run(runtime.open_model(card), prepared(image.numpy()), []).logits
    averaged = fresh(recipe, card.classes, CPU).model
    averaged.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    torch.testing.assert_close(torch.tensor(logits), averaged.logits(image).detach(), rtol=0, atol=1e-4)
    plain = train(tiny_recipe("vit"), prepared_data, tmp_path / "vit").with_suffix(".json")
    assert "lambda" not in json.loads(plain.read_text())


def test_crate_files_have_the_official_wrapper(prepared_data, tmp_path):
    stages = [{"data": "colours", "size": 16, "epochs": 1, "batch": 6}]
    path = train(tiny_recipe(stages=stages), prepared_data, tmp_path)
    content = torch.load(path, weights_only=True)
    assert set(content) == {"epoch", "arch", "state_dict", "best_acc1"}
    assert (content["epoch"], content["arch"]) == (1, "CRATE")
    assert content["best_acc1"] == 100 * json.loads((tmp_path / "tiny.json").read_text())["top1_val"]
    assert {"optimizer", "scheduler"} <= set(torch.load(tmp_path / LAST, weights_only=True))


def test_stages_change_size_and_classes(prepared_data, tmp_path):
    rows = []
    path = train(tiny_recipe(stages=TWO_STAGES), prepared_data, tmp_path, watch=rows.append)
    state = torch.load(path, weights_only=True)["state_dict"]
    assert state["mlp_head.1.weight"].shape == (2, 8)
    assert state["pos_embedding"].shape == (1, 17, 8)
    assert [row.stage for row in rows] == sorted(row.stage for row in rows)
    ends = [max((row.step, row.epoch) for row in rows if row.stage == stage) for stage in (1, 2)]
    assert ends == [(8, pytest.approx(8 / 3)), (14, pytest.approx(8 / 3 + 2))]  # 2.5 × 3 steps, rounded; then 2 × 3
    assert all(a.progress < b.progress for a, b in pairwise(rows))
    end, start = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("tiny", "tiny_p12"))
    assert (end["classes"], start["classes"]) == (["orange", "red"], ["blue", "green", "red"])
    assert (end["data"], start["data"]) == ("raw, raw2", "raw")  # all that it has seen by then
    assert [one["trained_size"] for one in (end, start)] == [TWO_STAGES[1]["size"], TWO_STAGES[0]["size"]]


@pytest.mark.parametrize("family", SIZES)
def test_a_new_classifier_leaves_the_network_as_it_was(family):
    recipe = tiny_recipe(family)
    state = fresh(recipe, ("a", "b", "c"), CPU)
    state.model.logits(torch.randn(2, 3, 16, 16)).sum().backward()
    state.optimiser.step()
    state.ema.update_parameters(state.model)
    new = change_classes(state, recipe, ("x", "y"), CPU)
    old = dict(state.model.named_parameters())
    for name, parameter in new.model.named_parameters():
        if parameter.shape == old[name].shape:
            assert torch.equal(parameter, old[name]), name
            assert new.optimiser.state[parameter] is state.optimiser.state[old[name]]
        else:
            assert parameter.shape[0] == 2
            assert parameter not in new.optimiser.state
    averaged = dict(new.averaged.named_parameters())
    assert all(torch.equal(averaged[name], parameter) for name, parameter in new.model.named_parameters())
    assert int(new.ema.n_averaged) == 0
    assert new.classes == ("x", "y")


SCRIPT = """
import sys, time, torch
from pathlib import Path
from explorer.training.loop import train
from tests.training.conftest import tiny_recipe
from tests.training.test_loop import TWO_STAGES
torch.set_num_threads(1)
def slowly(row):
    time.sleep(float(sys.argv[3]))
train(tiny_recipe(stages=TWO_STAGES), Path(sys.argv[1]), Path(sys.argv[2]), watch=slowly, save_seconds=0)
"""


def child(data: Path, out: Path, pause: float) -> subprocess.Popen:
    root = Path(__file__).parents[2]
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(data), str(out), str(pause)], cwd=root)


@pytest.mark.parametrize("rows_before", [2, 4])
def test_a_killed_run_goes_on_exactly(prepared_data, tmp_path, rows_before):
    """SIGKILL within the first stage, or within the second: the same weights in the end, and a curve without gaps."""
    train(tiny_recipe(stages=TWO_STAGES), prepared_data, tmp_path / "whole")
    out = tmp_path / "killed"
    process = child(prepared_data, out, pause=0.4)
    try:
        limit = time.monotonic() + 60
        while not (out / CURVE).exists() or len(curve(out)) < rows_before:
            assert process.poll() is None, "the run ended before it was killed"
            assert time.monotonic() < limit
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert (out / LAST).exists()
    assert not (out / "tiny.pth.tar").exists()
    assert child(prepared_data, out, pause=0.0).wait(timeout=60) == 0
    expected, found = weights(tmp_path / "whole"), weights(out)
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name
    final, again = (torch.load(f / "tiny.pth.tar", weights_only=True) for f in (tmp_path / "whole", out))
    assert all(torch.equal(again["state_dict"][name], tensor) for name, tensor in final["state_dict"].items())
    kept = ("step", "stage", "epoch", "progress", "loss", "accuracy", "lr", "validation")
    rows, again = curve(tmp_path / "whole"), curve(out)
    assert [[row[name] for name in kept] for row in again] == [[row[name] for name in kept] for row in rows]


def test_a_finished_run_is_not_run_again(prepared_data, tmp_path):
    recipe = tiny_recipe()
    train(recipe, prepared_data, tmp_path)
    before, rows = weights(tmp_path), []
    train(recipe, prepared_data, tmp_path, watch=rows.append)
    assert rows == []
    assert all(torch.equal(weights(tmp_path)[name], tensor) for name, tensor in before.items())


def test_a_time_limit_ends_the_schedule_and_visits_every_stage(prepared_data, tmp_path):
    many = [{**stage, "epochs": 10_000} for stage in TWO_STAGES]
    rows, start = [], time.monotonic()
    train(tiny_recipe(stages=many), prepared_data, tmp_path, minutes=3 / 60, watch=rows.append)
    assert 2.9 < time.monotonic() - start < 15
    assert {row.stage for row in rows} == {1, 2}
    assert rows[-1].progress > 0.9
    assert rows[-1].lr < 0.1 * max(row.lr for row in rows)
    assert (tmp_path / "tiny.pth.tar").exists()


def test_time_asleep_does_not_count(prepared_data, tmp_path, monkeypatch):
    """A run that is stopped for an hour has all of its time left but one longest step."""
    run = loop.TrainingRun(tiny_recipe(), prepared_data, tmp_path, 10, CPU, False, lambda row: None, 60)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 3600)
    assert run.progress() == pytest.approx(loop.LONGEST_STEP / 600, abs=0.01)
    assert run.progress() == pytest.approx(loop.LONGEST_STEP / 600, abs=0.01)


def test_a_folder_that_cannot_be_made_is_said(prepared_data, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExplorerError, match="choose another --out"):
        train(tiny_recipe(), prepared_data, tmp_path / "file" / "run")


@pytest.mark.parametrize("family", SIZES)
def test_the_network_compiles_as_one_graph(prepared_data, tmp_path, monkeypatch, family):
    """With a backend that runs the graph as it is: tracing is what code can break, and the same weights come out."""
    recipe = tiny_recipe(family, precision="fp32")
    train(recipe, prepared_data, tmp_path / "eager")
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    train(recipe, prepared_data, tmp_path / "compiled", compile_network=True)
    expected, found = weights(tmp_path / "eager"), weights(tmp_path / "compiled")
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=1e-3)


def test_compiling_without_a_compiler_is_said(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ExplorerError, match="no-such-compiler"):
        compiled(torch.relu, CPU)


def test_another_recipe_in_the_same_folder_is_refused(prepared_data, tmp_path):
    train(tiny_recipe(), prepared_data, tmp_path)
    with pytest.raises(ExplorerError, match="another recipe"):
        train(tiny_recipe(seed=1), prepared_data, tmp_path)


def test_a_loss_that_is_no_number_is_said(prepared_data, tmp_path):
    stages = [{"data": "colours", "size": 16, "epochs": 20, "batch": 6, "lr": 1e30}]
    with pytest.raises(ExplorerError, match="lower lr"):
        train(tiny_recipe(stages=stages, clip=1e30), prepared_data, tmp_path)


@pytest.mark.parametrize("family", SIZES)
def test_bfloat16_is_close_to_float32(family):
    model = fresh(tiny_recipe(family), ("a", "b", "c"), CPU).model
    image = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = model.logits(image).float()
    torch.testing.assert_close(found, model.logits(image).detach(), rtol=0, atol=0.05)


def test_marks():
    steps = [(0.0, 0.01), (0.01, 0.016), (0.016, 0.03125), (0.03125, 0.04), (0.4, 0.6), (0.6, 1.0), (0.0, 0.2)]
    assert [passed_mark(*step) for step in steps] == [None, 1 / 64, 1 / 32, None, 1 / 2, None, 1 / 8]


def test_devices_and_precision():
    assert pick_device("cpu") == CPU
    assert uses_bfloat16("bf16", CPU)
    assert not uses_bfloat16("fp32", CPU)
    with pytest.raises(ExplorerError, match="auto, cpu or cuda"):
        pick_device("tpu")
    if not torch.cuda.is_available():
        assert pick_device("auto") == CPU
        with pytest.raises(ExplorerError, match="no GPU"):
            pick_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: this machine's torch finds none")
def test_a_run_on_the_gpu_has_the_loss_of_the_cpu(prepared_data, tmp_path):
    for device in ("cpu", "cuda"):
        train(tiny_recipe(precision="fp32"), prepared_data, tmp_path / device, device=device)
    losses = [[float(row["loss"]) for row in curve(tmp_path / device)] for device in ("cpu", "cuda")]
    assert losses[1] == pytest.approx(losses[0], rel=0.01)


def test_every_family_has_a_recipe_head():
    trained = {one.name: one.training.ending for one in supported() if one.training and one.modality == "image"}
    assert trained == ENDINGS
