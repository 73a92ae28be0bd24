"""Sessions and runs: provider, points, knobs, memory, the random-init control, many users at once."""

import dataclasses
import gc
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
import torch

from explorer import runtime, zoo
from explorer.errors import ExplorerError
from explorer.runtime import CPU, CUDA, choose_provider, providers
from explorer.trace import Knobs, trace_points
from tests.conftest import FULL, SIZES, network_of, pixels, prepared, torch_points

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
ONES = np.ones((2, 2), np.float32)
TENTHS = np.full(2, 0.1, np.float32)


@pytest.mark.parametrize(
    ("available", "wanted", "problem", "provider", "words"),
    [
        ([CUDA, CPU], None, None, CUDA, "CUDA GPU"),
        ([CUDA, CPU], "cuda", None, CUDA, "CUDA GPU"),
        ([CUDA, CPU], "cpu", None, CPU, "asks"),
        ([CUDA, CPU], None, "no NVIDIA driver", CPU, "no NVIDIA driver"),
        ([CUDA, CPU], "cuda", "no NVIDIA driver", CPU, "no NVIDIA driver"),
        ([CPU], None, None, CPU, "no CUDA support"),
        ([CPU], "cuda", None, CPU, "no CUDA support"),
        (["AzureExecutionProvider", CPU], None, None, CPU, "no CUDA support"),
    ],
)
def test_choose_provider(available, wanted, problem, provider, words):
    chosen, reason = choose_provider(available, wanted, problem)
    assert chosen == provider
    assert words in reason


def test_the_trial_runs_operators_of_our_graphs(monkeypatch):
    assert runtime.trial_problem(CPU) is None
    used = {node.op_type for node in onnx.ModelProto.FromString(providers._trial_model()).graph.node}
    assert "MultiHeadAttention" in used
    assert used <= set().union(*zoo.ALLOWED_OPERATORS.values())
    monkeypatch.setattr(providers, "TRIAL_TOLERANCE", 0.0)
    assert "differs from the CPU's by 0" in (runtime.trial_problem(CPU) or "")


def test_open_model_reports_the_provider_in_use(opened):
    model = opened["crate"]
    assert model.provider == model.session.get_providers()[0]
    assert model.reason


@pytest.mark.parametrize("family", SIZES)
def test_run_equals_torch(opened, modules, family):
    trace = runtime.run(opened[family], prepared(pixels(2, 12, 16)), None, Knobs(stride=2))
    theirs = torch_points(modules[family], pixels(2, 12, 16), stride=2)
    assert list(trace.points) == ["logits", *trace_points(trace.card)]
    for name, array in theirs.items():
        assert trace.points[name].dtype == np.float32
        np.testing.assert_allclose(trace.points[name], array, **TOLERANCE, err_msg=name)
    assert (trace.grid, trace.stride) == ((5, 7), 2)
    np.testing.assert_array_equal(trace.z_half(2, image=1), trace.points["z_half.2"][1])


def test_only_the_points_asked_for_are_there(opened):
    trace = runtime.run(opened["crate"], prepared(pixels()), ["subspace.2"])
    assert set(trace.points) == {"logits", "subspace.2"}
    assert trace.projections(2).shape == (2, 10, 4)
    with pytest.raises(KeyError, match=r"z\.1 was not asked for"):
        trace.z(1)
    assert set(runtime.run(opened["crate"], prepared(pixels()), []).points) == {"logits"}


@pytest.mark.parametrize("want", [["logits"], ["z.1", "z.1"], ("z.3", "logits", "z.3"), iter(["z.1"])])
def test_points_may_be_named_twice_and_logits_too(opened, want):
    trace = runtime.run(opened["crate"], prepared(pixels()), want)
    assert trace.logits.shape == (2, 3)


@pytest.mark.parametrize(
    ("family", "name"), [("crate", "z.4"), ("crate", "codes.1"), ("vit", "subspace.1"), ("crate", "")]
)
def test_unknown_points_are_refused(opened, family, name):
    with pytest.raises(ExplorerError, match=rf"no trace point {re.escape(name)}: it has z\.1, "):
        runtime.run(opened[family], prepared(pixels()), ["z.1", name])


