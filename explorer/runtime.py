"""The only door to ONNX Runtime: which provider, one session per model, a run → a Trace.

On a GPU the trace stays on the device; a point is copied when it is first looked at. A run that the GPU's memory does
not hold is made on the CPU, and its trace says so. Attention over N tokens takes memory linear in N (export.families),
so a run's cost is known before it starts: see estimate.
"""

from __future__ import annotations

import os
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state  # pyright: ignore[reportAttributeAccessIssue] (compiled)

from explorer.card import ModelCard
from explorer.code_gain import add_code_gain
from explorer.errors import ExplorerError
from explorer.processors import NO_DRIVER, gpu_problem, usable_processors
from explorer.trace import Array, Knobs, Prepared, Trace, patch_grid, read_only, seen_patches, trace_points

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
MEMORY_VARIABLE, PROVIDER_VARIABLE = "CRATE_EXPLORER_MEMORY_GB", "CRATE_EXPLORER_PROVIDER"
SECONDS_VARIABLE = "CRATE_EXPLORER_SECONDS"
DEFAULT_MEMORY_GB, DEFAULT_SECONDS = 3.0, 45.0
OPERATIONS_PER_S = {CPU: 2.8e10, CUDA: 2e12}
"""Multiply-adds a second: two CPU cores, measured from 197 to 11,881 tokens; the GPU's is a cautious guess."""
FLOAT_BYTES = 4
CUDA_OPTIONS = {"use_tf32": "0"}
"""TensorFloat-32 keeps 10 bits of each factor: results would differ from the CPU's by a thousandth and more."""
UNUSABLE = "CPU: CUDA is not usable here"
MAX_PARALLEL_RUNS = 2
TRIAL_TOLERANCE = 0.05
"""Of numbers around 3: TensorFloat-32 rounds to 11 bits, wrong kernels are off by far more."""
# ONNX Runtime's exceptions share no base class below Exception.
_ORT_ERRORS = tuple(e for e in vars(ort_state).values() if isinstance(e, type) and issubclass(e, Exception))
SESSION_ERRORS = (RuntimeError, OSError, *_ORT_ERRORS)
"""What ONNX Runtime raises where it cannot open or run a model."""
OUT_OF_MEMORY = re.compile(
    r"out of memory|failed to allocate memory|smaller than requested bytes|ALLOC(ATION)?_FAILED", re.IGNORECASE
)
"""How CUDA, cuBLAS, cuDNN and ONNX Runtime's arena say that the GPU's memory does not suffice."""
_running = threading.BoundedSemaphore(MAX_PARALLEL_RUNS)


def choose_provider(available: Iterable[str], wanted: str | None, cuda_problem: str | None) -> tuple[str, str]:
    """(provider, reason). Pure: available providers of the package, the user's wish, what a CUDA trial said.

    wanted: "cpu", "cuda" or None for the best. cuda_problem: None when a CUDA session could be opened.
    """
    if wanted == "cpu":
        return CPU, f"CPU, as {PROVIDER_VARIABLE}=cpu asks"
    if CUDA not in available:
        return CPU, "CPU: the installed ONNX Runtime has no CUDA support"
    if cuda_problem:
        return CPU, f"{UNUSABLE} ({cuda_problem})"
    return CUDA, "CUDA GPU"


@cache
def provider() -> tuple[str, str]:
    """The provider of this machine and the reason, found once by a trial session."""
    wanted = (os.environ.get(PROVIDER_VARIABLE) or "").lower() or None
    available = ort.get_available_providers()
    problem = _cuda_problem() if CUDA in available and wanted != "cpu" else None
    return choose_provider(available, wanted, problem)


def leaves_gpu_unused() -> bool:
    """Whether there is a GPU, and ONNX Runtime could not use it though nobody asked for the CPU."""
    reason = provider()[1]
    return reason.startswith(UNUSABLE) and NO_DRIVER not in reason


def _cuda_problem() -> str | None:
    """Why CUDA cannot be used, or None; ONNX Runtime itself falls back silently."""
    if problem := gpu_problem():
        return problem
    ort.set_default_logger_severity(4)  # the trial's failure is reported by its reason, not by log lines
    try:
        ort.preload_dlls()
        return trial_problem(CUDA)
    except SESSION_ERRORS as error:
        return str(error).splitlines()[0][:160]
    finally:
        ort.set_default_logger_severity(2)


