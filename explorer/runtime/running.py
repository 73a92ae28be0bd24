"""A run of an open model → Trace, after the checks of what comes in."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import onnxruntime as ort

from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.runtime import providers
from explorer.runtime.cost import MEMORY_VARIABLE, SECONDS_VARIABLE, Cost, check_cost, estimate_text, fits, limits
from explorer.runtime.providers import CPU, CUDA, SESSION_ERRORS
from explorer.runtime.session import OUT_OF_MEMORY, Model
from explorer.trace import Array, Knobs, Prepared, Trace, patch_grid, read_only, seen_patches, trace_points

MAX_PARALLEL_RUNS = 2
_running = threading.BoundedSemaphore(MAX_PARALLEL_RUNS)


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
    why, (_, most) = f"the GPU's memory does not hold a run of {cost.tokens:,} tokens", limits()
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
        (memory, seconds), expected = limits(), cost.seconds(providers.provider()[0])
        raise ExplorerError(
            f"{cost.tokens:,} tokens need about {cost.memory_bytes / 1e9:.1f} GB and "
            f"{expected:,.0f} s, more than the {memory / 1e9:.1f} GB and {seconds:.0f} s allowed "
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