def test_arrays_are_read_only(opened):
    for name, array in runtime.run(opened["crate"], prepared(pixels())).points.items():
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
        assert not array.flags.writeable, name


def test_a_second_run_leaves_the_first_trace_alone(opened):
    first = runtime.run(opened["crate"], prepared(pixels(seed=1)))
    kept = {name: array.copy() for name, array in first.points.items()}
    runtime.run(opened["crate"], prepared(pixels(seed=2)))
    for name, array in kept.items():
        np.testing.assert_array_equal(first.points[name], array)


def test_inputs_of_any_layout_give_the_same(opened):
    """Channels last in memory, and knobs of other number types."""
    image = pixels(2, 40, 40)
    strided = np.ascontiguousarray(image.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    plain = runtime.run(opened["crate"], prepared(image), None, Knobs(2 * ONES, TENTHS, TENTHS, 2))
    other = Knobs((2 * ONES).astype(np.float64).T, TENTHS.astype(np.float64), TENTHS.astype(np.float64), np.int32(2))
    again = runtime.run(opened["crate"], prepared(strided), None, other)
    for name, array in plain.points.items():
        np.testing.assert_allclose(again.points[name], array, rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("family", "knobs", "words"),
    [
        ("crate", Knobs(stride=0), r"Stride 0 does not fit crate: it takes 1 to 4"),
        ("crate", Knobs(stride=5), "Stride 5"),
        ("crate", Knobs(stride=-4), "Stride -4"),
        ("crate", Knobs(mssa_gain=np.ones((2, 3))), r"mssa_gain of crate should have shape \(2, 2\), but has \(2, 3\)"),
        ("crate", Knobs(mssa_gain=np.ones((3, 2))), r"shape \(2, 2\), but has \(3, 2\)"),
        ("crate", Knobs(mssa_gain=np.ones(2)), r"shape \(2, 2\), but has \(2,\)"),
        ("crate", Knobs(mssa_gain=np.ones((0, 2))), r"shape \(2, 2\), but has \(0, 2\)"),
        ("crate", Knobs(mssa_gain=np.float32(1)), r"shape \(2, 2\), but has \(\)"),
        ("crate", Knobs(mssa_gain=np.ones((2, 2, 1))), r"shape \(2, 2\), but has \(2, 2, 1\)"),
        ("crate", Knobs(ista_lambda=np.ones(3)), r"ista_lambda of crate should have shape \(2,\), but has \(3,\)"),
        ("crate", Knobs(ista_lambda=np.ones((2, 2))), r"shape \(2,\), but has \(2, 2\)"),
        ("crate", Knobs(ista_eta=np.float32(0.1)), r"ista_eta of crate should have shape \(2,\), but has \(\)"),
        ("crate", Knobs(ista_eta=np.array([])), r"shape \(2,\), but has \(0,\)"),
        (
            "crate",
            Knobs(mssa_gain=np.array([[1, np.nan], [1, 1]])),
            "mssa_gain should be finite numbers, but holds nan",
        ),
        ("crate", Knobs(ista_lambda=np.array([1, np.inf])), "ista_lambda should be finite numbers, but holds inf"),
        ("vit", Knobs(ista_lambda=TENTHS), "vit is a ViT and has no ista_lambda: only its head gains can be set"),
        ("vit", Knobs(ista_eta=TENTHS), "has no ista_eta"),
    ],
    ids=str,
)
def test_knobs_that_do_not_fit(opened, family, knobs, words):
    with pytest.raises(ExplorerError, match=words):
        runtime.check_knobs(opened[family].card, knobs)
    with pytest.raises(ExplorerError, match=words):
        runtime.run(opened[family], prepared(pixels()), [], knobs)


@pytest.mark.parametrize(
    ("knobs", "stride"), [(Knobs(), 4), (Knobs(stride=1), 1), (Knobs(mssa_gain=ONES, stride=3), 3)]
)
def test_check_knobs_returns_the_stride(opened, knobs, stride):
    assert runtime.check_knobs(opened["crate"].card, knobs) == stride


@pytest.mark.parametrize(("images", "settings"), [(2, 3), (3, 2), (1, 50)])
def test_settings_of_another_number_of_images_are_refused(opened, images, settings):
    """Two pictures cannot run with three settings: a sentence, not ONNX Runtime's own error."""
    with pytest.raises(ExplorerError, match="mssa_gain"):
        runtime.run(opened["crate"], prepared(pixels(images)), [], Knobs(mssa_gain=np.ones((2 * settings, 2))))


def test_inputs_that_do_not_fit(opened):
    with pytest.raises(ExplorerError, match="3×12 pixels, less than one patch of 4"):
        runtime.run(opened["crate"], prepared(pixels(1, 3, 12)))


def test_a_file_that_onnx_runtime_refuses(cards, tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    with pytest.raises(ExplorerError, match=r"ONNX Runtime cannot open broken\.onnx: ") as caught:
        runtime.open_model(dataclasses.replace(cards["crate"], path=tmp_path / "broken.onnx"))
    assert "\n" not in str(caught.value)
    with pytest.raises(ExplorerError, match=r"cannot open gone\.onnx"):
        runtime.open_model(dataclasses.replace(cards["crate"], path=tmp_path / "gone.onnx"))


# memory


@pytest.mark.parametrize("family", SIZES)
def test_estimate_is_linear_in_tokens_and_images(cards, family):
    card = cards[family]
    one, two, three = (runtime.estimate(card, 1, 4, 4 * n, 4) for n in (1, 2, 3))
    assert [c.tokens for c in (one, two, three)] == [2, 3, 4]
    assert three.memory_bytes - two.memory_bytes == two.memory_bytes - one.memory_bytes == one.memory_bytes // 2
    assert runtime.estimate(card, 5, 4, 4, 4).memory_bytes == 5 * one.memory_bytes
    assert runtime.estimate(card, 1, 12, 12, 2).tokens == 26


@pytest.mark.parametrize("family", SIZES)
def test_estimate_covers_the_trace(opened, family):
    """All points of a run are counted at least."""
    points = runtime.run(opened[family], prepared(pixels(2)), None, Knobs(stride=1)).points
    held = sum(array.nbytes for array in points.values())
    assert held < runtime.estimate(opened[family].card, 2, 12, 12, 1).memory_bytes


def test_run_over_the_budget_names_tokens_memory_and_a_stride_that_fits(opened, monkeypatch):
    card = opened["crate"].card
    cost = {stride: runtime.estimate(card, 1, 400, 400, stride) for stride in (1, 2, 3, 4)}
    monkeypatch.setenv(runtime.MEMORY_VARIABLE, str(cost[3].memory_bytes / 1e9))
    with pytest.raises(ExplorerError) as caught:
        runtime.run(opened["crate"], prepared(pixels(1, 400, 400)), [], Knobs(stride=1))
    sentence = str(caught.value)
    assert f"{cost[1].tokens:,} tokens" in sentence
    assert f"{cost[1].memory_bytes / 1e9:.1f} GB" in sentence
    assert runtime.MEMORY_VARIABLE in sentence
    assert sentence.endswith("stride 3 would fit.")
    assert runtime.check_cost(card, 1, 400, 400, 3) == cost[3]
    with pytest.raises(ExplorerError, match="stride 3 would fit"):
        runtime.check_cost(card, 1, 400, 400, 2)


def test_run_over_the_budget_at_every_stride(opened, monkeypatch):
    """A stride above the patch size, which would fit, does not exist."""
    largest = runtime.estimate(opened["crate"].card, 1, 400, 400, 4).memory_bytes
    monkeypatch.setenv(runtime.MEMORY_VARIABLE, str((largest - 1) / 1e9))
    with pytest.raises(ExplorerError, match="use a smaller size or fewer images"):
        runtime.run(opened["crate"], prepared(pixels(1, 400, 400)))


@pytest.mark.parametrize("value", ["lots", "3 GB", "nan", "-1"])
def test_budget_that_is_no_number(cards, monkeypatch, value):
    monkeypatch.setenv(runtime.MEMORY_VARIABLE, value)
    with pytest.raises(ExplorerError, match=runtime.MEMORY_VARIABLE):
        runtime.check_cost(cards["crate"], 1, 12, 12, 4)


# a GPU whose memory does not suffice


@pytest.mark.parametrize(
    ("message", "full"),
    [
        (FULL, True),
        ("CUDA failure 2: out of memory ; GPU=0 ; expr=cudaMalloc((void**)&p, size);", True),
        ("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; expr=cublasCreate(&cublas_handle_);", True),
        ("Available memory of 100 is smaller than requested bytes of 4096", True),
        ("CUDA failure 700: an illegal memory access was encountered", False),
        ("Failed to find kernel for MultiHeadAttention(1)", False),
    ],
)
def test_want_of_memory_is_told_from_other_failures(message, full):
    assert bool(runtime.OUT_OF_MEMORY.search(message)) is full


@pytest.mark.parametrize("control", [False, True])
def test_a_run_that_the_gpu_does_not_hold_is_made_on_the_cpu(stand_in_gpu, cards, modules, control):
    """With the same weights and knobs, and said aloud; the next run tries the GPU again."""
    weights = zoo.draw_control(cards["crate"], seed=3) if control else None
    model = runtime.open_model(cards["crate"], weights)
    assert (model.provider, model.note) == (CUDA, "")
    with pytest.warns(RuntimeWarning, match="crate ran on the CPU: the GPU's memory does not hold a run of 26 tokens"):
        trace = runtime.run(model, prepared(pixels()), ["z.2"], Knobs(ONES / 2, stride=2))
    assert trace.note == "crate ran on the CPU: the GPU's memory does not hold a run of 26 tokens."
    module = control_module("crate", weights) if weights else modules["crate"]
    theirs = torch_points(module, pixels(), mssa_gain=ONES / 2, stride=2)
    for name in ("logits", "z.2"):
        np.testing.assert_allclose(trace.points[name], theirs[name], **TOLERANCE, err_msg=name)
    stand_in_gpu.running = ""
    assert runtime.run(model, prepared(pixels())).note == ""


def test_other_failures_of_the_gpu_are_not_hidden(stand_in_gpu, cards):
    stand_in_gpu.running = "CUDA failure 700: an illegal memory access was encountered"
    with pytest.raises(runtime.SESSION_ERRORS, match="illegal memory access"):
        runtime.run(runtime.open_model(cards["crate"]), prepared(pixels()))


def test_a_run_that_neither_holds_is_refused(stand_in_gpu, cards, monkeypatch):
    """The GPU's time would do, the CPU's would not."""
    cost = runtime.estimate(cards["crate"], 2, 12, 12, 4)
    monkeypatch.setenv(runtime.SECONDS_VARIABLE, str((cost.seconds(CUDA) + cost.seconds(CPU)) / 2))
    with pytest.raises(ExplorerError, match=r"crate cannot run: the GPU's memory .* 10 tokens, and the CPU would need"):
        runtime.run(runtime.open_model(cards["crate"]), prepared(pixels()))


def test_a_model_that_the_gpu_does_not_hold_is_opened_on_the_cpu(stand_in_gpu, cards):
    stand_in_gpu.opening = "CUDA failure 2: out of memory"
    model = runtime.open_model(cards["crate"])
    assert (model.provider, model.reason) == (CPU, "CPU: the GPU's memory does not hold this model")
    with pytest.warns(RuntimeWarning, match="crate runs on the CPU: the GPU's memory does not hold this model"):
        assert runtime.run(model, prepared(pixels()), []).note == model.note
    stand_in_gpu.opening = "no kernel image is available"
    with pytest.raises(ExplorerError, match=r"cannot open crate\.onnx: no kernel image"):
        runtime.open_model(cards["crate"])


def test_cuda_multiplies_in_whole_float32(stand_in_gpu, cards, monkeypatch):
    seen: list = []
    monkeypatch.setattr(stand_in_gpu, "__init__", lambda self, *a, **k: seen.append(k["providers"][0]))
    monkeypatch.setattr(stand_in_gpu, "get_providers", lambda self: [CUDA])
    runtime.open_model(cards["crate"])
    runtime.open_model(cards["crate"], options={"use_tf32": "1", "enable_cuda_graph": "1"})
    assert seen == [(CUDA, {"use_tf32": "0"}), (CUDA, {"use_tf32": "1", "enable_cuda_graph": "1"})]


@pytest.mark.parametrize("on", [CPU, CUDA])
def test_a_model_is_opened_where_it_is_asked_to(stand_in_gpu, cards, on):
    assert runtime.open_model(cards["crate"], on=on).provider == on


# the random-init control


def control_module(family: str, weights: dict[str, np.ndarray]) -> torch.nn.Module:
    module = network_of(family)(SIZES[family]).eval()
    module.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in weights.items()})
    return module


