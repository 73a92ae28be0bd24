"""What less than float32 loses: outputs, the curves that the pages draw, and the most probable class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from explorer import runtime, zoo
from explorer.bench.gpu.latency import session
from explorer.bench.gpu.networks import CRATE_B, exported, pixels
from explorer.bench.gpu.setting import PROVIDER_ERRORS, Row, Setting, why
from explorer.bench.gpu.speed import on_device
from explorer.card import ModelCard
from explorer.inputs import gallery, prepare_photo
from explorer.measures.rates import measure_curves
from explorer.trace import Array, Prepared, Trace, patch_grid

WAYS = (("ONNX Runtime", "tf32"), ("ONNX Runtime", "fp16"), ("ONNX Runtime", "bf16"), ("PyTorch", "fp16"),
        ("PyTorch", "bf16"))  # fmt: skip
RANDOM_PHOTOS = 4


def rows(setting: Setting) -> Iterator[Row]:
    """The shipped crate-objects on the gallery's photos, and CRATE-B/16 of random weights on random pixels, against
    float32 on the CPU."""
    objects, big = zoo.find_model(zoo.FIRST_MODEL), exported(CRATE_B, setting)
    photos = gallery()[: 2 if setting.tiny else None]
    shown = [prepare_photo(one.path.read_bytes(), objects.preprocessing, objects.patch).data for one in photos]
    for label, card, image in (
        (f"{objects.name}, {len(shown)} photos", objects, np.concatenate(shown)),
        (CRATE_B.label, big, pixels(big, RANDOM_PHOTOS)),
    ):
        theirs = dict(runtime.run(runtime.open_model(card, on=runtime.CPU), Prepared(image, None, "")).points)
        for way, precision in WAYS:
            row: Row = {"model": label, "way": way, "precision": precision}
            try:
                yield row | lost(card, image, _points(card, image, theirs, way, precision, setting), theirs)
            except PROVIDER_ERRORS as error:
                yield row | {"failed": why(error)}


def _points(
    card: ModelCard, image: Array, theirs: dict[str, Array], way: str, precision: str, setting: Setting
) -> dict[str, Array]:
    if way == "ONNX Runtime":
        run, outputs = session(card, image, theirs, precision, setting, float_outputs=True)
        run()
        return outputs()
    module, tensor = on_device(card, image, precision, setting)
    with torch.inference_mode():
        return {name: value.float().cpu().numpy() for name, value in module(tensor).items()}


def lost(card: ModelCard, image: Array, ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> Row:
    """What a run in less than float32 loses, of the worst output or layer and, for the curves, of the first image.

    error: ‖a − b‖/‖b‖ in the Frobenius norm. rate: of R^c, relative. nonzeros: of their share, in points of a
    percent. same_class: the share of images whose most probable class is the same.
    """
    errors = {name: _relative(ours[name], reference) for name, reference in theirs.items()}
    worst = max(errors, key=lambda name: errors[name])
    height, width = image.shape[2:]
    grid = patch_grid(height, width, card.patch, card.patch)
    (rates, nonzeros), (their_rates, their_nonzeros) = (
        measure_curves(Trace(card, points, grid, card.patch)) for points in (ours, theirs)
    )
    return {
        "output": worst, "error": errors[worst], "answer_error": errors[card.answer],
        "rate": float(np.abs(rates / their_rates - 1).max()),
        "nonzeros": float(100 * np.abs(nonzeros - their_nonzeros).max()),
        "same_class": float((ours["logits"].argmax(1) == theirs["logits"].argmax(1)).mean()),
    }  # fmt: skip


def _relative(ours: Array, theirs: Array) -> float:
    difference = float(np.linalg.norm(ours.astype(np.float64) - theirs))
    return difference / float(np.linalg.norm(theirs.astype(np.float64))) if np.isfinite(difference) else float("inf")
