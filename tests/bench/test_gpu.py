"""The script for a GPU, on the CPU: what it compares, how it keeps to its time, what it writes, and that every section
runs. Sessions on a GPU are measured where there is one."""

import contextlib
import dataclasses
import importlib.util
import json
import math
import sys
import time
import tomllib

import numpy as np
import onnx
import pytest
import torch

from explorer import runtime, zoo
from explorer.bench.gpu import (
    fallback,
    graphs,
    latency,
    machine,
    memory,
    networks,
    parity,
    plan,
    precision,
    report,
    script,
    setting,
    speed,
)
from explorer.errors import ExplorerError
from explorer.trace import Knobs
from tests.conftest import FULL, draw, pixels, prepared, torch_points
from tests.test_layers import ROOT

DOCUMENT = ROOT / "docs" / "gpu.md"
NEEDED = {"torch", "numpy", "onnx", "onnxruntime", "onnxruntime-gpu", "pillow"}


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> setting.Setting:
    """A try on the CPU in which nothing is timed for long."""
    monkeypatch.delenv(zoo.MODELS_VARIABLE, raising=False)
    for module in (latency, speed):
        monkeypatch.setattr(module, "SECONDS", 0.0)
    monkeypatch.setattr(setting, "WARM_UP_RUNS", 0)
    monkeypatch.setattr(setting, "LEAST_RUNS", 2)
    rates = [{"rate": "product fp32", "value": 2.0, "unit": "TFLOP/s"}, {"rate": "memory", "value": 0.5}]
    return setting.Setting("cpu", tmp_path, time.monotonic() + 60, {"machine": rates})


# the comparison


def test_the_output_that_is_off_by_most_is_found():
    """By hand: 0.5 of 10 is 5 %, 0.02 below 1 counts as it is."""
    theirs = {"z.1": np.array([10.0, -2.0], np.float32), "z.2": np.array([0.25, 0.5], np.float32)}
    ours = {"z.1": np.array([9.5, -2.0], np.float32), "z.2": np.array([0.25, 0.52], np.float32)}
    assert parity.worst_output(ours, theirs) == pytest.approx({"output": "z.1", "absolute": 0.5, "error": 0.05})
    ours["z.1"] = theirs["z.1"]
    assert parity.worst_output(ours, theirs) == pytest.approx({"output": "z.2", "absolute": 0.02, "error": 0.02})
    assert parity.worst_output(theirs, theirs)["error"] == 0
    ours["z.2"] = np.array([0.25, np.nan], np.float32)
    assert parity.worst_output(ours, theirs) == {"output": "z.2", "absolute": math.inf, "error": math.inf}
    with pytest.raises(ValueError, match=r"other outputs: \['z\.2'\]"):
        parity.worst_output({"z.1": theirs["z.1"]}, theirs)
    with pytest.raises(ValueError, match="shape"):
        parity.worst_output(theirs | {"z.2": np.zeros(3)}, theirs)


@pytest.mark.parametrize(("off", "met"), [(0.0, True), (5e-4, True), (2e-3, False)])
def test_a_disturbed_output_of_one_provider_is_noticed(cards, monkeypatch, off, met):
    """Of z_half.2 alone, in the first of the two runs of each case."""
    real, calls = runtime.run, []

    def disturbed(model, *arguments):
        trace = real(model, *arguments)
        calls.append(model)
        if len(calls) % 2 == 0:
            return trace
        value = trace.points["z_half.2"]
        moved = value + np.float32(off * max(1.0, np.abs(value).max()))
        return dataclasses.replace(trace, points={**trace.points, "z_half.2": moved})

    monkeypatch.setattr(parity.runtime, "run", disturbed)
    row = parity.compare_model(cards["crate"], runtime.CPU)
    assert row["met"] is met
    assert row["error"] == pytest.approx(off, rel=1e-2, abs=1e-9)
    assert (row["output"], row["cases"], row["outputs"]) == ("z_half.2" if off else row["output"], 4, 4 * 8)


def test_a_model_that_did_not_run_on_the_gpu_counts_as_failed(cards, stand_in_gpu):
    assert "ran on the CPU" in parity.compare_model(cards["crate"], runtime.CUDA)["failed"]
    stand_in_gpu.opening = "CUDA failure 2: out of memory"
    assert "memory does not hold" in parity.compare_model(cards["crate"], runtime.CUDA)["failed"]