@pytest.mark.parametrize("family", SIZES)
def test_control_equals_torch_with_the_same_weights(cards, opened, family):
    weights = zoo.draw_control(cards[family], seed=3)
    model = runtime.open_model(cards[family], weights)
    trace = runtime.run(model, prepared(pixels()), None, Knobs(stride=2))
    for name, array in torch_points(control_module(family, weights), pixels(), stride=2).items():
        np.testing.assert_allclose(trace.points[name], array, **TOLERANCE, err_msg=name)
    trained = runtime.run(opened[family], prepared(pixels()), None, Knobs(stride=2))
    assert np.abs(trace.z(1) - trained.z(1)).max() > 0.1


def test_control_outlives_the_arrays_it_was_given(cards):
    """A session that only borrowed its weights would now compute with whatever lies in that memory."""
    expected = control_module("crate", zoo.draw_control(cards["crate"], seed=3))
    model = runtime.open_model(cards["crate"], zoo.draw_control(cards["crate"], seed=3))
    gc.collect()
    noise = [np.full(n, np.nan, np.float32) for n in (2, 8, 16, 24, 48, 64, 80, 384) for _ in range(300)]
    trace = runtime.run(model, prepared(pixels()))
    assert len(noise) == 2400
    for name, array in torch_points(expected, pixels()).items():
        np.testing.assert_allclose(trace.points[name], array, **TOLERANCE, err_msg=name)


