"""Recipes: short TOML files that say which network is trained on what, stage after stage."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from explorer.errors import ExplorerError
from explorer.models.crate import Size
from explorer.models.families import FAMILIES, NORM_EPS

FOLDER = Path(__file__).parent / "recipes"
T = TypeVar("T")
PRECISIONS = ("auto", "bf16", "fp32")


@dataclass(frozen=True)
class Stage:
    """One part of a run.

    data: name of a prepared folder within --data. size: side of the training images in pixels, a multiple of the
    patch; epochs: passes over the data; batch: images of a step; lr: the peak that the one schedule of the run
    scales. patch_dropout: share of the patches that do not enter the network. crop: smallest and largest share of the
    area of a random crop. jitter: largest relative change of brightness, contrast and saturation. mixup, cutmix: α of
    their Beta laws, 0 = off; with both, steps take turns by chance.
    """

    data: str
    size: int
    epochs: float
    batch: int = 128
    lr: float = 1e-3
    patch_dropout: float = 0.0
    crop: tuple[float, float] = (0.35, 1.0)
    jitter: float = 0.2
    mixup: float = 0.0
    cutmix: float = 0.0

    def problem(self, patch: int) -> str | None:
        """What does not fit, or None."""
        low, high = self.crop
        checks = {
            f"size {self.size} should be a multiple of the patch {patch}": self.size > 0 and self.size % patch == 0,
            f"epochs {self.epochs:g}, batch {self.batch} and lr {self.lr:g} should be above 0": min(
                self.epochs, self.batch, self.lr
            )
            > 0,
            f"patch_dropout {self.patch_dropout:g} should be from 0 to below 1": 0 <= self.patch_dropout < 1,
            f"crop {low:g}, {high:g} should be two rising shares of the area": 0 < low <= high <= 1,
            "jitter should be from 0 to below 1": 0 <= self.jitter < 1,
            "mixup and cutmix should be 0 or more": min(self.mixup, self.cutmix) >= 0,
        }
        return next((sentence for sentence, holds in checks.items() if not holds), None)


@dataclass(frozen=True)
class Recipe:
    """The network (family, width d, layers L, heads K, patch and image side in pixels) and how it is trained.

    image_size: the side whose grid the positions are learned for; stages of other sizes resize them. positions_std:
    spread of the positions and the CLS token at the start, None = as the family's released code. warmup: share of the
    run in which the learning rate rises. clip: largest norm of the gradient. ema: decay of the averaged weights, which
    are what checkpoints hold. precision: bf16, fp32, or auto, which is bf16 where the device computes it fast. start:
    path of an official checkpoint of the same network to start from, None = random weights.
    """

    name: str
    family: str
    dim: int
    layers: int
    heads: int
    patch: int
    image_size: int
    stages: tuple[Stage, ...]
    seed: int = 0
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.99)
    warmup: float = 0.05
    clip: float = 1.0
    ema: float = 0.999
    label_smoothing: float = 0.1
    positions_std: float | None = None
    precision: str = "auto"
    start: str | None = None

    def size(self, classes: int) -> Size:
        return Size(
            dim=self.dim, layers=self.layers, heads=self.heads, patch=self.patch, classes=classes,
            image_size=self.image_size, norm_eps=NORM_EPS[self.family],
        )  # fmt: skip


def read_recipe(name: str) -> Recipe:
    """A recipe of ours by name, or the path of a .toml file. Raises ExplorerError that names the file and the key."""
    ours = sorted(path.stem for path in FOLDER.glob("*.toml"))
    path = FOLDER / f"{name}.toml" if name in ours else Path(name)
    if not path.is_file():
        raise ExplorerError(f"There is no recipe {name}: give {', '.join(ours)}, or the path of a .toml file.")
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExplorerError(f"{path.name} is not TOML ({error}).") from error
    return parse_recipe(values, path.stem, path.name)


def parse_recipe(values: dict[str, Any], name: str, where: str) -> Recipe:
    """A recipe from the values of its file; where: what messages call it."""
    stages = values.pop("stages", None)
    if not isinstance(stages, list) or not stages or not all(isinstance(stage, dict) for stage in stages):
        raise ExplorerError(f"{where} should have one or more [[stages]].")
    read = tuple(_fill(Stage, stage, f"{where}, stage {i}") for i, stage in enumerate(stages, start=1))
    recipe = _fill(Recipe, values, where, name=name, stages=read)
    _check(recipe, where)
    return recipe


def _check(recipe: Recipe, where: str) -> None:
    for i, stage in enumerate(recipe.stages, start=1):
        if problem := stage.problem(recipe.patch):
            raise ExplorerError(f"{where}, stage {i}: {problem}.")
    checks = {
        f"family {recipe.family!r} should be one of {', '.join(FAMILIES)}": recipe.family in FAMILIES,
        "dim, layers, heads and patch should be above 0": min(recipe.dim, recipe.layers, recipe.heads) > 0,
        f"{recipe.heads} heads should divide the width {recipe.dim}": recipe.dim % max(recipe.heads, 1) == 0,
        f"image_size {recipe.image_size} should be a multiple of the patch": recipe.image_size % recipe.patch == 0,
        f"precision {recipe.precision!r} should be one of {', '.join(PRECISIONS)}": recipe.precision in PRECISIONS,
        "warmup and ema should be from 0 to below 1": 0 <= recipe.warmup < 1 and 0 <= recipe.ema < 1,
        "clip should be above 0": recipe.clip > 0,
    }
    if broken := next((sentence for sentence, holds in checks.items() if not holds), None):
        raise ExplorerError(f"{where}: {broken}.")


def _fill(kind: type[T], values: dict[str, Any], where: str, **known: Any) -> T:
    fields = {field.name: field for field in dataclasses.fields(kind) if field.name not in known}  # pyright: ignore[reportArgumentType]
    if unknown := sorted(set(values) - set(fields)):
        raise ExplorerError(f"{where} has the unknown key {unknown[0]}: known are {', '.join(fields)}.")
    for name, field in fields.items():
        if name not in values and field.default is dataclasses.MISSING:
            raise ExplorerError(f"{where} should set {name}.")
    return kind(**known, **{name: _value(value, str(fields[name].type), name, where) for name, value in values.items()})


def _value(value: Any, kind: str, name: str, where: str) -> Any:
    """A value of TOML as the field's type; whole numbers may stand for decimals."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind.startswith("str") and isinstance(value, str):
        return value
    if kind == "int" and number and isinstance(value, int):
        return value
    if kind.startswith("float") and number:
        return float(value)
    if kind.startswith("tuple") and isinstance(value, list) and len(value) == 2 and all(_is_number(v) for v in value):
        return float(value[0]), float(value[1])
    words = {"str": "a text", "int": "a whole number", "float": "a number", "tuple": "two numbers"}
    wanted = next(word for start, word in words.items() if kind.startswith(start))
    raise ExplorerError(f"{where}: {name} should be {wanted}, but is {value!r}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
