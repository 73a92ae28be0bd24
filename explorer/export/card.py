"""The card file: what a checkpoint does not say about itself (heads, labels, preprocessing, η and λ, start, origin)."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from explorer.card import Preprocessing
from explorer.errors import ExplorerError
from explorer.models.parts import Law

RESIZE_RATIO = 256 / 224
"""Shorter side to crop in the released evaluation: resize 256, centre crop 224."""
MAX_BYTES = 4 << 20
_OWN_KEYS = {
    "arch", "heads", "classes", "labels", "mean", "std", "image_size", "resize", "crop", "interpolation", "eta",
    "lambda", "patch_size", "name", "init",
}  # fmt: skip


@dataclass(frozen=True)
class CardFile:
    """The settings of a card file, each None (or empty) where it does not say. The rest goes to the provenance."""

    heads: int | None = None
    labels: tuple[str, ...] = ()
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    image_size: int | None = None
    resize: int | None = None
    crop: int | None = None
    interpolation: str | None = None
    patch_size: int | None = None
    eta: float | tuple[float, ...] = 0.1
    lam: float | tuple[float, ...] = 0.1
    init: dict[str, Law] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)

    def preprocessing(self, image_size: int) -> Preprocessing:
        """How photos are prepared for a model that opens at image_size, with the released defaults for the rest."""
        crop = self.crop or image_size
        default = Preprocessing()
        return Preprocessing(
            mean=self.mean or default.mean,
            std=self.std or default.std,
            resize=self.resize or round(crop * RESIZE_RATIO),
            crop=crop,
            interpolation=self.interpolation or default.interpolation,
        )


def read_card(path: Path | None) -> CardFile:
    """Read a card file; None gives the defaults. Raises ExplorerError that names the file and the field."""
    if path is None:
        return CardFile()
    if not path.is_file():
        raise ExplorerError(f"{path} is not a file: --card takes a JSON file.")
    if path.stat().st_size > MAX_BYTES:
        raise ExplorerError(f"{path.name} is larger than {MAX_BYTES >> 20} MB: a card file is a small JSON file.")
    try:
        values = json.loads(path.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ExplorerError(f"{path.name} is not JSON ({error}): --card takes a JSON object.") from error
    if not isinstance(values, dict):
        raise ExplorerError(f"{path.name} holds a JSON {type(values).__name__}: --card takes a JSON object.")
    return _card(values, path.name)


def _card(values: dict[str, Any], name: str) -> CardFile:
    def whole(key: str) -> int | None:
        if (value := values.get(key)) is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1 << 16:
            raise ExplorerError(f"{name}: {key} should be a whole number above 0, but is {value!r}.")
        return value

    def channels(key: str) -> tuple[float, float, float] | None:
        if (value := values.get(key)) is None:
            return None
        if not isinstance(value, list) or len(value) != 3 or not all(_is_number(v) for v in value):
            raise ExplorerError(f"{name}: {key} should be three numbers, but is {value!r}.")
        if key == "std" and min(value) <= 0:
            raise ExplorerError(f"{name}: std should be above 0, but is {value!r}.")
        return float(value[0]), float(value[1]), float(value[2])

    interpolation = values.get("interpolation")
    if interpolation not in (None, "bilinear", "bicubic"):
        raise ExplorerError(f"{name}: interpolation should be bilinear or bicubic, but is {interpolation!r}.")
    rest = {k: v for k, v in values.items() if k not in _OWN_KEYS and v is not None}
    measured = {k: v for k, v in rest.items() if _is_number(v) and k.startswith(("top1", "top5", "acc"))}
    return CardFile(
        heads=whole("heads"), labels=_labels(values, name), mean=channels("mean"), std=channels("std"),
        image_size=whole("image_size"), resize=whole("resize"), crop=whole("crop"), interpolation=interpolation,
        patch_size=whole("patch_size"), eta=_step(values, "eta", name), lam=_step(values, "lambda", name),
        init=_init(values, name), measured=measured, provenance={k: v for k, v in rest.items() if k not in measured},
    )  # fmt: skip


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _labels(values: dict[str, Any], name: str) -> tuple[str, ...]:
    labels = values.get("classes", values.get("labels")) or []
    if isinstance(labels, dict):
        labels = [labels[key] for key in sorted(labels, key=lambda k: int(k) if k.isdecimal() else 1 << 30)]
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ExplorerError(f"{name}: classes should be a list of names.")
    return tuple(labels)


def _init(values: dict[str, Any], name: str) -> dict[str, Law]:
    """Where this run was initialised otherwise than the released code: {"pos_embedding": {"normal": 0.02}}."""
    laws = values.get("init") or {}
    kinds = {"uniform", "normal", "constant"}
    if not isinstance(laws, dict) or not all(
        isinstance(law, dict) and len(law) == 1 and set(law) <= kinds and all(map(_is_number, law.values()))
        for law in laws.values()
    ):
        raise ExplorerError(
            f'{name}: init should be laws of initialisation by tensor, as {{"pos_embedding": {{"normal": 0.02}}}}, '
            f"but is {laws!r}."
        )
    return laws


def _step(values: dict[str, Any], key: str, name: str) -> float | tuple[float, ...]:
    value = values.get(key, 0.1)
    if _is_number(value) and value >= 0:
        return float(value)
    if isinstance(value, list) and value and all(_is_number(v) and v >= 0 for v in value):
        return tuple(float(v) for v in value)
    raise ExplorerError(f"{name}: {key} should be a number ≥ 0, or one for each layer, but is {value!r}.")