def test_control_keeps_the_knobs(cards):
    weights = zoo.draw_control(cards["crate"], seed=3)
    model = runtime.open_model(cards["crate"], weights)
    knobs = {"mssa_gain": np.array([[0, 1], [2, 1]], np.float32), "ista_lambda": np.array([0.3, 0], np.float32)}
    trace = runtime.run(model, prepared(pixels()), None, Knobs(**knobs))
    for name, array in torch_points(control_module("crate", weights), pixels(), **knobs).items():
        np.testing.assert_allclose(trace.points[name], array, **TOLERANCE, err_msg=name)


# many at once


def test_eight_threads_get_the_results_of_one(opened):
    jobs = [(seed % 4, 1 + seed % 3) for seed in range(32)]  # (picture, stride)

    def work(job: tuple[int, int]) -> dict[str, np.ndarray]:
        seed, stride = job
        gain = np.full((2, 2), 1 + seed, np.float32)
        return dict(runtime.run(opened["crate"], prepared(pixels(seed=seed)), None, Knobs(gain, stride=stride)).points)

    alone = {job: work(job) for job in set(jobs)}
    with ThreadPoolExecutor(8) as pool:
        for job, points in zip(jobs, pool.map(work, jobs), strict=True):
            for name, array in points.items():
                np.testing.assert_array_equal(array, alone[job][name], err_msg=name)


def test_a_point_read_by_many_threads_is_one_array(opened):
    trace = runtime.run(opened["crate"], prepared(pixels()))
    with ThreadPoolExecutor(8) as pool:
        arrays = list(pool.map(lambda _: trace.points["z.2"], range(64)))
    assert all(array is arrays[0] for array in arrays)


@pytest.mark.parametrize(
    ("problem", "unused"), [("the NVIDIA driver shows this process no GPU", True), ("no NVIDIA driver", False)]
)
def test_a_gpu_that_stays_unused_is_known(monkeypatch, problem: str, unused: bool):
    monkeypatch.setattr(providers, "provider", lambda: choose_provider([CUDA, CPU], None, problem))
    assert runtime.leaves_gpu_unused() is unused