def test_a_report_of_disagreement_says_so():
    rows = [{"model": "a", "met": True, "error": 1e-5, "outputs": 3}, {"model": "b", "met": False, "error": 1.0}]
    assert "1 of 2 models do not agree" in report.markdown(results(parity=("done", rows)))
    assert "All 1 models agree: 3 outputs" in report.markdown(results(parity=("done", rows[:1])))
    assert "1 of 2 models" in report.markdown(results(parity=("done", [rows[0], {"model": "c", "failed": "gone"}])))


# graphs of one shape


@pytest.mark.parametrize("family", ["crate", "crate_alpha", "vit"])
def test_a_graph_of_one_shape_is_the_same_network_and_knows_no_shapes(cards, modules, family):
    image = pixels(2, 12, 16)
    theirs = torch_points(modules[family], image, stride=2)
    model = graphs.fixed(cards[family].path, image.shape, 2, tuple(theirs))
    proto = onnx.load_model_from_string(model)
    assert not {node.op_type for node in proto.graph.node} & {"Shape", "Range", "Resize", "Expand", "Cast"}
    assert [one.name for one in proto.graph.input] == ["image"]
    run, outputs = graphs.held(model, {"image": image}, theirs, runtime.CPU)
    run()
    run()
    for name, array in outputs().items():
        np.testing.assert_allclose(array, theirs[name], rtol=1e-5, atol=1e-5, err_msg=name)