def trial_problem(provider: str) -> str | None:
    """Why the operators of our graphs cannot run on a provider, or None: one layer's run, compared with the CPU's."""
    data = np.random.default_rng(0).standard_normal((1, 5, 8), dtype=np.float32)
    session = ort.InferenceSession(_trial_model(), providers=list(dict.fromkeys([provider, CPU])))
    if session.get_providers()[0] != provider:
        return "its libraries (CUDA, cuDNN) were not found"
    ours, cpu = (
        one.run(None, {"x": data})[0] for one in (session, ort.InferenceSession(_trial_model(), providers=[CPU]))
    )
    off = float(np.abs(np.asarray(ours) - np.asarray(cpu)).max())
    return None if off < TRIAL_TOLERANCE else f"a trial layer differs from the CPU's by {off:.1g}"


def _trial_model() -> bytes:
    """LayerNorm, attention with query = key = value, a product and a threshold, as in every CRATE graph."""
    from onnx import TensorProto, helper, numpy_helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 5, 8]) for name in "xy")
    square = np.random.default_rng(1).standard_normal((8, 8), dtype=np.float32)
    weights = {"scale": np.ones(8, np.float32), "square": square}
    nodes = [
        helper.make_node("LayerNormalization", ["x", "scale"], ["normed"], axis=-1),
        helper.make_node("MultiHeadAttention", ["normed"] * 3, ["mixed"], domain="com.microsoft", num_heads=2),
        helper.make_node("MatMul", ["mixed", "square"], ["stepped"]),
        helper.make_node("Relu", ["stepped"], ["y"]),
    ]
    initializers = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "trial", [x], [y], initializers)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


@dataclass(frozen=True)
class Model:
    """An open model: its card, the session, the provider really in use and why.

    note: where it runs, in a sentence, if the GPU should have and could not; else empty. on_cpu: opens the same on the
    CPU, once; None where that is where it runs.
    """

    card: ModelCard
    session: ort.InferenceSession
    provider: str
    reason: str
    note: str = ""
    on_cpu: Callable[[], Model] | None = None


