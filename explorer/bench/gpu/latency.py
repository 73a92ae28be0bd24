"""How long one photo takes, with and without its trace, and how near that is to what the machine could do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from explorer import runtime
from explorer.bench.gpu.graphs import HALVES, Held, fixed, halved, held
from explorer.bench.gpu.networks import CRATE_B, exported, pixels
from explorer.bench.gpu.setting import PROVIDER_ERRORS, Row, Setting, Times, time_runs, why
from explorer.card import ModelCard
from explorer.trace import Array, Prepared, trace_points

SECONDS = 1.5
BYTES = {"fp32": 4, "tf32": 4, "fp16": 2, "bf16": 2}
APP = "as the app runs it"
BOUND = "one shape, buffers on the device"
GRAPH = f"{BOUND}, CUDA graph"


def rows(setting: Setting) -> Iterator[Row]:
    """A row for each way to run CRATE-B/16 on one photo: with the whole trace first, then the logits alone."""
    card = exported(CRATE_B, setting)
    image = pixels(card, 1)
    for what in ("traced", "plain"):
        like = _points(card, image, what)
        for way, precision in ways(setting):
            row: Row = {"model": CRATE_B.label, "what": what, "way": way, "precision": precision}
            if setting.left() < SECONDS:
                yield row | {"failed": "no time was left"}
                continue
            try:
                row |= asdict(_measured(card, image, like, way, precision, setting))
                yield row | roofline(card, like, precision, row["p50_ms"], setting)
            except PROVIDER_ERRORS as error:
                yield row | {"failed": why(error)}


def ways(setting: Setting) -> list[tuple[str, str]]:
    """(way, precision); on a CPU, which has no CUDA graphs, those that it has."""
    if setting.tiny:
        return [(APP, "fp32"), (BOUND, "fp32"), (BOUND, "fp16")]
    return [(APP, "fp32"), (BOUND, "fp32"), *((GRAPH, precision) for precision in BYTES)]


def _points(card: ModelCard, image: Array, what: str) -> dict[str, Array]:
    """What a run gives, in float32 on the CPU: traced, every point; plain, the answer alone."""
    want = None if what == "traced" else []
    return dict(runtime.run(runtime.open_model(card, on=runtime.CPU), Prepared(image, None, ""), want).points)


def _measured(
    card: ModelCard, image: Array, like: dict[str, Array], way: str, precision: str, setting: Setting
) -> Times:
    if way == APP:
        model, prepared = runtime.open_model(card, on=setting.provider), Prepared(image, None, "")
        want = [name for name in trace_points(card) if name in like]
        return time_runs(lambda: runtime.run(model, prepared, want), SECONDS)
    run, _ = session(card, image, like, precision, setting, enable_cuda_graph="1" if way == GRAPH else "0")
    return time_runs(run, SECONDS)


def session(
    card: ModelCard,
    image: Array,
    like: dict[str, Array],
    precision: str,
    setting: Setting,
    stride: int | None = None,
    float_outputs: bool = False,
    **cuda: str,
) -> Held:
    """A repeatable run of the model fixed to this image's shape (graphs.held), in a precision.

    float_outputs: of half precision, too, which costs a step for each output.
    """
    model = fixed(card.path, image.shape, stride, tuple(like))
    if precision in HALVES:
        model = halved(model, HALVES[precision], float_outputs)
    return held(model, {"image": image}, like, setting.provider, use_tf32="1" if precision == "tf32" else "0", **cuda)


def roofline(card: ModelCard, like: dict[str, Array], precision: str, p50_ms: float, setting: Setting) -> Row:
    """The least time that the machine's measured rates allow, and its share of the median.

    The larger of operations / product rate and bytes / memory rate: twice the multiply-adds of runtime.estimate;
    weights read once and outputs written once. Nothing where the rates were not measured.
    """
    rates = {row["rate"]: row["value"] for row in setting.known.get("machine", []) if "rate" in row and "value" in row}
    if f"product {precision}" not in rates or "memory" not in rates:
        return {}
    size = card.image_size
    operations = 2 * runtime.estimate(card, 1, size, size, card.patch).operations
    moved = card.parameters * BYTES[precision] + sum(array.size for array in like.values()) * BYTES[precision]
    least_ms = 1e-9 * max(operations / rates[f"product {precision}"], moved / rates["memory"])
    return {"roofline_ms": least_ms, "share": least_ms / p50_ms}