def test_a_graph_may_keep_the_answer_alone(cards, modules):
    model = graphs.fixed(cards["crate"].path, (1, 3, 12, 12), None, ("logits",))
    assert [one.name for one in onnx.load_model_from_string(model).graph.output] == ["logits"]
    theirs = torch_points(modules["crate"], pixels(1))["logits"]
    run, outputs = graphs.held(model, {"image": pixels(1)}, {"logits": theirs}, runtime.CPU)
    run()
    np.testing.assert_allclose(outputs()["logits"], theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("float_outputs", [False, True])
@pytest.mark.parametrize("kind", ["fp16", "bf16"])
def test_every_weight_and_step_is_halved(cards, kind, float_outputs):
    fixed = graphs.fixed(cards["crate"].path, (1, 3, 12, 12), None, ("logits", "z.2"))
    halved = graphs.halved(fixed, graphs.HALVES[kind], float_outputs)
    proto = onnx.load_model_from_string(halved)
    onnx.checker.check_model(proto)
    kinds = {tensor.data_type for tensor in proto.graph.initializer}
    assert kinds == {graphs.HALVES[kind], onnx.TensorProto.INT64}
    inferred = onnx.shape_inference.infer_shapes(proto)
    inside = {value.type.tensor_type.elem_type for value in inferred.graph.value_info}
    assert onnx.TensorProto.FLOAT not in inside
    expected = graphs.FLOAT if float_outputs else graphs.HALVES[kind]
    assert [value.type.tensor_type.elem_type for value in proto.graph.output] == [expected] * 2


def test_half_precision_is_near_and_not_equal(cards, modules):
    """Eleven bits: a thousandth. bfloat16 runs on no CPU kernel of ONNX Runtime."""
    image, theirs = pixels(2), torch_points(modules["crate"], pixels(2))
    fixed = graphs.fixed(cards["crate"].path, image.shape, None, tuple(theirs))
    for float_outputs in (True, False):
        model = graphs.halved(fixed, graphs.FLOAT16, float_outputs)
        run, outputs = graphs.held(model, {"image": image}, theirs, runtime.CPU)
        run()
        lost = precision.lost(cards["crate"], image, outputs(), theirs)
        assert 1e-5 < lost["error"] < 1e-2
        for name, array in outputs().items():
            assert array.dtype == (np.float32 if float_outputs else np.float16)
            assert np.linalg.norm(array - theirs[name]) <= 1.001 * lost["error"] * np.linalg.norm(theirs[name])


def test_what_is_lost_of_curves_and_classes(cards, modules):
    """By hand: every projection twice as long has the same official R^c; a zeroed column changes the non-zeros."""
    theirs = {name: array.copy() for name, array in torch_points(modules["crate"], pixels(2)).items()}
    assert precision.lost(cards["crate"], pixels(2), theirs, theirs) == {
        "output": "logits", "error": 0.0, "answer_error": 0.0, "rate": 0.0, "nonzeros": 0.0, "same_class": 1.0,
    }  # fmt: skip
    ours = {name: array.copy() for name, array in theirs.items()}
    ours["z.3"][0, :, :] = 0
    ours["logits"][1] = -ours["logits"][1]
    lost = precision.lost(cards["crate"], pixels(2), ours, theirs)
    assert lost["nonzeros"] == pytest.approx(100 * (theirs["z.3"][0] != 0).mean())
    assert lost["same_class"] == 0.5
    assert lost["rate"] == 0


def test_a_random_network_is_exported_as_it_is(tmp_path):
    module = draw("crate_alpha")
    networks.write_model(module, networks.CRATE_ALPHA, module.size, tmp_path / "a.onnx")
    card = zoo.read_card(tmp_path / "a.onnx")
    assert (card.codes_dim, card.parameters) == (32, sum(p.numel() for p in module.parameters()))
    trace = runtime.run(runtime.open_model(card), prepared(pixels()), None, Knobs(stride=3))
    for name, array in torch_points(module, pixels(), stride=3).items():
        np.testing.assert_allclose(trace.points[name], array, rtol=1e-5, atol=1e-5, err_msg=name)
    again = networks.module_of(card)
    assert all(torch.equal(one, two) for one, two in zip(module.parameters(), again.parameters(), strict=True))


# numbers


def test_memory_is_linear_where_it_is():
    """y = 7 + 3N, and y = N²."""
    n = (100, 200, 400, 800)
    line = memory.fit(n, [7 + 3 * one for one in n])
    assert line == pytest.approx(
        {"bytes_per_token": 3, "offset": 7, "r_squared": 1, "quadratic_share": 0, "linear": True}, abs=1e-6
    )
    square = memory.fit(n, [one**2 for one in n])
    assert square["quadratic_share"] == pytest.approx(1)
    assert square["linear"] is False


def test_the_roofline_is_the_slower_of_computing_and_moving(tiny, cards):
    """2·operations at 2e12 a second, or weights and outputs at 0.5e12 bytes a second."""
    card, like = cards["crate"], {"logits": np.zeros((1, 3), np.float32)}
    operations = 2 * runtime.estimate(card, 1, 12, 12, 4).operations
    moved = 4 * (card.parameters + 3)
    least = 1e3 * max(operations / 2e12, moved / 0.5e12)
    found = latency.roofline(card, like, "fp32", 4 * least, tiny)
    assert found == pytest.approx({"roofline_ms": least, "share": 0.25})
    assert latency.roofline(card, like, "bf16", 1.0, tiny) == {}


def test_times_are_percentiles_of_runs_after_a_warm_up(monkeypatch):
    clock = iter(np.cumsum([0, *(step for i in range(100) for step in (0, 1e-3 * (i + 1))), 1]))
    monkeypatch.setattr(setting.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(setting, "LEAST_RUNS", 100)
    calls = []
    times = setting.time_runs(lambda: calls.append(1), -1.0)
    assert len(calls) == setting.WARM_UP_RUNS + 100
    assert (times.p50_ms, times.fastest_ms, times.runs) == (pytest.approx(50.5), pytest.approx(1), 100)
    assert times.p95_ms == pytest.approx(np.percentile(np.arange(1, 101), 95))


# time


def test_what_a_section_leaves_over_goes_to_the_others():
    parts = list(plan.SECTIONS.values())
    assert sum(parts) == 60 * script.MINUTES
    assert plan.allowance(100, [1, 3]) == 25
    assert plan.allowance(-1, [1, 3]) == 0
    left = 400.0
    for i in range(len(parts)):  # each takes half of what it may
        left -= plan.allowance(left, parts[i:]) / 2
    assert plan.allowance(left, parts[-1:]) == left > parts[-1] * 400 / sum(parts) / 2


HANGS = 'import time, sys; open(sys.argv[1], \'w\').write(\'{"a": 1}\\n{"a": 2}\\n{"a\'); time.sleep(60)'
CRASHES = "import sys; open(sys.argv[1], 'w').write('{\"a\": 1}\\n'); print('begun'); raise RuntimeError('no kernel')"


@pytest.mark.parametrize(
    ("code", "seconds", "state", "rows"),
    [(HANGS, 0.6, plan.STOPPED, [1, 2]), (CRASHES, 30, "failed: RuntimeError: no kernel", [1])],
)
def test_a_section_that_hangs_or_crashes_keeps_what_it_wrote(tmp_path, monkeypatch, code, seconds, state, rows):
    monkeypatch.setattr(plan, "GRACE_S", 0.2)
    monkeypatch.setattr(
        plan, "command", lambda name, *rest: [sys.executable, "-c", code, str(tmp_path / f"{name}.jsonl")]
    )
    told = []
    start = time.monotonic()
    outcome = plan.run_section("parity", "cpu", tmp_path, seconds, told.append)
    assert time.monotonic() - start < 10
    assert (outcome.state, [row["a"] for row in outcome.rows]) == (state, rows)
    assert all(one.state == plan.RUNNING for one in told)
    if code is HANGS:
        assert [len(one.rows) for one in told] == [2]
    else:
        assert "begun" in outcome.log


# the report


def results(device="cuda", **sections) -> dict:
    return {
        "schema": 1, "device": device, "started": "2030-01-01 00:00 UTC", "seconds": 12.0,
        "sections": {name: {"state": s, "seconds": 3.0, "rows": r, "log": ""} for name, (s, r) in sections.items()},
    }  # fmt: skip


def test_the_document_is_what_was_measured():
    """Of nothing, that nothing was: nobody writes numbers into it by hand."""
    measured = DOCUMENT.with_suffix(".json")
    found = json.loads(measured.read_text("utf-8")) if measured.exists() else {}
    assert found.get("device", "cuda") == "cuda"
    assert DOCUMENT.read_text("utf-8") == report.markdown(found)
    assert ("Not measured yet" in DOCUMENT.read_text("utf-8")) is not bool(found)


def test_the_report_shows_what_came_and_what_did_not(tmp_path):
    row = {"model": "CRATE-B/16", "what": "traced", "way": "a", "precision": "fp32", "p50_ms": 0.8, "p95_ms": 1.25}
    rows = [row, row | {"way": "b|c", "precision": "bf16"} | {"failed": "no\nkernel"}]
    found = results(latency=("stopped at its deadline", rows), fallback=("failed: boom", []))
    report.save(found, tmp_path / "new" / "gpu.md")
    text = (tmp_path / "new" / "gpu.md").read_text("utf-8")
    assert json.loads((tmp_path / "new" / "gpu.json").read_text("utf-8")) == found
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["gpu.json", "gpu.md"]
    assert "| traced | a | fp32 | 0.80 | 1.25 |  |" in text
    assert "| traced | b\\|c | bf16 | 0.80 | 1.25 | no kernel |" in text
    assert "*This section is not whole: stopped at its deadline, after 3 s.*" in text
    assert "*This section is not whole: failed: boom, after 3 s.*" in text
    assert "float32 reached, 0.80 ms" in text
    assert "float32 **missed**, 1.80 ms" in report.markdown(results(latency=("done", [row | {"p50_ms": 1.8}])))


def test_without_a_gpu_one_sentence_and_nothing_is_written(tmp_path, monkeypatch, capsys):
    out = tmp_path / "gpu.md"
    out.write_text("measured before")
    row = {"fact": "runs on", "value": "CPU: CUDA is not usable here (no NVIDIA driver)", "provider": runtime.CPU}
    machine_alone = plan.Outcome(plan.DONE, 1.0, [row | {"torch_cuda": False}])
    monkeypatch.setattr(plan, "run_section", lambda *_: machine_alone)
    monkeypatch.setattr(script, "gpu_problem", lambda: "no NVIDIA driver")
    assert script.main(["--out", str(out)]) == 2
    assert capsys.readouterr() == (
        "", "There is no GPU to measure, no NVIDIA driver: nothing was written (OPTIONS=--cpu tries the script without "
        "one).\n",
    )  # fmt: skip
    monkeypatch.setattr(script, "gpu_problem", lambda: None)
    assert script.main(["--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        "There is no GPU to measure, CUDA is not usable here (no NVIDIA driver): nothing was written"
    )
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["gpu.md"]
    assert out.read_text() == "measured before"
    with pytest.raises(ExplorerError, match="this PyTorch finds none"):
        script.check_gpu(plan.Outcome(plan.DONE, 1.0, [row | {"provider": runtime.CUDA, "torch_cuda": False}]))
    with pytest.raises(ExplorerError, match="failed: boom"):
        script.check_gpu(plan.Outcome("failed: boom", 1.0, []))
    script.check_gpu(plan.Outcome(plan.DONE, 1.0, [row | {"provider": runtime.CUDA, "torch_cuda": True}]))


# every section


SECTIONS = {"machine": machine, "latency": latency, "memory": memory, "precision": precision, "fallback": fallback}


@pytest.mark.parametrize("name", [*SECTIONS, "speed", "parity"])
def test_a_section_gives_rows_that_the_report_shows(tiny, monkeypatch, name):
    """Tiny networks on the CPU. Compiling would take half a minute: it is left out for want of time."""
    monkeypatch.setattr(speed, "COMPILE_S", 1e9)
    monkeypatch.setattr(zoo, "list_models", lambda: [zoo.find_model(zoo.FIRST_TEXT_MODEL)])
    rows = json.loads(json.dumps(list((SECTIONS | {"speed": speed, "parity": parity})[name].rows(tiny))))
    text = report.markdown(results("cpu", **{name: ("done", rows)}))
    assert "these numbers say nothing about a GPU" in text
    failed = {(row.get("way"), row.get("precision"), row.get("what")) for row in rows if "failed" in row}
    if name == "precision":  # ONNX Runtime has no bfloat16 on a CPU
        assert failed == {("ONNX Runtime", "bf16", None)}
        assert all(row["error"] == 0 for row in rows if row["precision"] == "tf32")
        assert all(1e-5 < row["error"] < 0.1 for row in rows if "error" in row and row["precision"] != "tf32")
    elif name == "speed":
        assert {way for way, _, _ in failed} == {"PyTorch compiled"}
        assert all(row["per_second"] > 0 for row in rows if "failed" not in row)
    elif name == "fallback":
        assert "Not measured." in text
    else:
        assert not failed
    if name == "parity":
        assert [row["weights"] for row in rows] == ["shipped", *["random"] * 4]
        assert all(row["error"] == 0 for row in rows)


def test_the_whole_script_on_a_cpu_needs_nothing_but_the_packages_that_it_says(tmp_path, capsys, monkeypatch):
    """Sections in processes of their own, in which every other dependency of the project is missing: one that reads
    photos, exports, measures and runs in both."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    names = {line.split(";")[0].split(">=")[0].strip() for line in wanted}
    assert {"pillow", "torch", "numpy", "onnx"} < names
    modules = {"scikit-learn": "sklearn", "umap-learn": "umap"}
    for name in names - NEEDED:
        (tmp_path / f"{modules.get(name, name.replace('-', '_'))}.py").write_text("raise ImportError('is missing')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert script.main(["--cpu", "--only", "precision", "--minutes", "2", "--out", str(tmp_path / "tried.md")]) == 0
    found = json.loads((tmp_path / "tried.json").read_text("utf-8"))
    states = {name: (one["state"], one["log"]) for name, one in found["sections"].items()}
    assert states == {"machine": ("done", ""), "precision": ("done", "")}
    assert found["sections"]["machine"]["rows"][0]["provider"] == runtime.CPU
    assert (tmp_path / "tried.md").read_text("utf-8") == report.markdown(found)
    assert "precision: done, 10 rows" in capsys.readouterr().out


def test_a_full_memory_is_tried_with_a_stand_in(tiny, monkeypatch, stand_in_gpu):
    """Filled and freed memory here decide whether the stand-in's runs fail; a silent fallback would not do."""
    monkeypatch.setattr(fallback, "SIDE", 3)
    networks.exported(networks.FINE, tiny)
    stand_in_gpu.running = ""
    monkeypatch.setattr(setting.Setting, "tiny", True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1 << 30, 1 << 31))
    monkeypatch.setattr(torch, "empty", lambda size, **_: setattr(stand_in_gpu, "running", FULL) or size)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: setattr(stand_in_gpu, "running", ""))
    on_gpu = dataclasses.replace(tiny, device="cuda")
    filled, free = fallback.rows(on_gpu)
    assert filled["note"].startswith("crate-fine ran on the CPU: the GPU's memory does not hold a run of 10 tokens")
    assert (filled["met"], free["note"], free["met"]) == (True, "", True)
    monkeypatch.setattr(fallback.warnings, "catch_warnings", lambda **_: contextlib.nullcontext([]))
    assert [row["met"] for row in fallback.rows(on_gpu)] == [False, True]


def test_a_python_that_lacks_a_package_is_told_which(monkeypatch, capsys):
    from explorer.bench.gpu import __main__ as start

    assert set(start.NEEDED.values()) == NEEDED - {"onnxruntime"}
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("onnx", "PIL") else real(name))
    assert start.main() == 2
    assert " has no onnx, pillow: install" in capsys.readouterr().err