def open_model(
    card: ModelCard,
    weights: Mapping[str, Array] | None = None,
    code_gain: bool = False,
    on: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Model:
    """Open a session. weights: tensors that replace the file's own (the random-init control). code_gain: with the knob
    of that name, which multiplies the codes. on: CPU or CUDA, by default what provider() chose. options: of the CUDA
    provider, beside and above CUDA_OPTIONS.

    A model that the GPU's memory does not hold is opened on the CPU, and says so. Raises ExplorerError when ONNX
    Runtime refuses the file, or for the gain of codes that a model does not have.
    """
    if code_gain and not card.codes_dim:
        raise ExplorerError(f"{card.name} has no codes to turn: its dictionary is square.")
    wanted, reason = provider() if on is None else (on, f"{'CUDA GPU' if on == CUDA else 'CPU'}, as asked")
    try:
        session = _session(card, weights or {}, code_gain, wanted, {**CUDA_OPTIONS, **(options or {})})
        why = f"{wanted} refused this model"
    except MemoryError:
        session, why = _session(card, weights or {}, code_gain, CPU, {}), "the GPU's memory does not hold this model"
    used = session.get_providers()[0]
    if used != wanted:
        return Model(card, session, used, f"CPU: {why}", f"{card.name} runs on the CPU: {why}.")
    twin = cache(lambda: open_model(card, weights, code_gain, CPU))
    return Model(card, session, used, reason, on_cpu=twin if used == CUDA else None)


def _session(
    card: ModelCard, weights: Mapping[str, Array], code_gain: bool, wanted: str, cuda: dict[str, str]
) -> ort.InferenceSession:
    """A session on a provider. Raises MemoryError where the GPU has too little, else ExplorerError as open_model."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False  # same speed, and the memory of a large run goes back
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores to the browser
    if (usable := usable_processors()) < (os.cpu_count() or 1):
        options.intra_op_num_threads = usable  # pinned, or in a container: ONNX Runtime would take the whole machine's
    providers: list[Any] = [CPU] if wanted == CPU else [(wanted, cuda if wanted == CUDA else {}), CPU]
    try:
        source = _changed(card, weights, code_gain) if weights or code_gain else card.path
        return ort.InferenceSession(source, options, providers=providers, enable_fallback=0)
    except SESSION_ERRORS as error:
        if wanted == CUDA and OUT_OF_MEMORY.search(str(error)):
            raise MemoryError from error
        detail = str(error).splitlines()[0][:160]
        raise ExplorerError(f"ONNX Runtime cannot open {card.path.name}: {detail}") from error


def _changed(card: ModelCard, weights: Mapping[str, Array], code_gain: bool) -> bytes:
    """The model file with some tensors replaced. (SessionOptions.add_initializer borrows memory that nobody keeps.)"""
    import onnx

    model = onnx.load(card.path, load_external_data=False)
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            tensor.CopyFrom(onnx.numpy_helper.from_array(weights[tensor.name], tensor.name))
    if code_gain:
        add_code_gain(model.graph, card.layers, card.codes_dim)
    return model.SerializeToString()


def run(model: Model, prepared: Prepared, want: Iterable[str] | None = None, knobs: Knobs | None = None) -> Trace:
    """Run a model and return its trace.

    want: names of trace points, beside the logits (or features), that must be there; None for all of them.
    A run that the GPU's memory does not hold is made on the CPU: the trace's note says so, and a RuntimeWarning.
    Raises ExplorerError for points the model lacks, knobs that do not fit and runs that would not fit into memory.
    """
    card, knobs = model.card, knobs or Knobs()
    cost = check_run(card, prepared, knobs)
    _check_rows(card, knobs, len(prepared.data))
    stride = check_knobs(card, knobs)
    names = list(dict.fromkeys([card.answer, *(trace_points(card) if want is None else want)]))
    if unknown := [name for name in names if name not in {o.name for o in model.session.get_outputs()}]:
        raise ExplorerError(f"{card.name} has no trace point {unknown[0]}: it has {', '.join(trace_points(card))}.")
    given = {one.name for one in model.session.get_overridable_initializers()}
    if unknown := [name for name in knobs.feeds() if name not in given]:
        raise ExplorerError(f"{card.name} was opened without {unknown[0]}: open it with that knob.")
    feeds = {"tokens" if card.reads_text else "image": prepared.data, **knobs.feeds()}
    note = model.note
    try:
        points = _points(model, feeds, names)
    except SESSION_ERRORS as error:
        if model.on_cpu is None or not OUT_OF_MEMORY.search(str(error)):
            raise
        note = _note_of_fallback(card.name, cost)
        points = _points(model.on_cpu(), feeds, names)
    if note:
        warnings.warn(note, RuntimeWarning, stacklevel=2)
    grid = _grid(card, prepared, stride)
    seen = seen_patches(prepared.seen, card.patch, stride, grid) if prepared.seen else None
    return Trace(card, points, grid, stride, seen, note)


def _points(model: Model, feeds: Mapping[str, Array], names: list[str]) -> _Points:
    """A run's outputs by name; all but the answer stay on the device."""
    binding = model.session.io_binding()
    for name, value in feeds.items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(np.asarray(value, order="C")))
    device = "cuda" if model.provider == CUDA else "cpu"
    for name in names:
        binding.bind_output(name, "cpu" if name == model.card.answer else device)
    options = ort.RunOptions()
    options.only_execute_path_to_fetches = True
    with _running:
        model.session.run_with_iobinding(binding, options)
    return _Points(dict(zip(names, binding.get_outputs(), strict=True)))


def _note_of_fallback(name: str, cost: Cost) -> str:
    """Why a run of a model is made on the CPU. Raises ExplorerError where that would take longer than a run may."""
    why, (_, most) = f"the GPU's memory does not hold a run of {cost.tokens:,} tokens", _limits()
    if (seconds := cost.seconds(CPU)) > most:
        raise ExplorerError(
            f"{name} cannot run: {why}, and the CPU would need about {seconds:,.0f} s, more than the {most:.0f} s "
            f"allowed ({SECONDS_VARIABLE}): use a smaller size, a larger stride or a shorter text."
        )
    return f"{name} ran on the CPU: {why}."


def _grid(card: ModelCard, prepared: Prepared, stride: int) -> tuple[int, int]:
    """Rows and columns of patches, or one row of the tokens of a text."""
    if card.reads_text:
        return 1, prepared.data.shape[1]
    return patch_grid(prepared.height, prepared.width, card.patch, stride)


class _Points(Mapping[str, Array]):
    """Trace points by name, each copied from the device when first asked for; read-only arrays."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values
        self._copied: dict[str, Array] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> Array:
        with self._lock:
            if name not in self._copied:
                if name not in self._values:
                    raise KeyError(f"{name} was not asked for in this run")
                self._copied[name] = read_only(self._values[name].numpy())
                self._values[name] = None  # the device's copy is no longer needed
            return self._copied[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def check_knobs(card: ModelCard, knobs: Knobs) -> int:
    """The stride that a run will use, 1 for text. Raises ExplorerError for knobs that this model does not have."""
    stride = (card.patch or 1) if knobs.stride is None else knobs.stride
    if card.reads_text and knobs.stride is not None:
        raise ExplorerError(f"{card.name} reads text, which has no stride: leave it out.")
    if not 1 <= stride <= (card.patch or 1):
        raise ExplorerError(f"Stride {stride} does not fit {card.name}: it takes 1 to {card.patch}, its patch size.")
    shapes = {"mssa_gain": card.heads, "ista_lambda": None, "ista_eta": None, "code_gain": card.codes_dim}
    for name, value in knobs.feeds().items():
        if name == "stride":
            continue
        if name.startswith("ista") and not card.has_ista:
            raise ExplorerError(
                f"{card.name} is a {card.family_label} and has no {name}: only its head gains can be set."
            )
        last = (shapes[name],) if shapes[name] else ()
        if not value.ndim or value.shape[1:] != last or not len(value) or len(value) % card.layers:
            expected = (card.layers, *last)
            raise ExplorerError(f"{name} of {card.name} should have shape {expected}, but has {value.shape}.")
        if not np.isfinite(value).all():
            raise ExplorerError(f"{name} should be finite numbers, but holds {value[~np.isfinite(value)][0]}.")
    return stride


def check_run(card: ModelCard, prepared: Prepared, knobs: Knobs) -> Cost:
    """What a run takes. Raises ExplorerError for an input or knobs that do not fit the model, or a limit."""
    stride = check_knobs(card, knobs)
    _check_input(card, prepared)
    if not card.reads_text:
        return check_cost(card, len(prepared.data), prepared.height, prepared.width, stride)
    cost = estimate_text(card, *prepared.data.shape)
    if not fits(cost):
        memory, seconds = _limits()
        raise ExplorerError(
            f"{cost.tokens:,} tokens need about {cost.memory_bytes / 1e9:.1f} GB and "
            f"{cost.seconds(provider()[0]):,.0f} s, more than the {memory / 1e9:.1f} GB and {seconds:.0f} s allowed "
            f"({MEMORY_VARIABLE}, {SECONDS_VARIABLE}): use a shorter text or fewer."
        )
    return cost


def _check_rows(card: ModelCard, knobs: Knobs, images: int) -> None:
    """A knob has one setting for all images or one for each."""
    for name, value in knobs.feeds().items():
        if value.ndim and len(value) not in (card.layers, images * card.layers):
            raise ExplorerError(
                f"{name} should have {card.layers} rows, or {images * card.layers} for the {images} image(s), "
                f"but has {len(value)}."
            )


def _check_input(card: ModelCard, prepared: Prepared) -> None:
    of_text = prepared.data.ndim == 2
    if card.reads_text != of_text:
        reads, came, other = ("text", "a picture", "an image") if card.reads_text else ("pictures", "text", "a text")
        raise ExplorerError(f"{card.name} reads {reads}, but {came} came: choose {other} model.")
    if card.reads_text:
        _check_tokens(card, prepared.data)
    elif min(prepared.height, prepared.width) < card.patch:
        size = f"{prepared.height}×{prepared.width}"
        raise ExplorerError(f"The input has {size} pixels, less than one patch of {card.patch}: use a larger size.")


def _check_tokens(card: ModelCard, tokens: Array) -> None:
    if not 1 <= tokens.shape[1] <= card.context:
        raise ExplorerError(
            f"{card.name} reads 1 to {card.context:,} tokens, but {tokens.shape[1]:,} came: shorten the text."
        )
    if tokens.min() < 0 or tokens.max() >= card.vocabulary:
        raise ExplorerError(f"{card.name} knows tokens from 0 to {card.vocabulary - 1}, but {tokens.max()} came.")


@dataclass(frozen=True)
class Cost:
    """What a run takes: tokens of one image, bytes of the whole trace and its working memory, multiply-adds."""

    tokens: int
    memory_bytes: int
    operations: float

    def seconds(self, provider_name: str) -> float:
        """Roughly how long it runs; right within a factor of two on the machines that it was measured on."""
        return self.operations / OPERATIONS_PER_S[provider_name]


def estimate(card: ModelCard, batch: int, height: int, width: int, stride: int) -> Cost:
    """Cost of a run with all trace points, from the shapes alone.

    Memory: each layer keeps z, z_half and the projections (query and key for a ViT) and codes; about eight more
    arrays of the widest kind are at work. Operations for each token and layer: 3d² for CRATE's matrices, 2d² + 4dm for
    those of CRATE-α, 12d² for a ViT's, and 2NKp for attention.
    """
    rows, cols = patch_grid(height, width, card.patch, stride)
    return _cost(card, batch, len(card.prefix) + rows * cols)


def estimate_text(card: ModelCard, batch: int, tokens: int) -> Cost:
    """Cost of a run of texts with all trace points: as for pictures, and the scores of every token of the vocabulary
    at every place, V numbers and dV operations each."""
    cost = _cost(card, batch, tokens)
    scores = batch * tokens * card.vocabulary
    return Cost(tokens, cost.memory_bytes + 2 * scores * FLOAT_BYTES, cost.operations + scores * card.dim)


def _cost(card: ModelCard, batch: int, tokens: int) -> Cost:
    d, inner = card.dim, card.heads * card.head_dim
    black_box = card.traits.second_half == "mlp"
    widest = max(card.codes_dim, 4 * d if black_box else d, inner)
    kept = card.layers * (2 * d + inner * len(card.traits.looks) + card.codes_dim) + d
    crate = 2 * d * d + 4 * d * card.codes_dim if card.codes_dim else 3 * d * d
    matrices = 12 * d * d if black_box else crate
    operations = float(batch * tokens * card.layers * (matrices + 2 * tokens * inner))
    return Cost(tokens, batch * tokens * (kept + 8 * widest) * FLOAT_BYTES, operations)


def fits(cost: Cost) -> bool:
    """Whether a run stays within the limits of memory and time."""
    memory, seconds = _limits()
    return cost.memory_bytes <= memory and cost.seconds(provider()[0]) <= seconds


def check_cost(card: ModelCard, batch: int, height: int, width: int, stride: int) -> Cost:
    """The cost of a run. Raises ExplorerError, with the numbers and a setting that fits, when it is over a limit.

    The limits: bytes ($CRATE_EXPLORER_MEMORY_GB) and expected seconds ($CRATE_EXPLORER_SECONDS).
    """
    cost = estimate(card, batch, height, width, stride)
    if fits(cost):
        return cost
    finest = [s for s in range(stride, card.patch + 1) if fits(estimate(card, batch, height, width, s))]
    mend = f"stride {finest[0]} would fit" if finest else "use a smaller size or fewer images"
    memory, seconds, name = *_limits(), provider()[0]
    what = f"{height}×{width} pixels" if batch == 1 else f"{batch} images of {height}×{width} pixels"
    raise ExplorerError(
        f"{what} at stride {stride} are {cost.tokens:,} tokens and need about {cost.memory_bytes / 1e9:.1f} GB and "
        f"{cost.seconds(name):,.0f} s, more than the {memory / 1e9:.1f} GB and {seconds:.0f} s allowed "
        f"({MEMORY_VARIABLE}, {SECONDS_VARIABLE}): {mend}."
    )


def _limits() -> tuple[float, float]:
    """Bytes and seconds that one run may take."""
    return _limit(MEMORY_VARIABLE, DEFAULT_MEMORY_GB) * 1e9, _limit(SECONDS_VARIABLE, DEFAULT_SECONDS)


def _limit(variable: str, default: float) -> float:
    said = os.environ.get(variable) or str(default)
    try:
        return float(said)
    except ValueError as error:
        raise ExplorerError(f"{variable} should be a number, but is {said!r}.") from error
