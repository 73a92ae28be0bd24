"""Recipes: short TOML files that say which network is trained on what, stage after stage."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from explorer.errors import ExplorerError
from explorer.families import Family, Training, family_named, supported
from explorer.models.crate import Size
from explorer.models.crate_lm import TextSize

FOLDER = Path(__file__).parent / "recipes"
T = TypeVar("T")
PRECISIONS = ("auto", "bf16", "fp32")
ATOMS = 4
"""Times the width: atoms of a language model's dictionary in the released code, and neurons of a GPT's layer."""

RELEASED_LAMBDA = 0.1
"""λ of every layer in the released code of the families that threshold and that recipes train."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One part of a run.

    data: name of a prepared folder within --data; epochs: passes over it; batch: samples (pictures, or windows of text)
    of a step; lr: the peak that the one schedule of the run scales.
    """

    data: str
    epochs: float
    batch: int = 128
    lr: float = 1e-3

    def problem(self) -> str | None:
        """What does not fit, or None."""
        if min(self.epochs, self.batch, self.lr) > 0:
            return None
        return f"epochs {self.epochs:g}, batch {self.batch} and lr {self.lr:g} should be above 0"


@dataclass(frozen=True, kw_only=True)
class PictureStage(Stage):
    """A stage of training on pictures.

    size: side of the training images in pixels, a multiple of the patch. patch_dropout: share of the patches that do
    not enter the network. crop: smallest and largest share of the area of a random crop. jitter: largest relative
    change of brightness, contrast and saturation. mixup, cutmix: α of their Beta laws, 0 = off; with both, steps take
    turns by chance.
    """

    size: int
    patch_dropout: float = 0.0
    crop: tuple[float, float] = (0.35, 1.0)
    jitter: float = 0.2
    mixup: float = 0.0
    cutmix: float = 0.0

    def problem(self) -> str | None:
        low, high = self.crop
        return super().problem() or _first_broken(
            {
                f"patch_dropout {self.patch_dropout:g} should be from 0 to below 1": 0 <= self.patch_dropout < 1,
                f"crop {low:g}, {high:g} should be two rising shares of the area": 0 < low <= high <= 1,
                "jitter should be from 0 to below 1": 0 <= self.jitter < 1,
                "mixup and cutmix should be 0 or more": min(self.mixup, self.cutmix) >= 0,
            }
        )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The network (family, width d, layers L, heads K) and how it is trained.

    warmup: share of the run in which the learning rate rises. clip: largest norm of the gradient. ema: decay of the
    averaged weights, which are what checkpoints hold. precision: bf16, fp32, or auto, which is bf16 where the device
    computes it fast. start: path of an official checkpoint of the same network to start from, None = random weights.
    lam: threshold λ of every layer's sparsification (ISTA), None = as the family's released code.
    """

    name: str
    family: str
    dim: int
    layers: int
    heads: int
    stages: tuple[Stage, ...]
    seed: int = 0
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.99)
    warmup: float = 0.05
    clip: float = 1.0
    ema: float = 0.999
    precision: str = "auto"
    start: str | None = None
    lam: float | None = None

    @property
    def threshold(self) -> float | None:
        """λ of the network, None for families without one (ViT, GPT)."""
        released = RELEASED_LAMBDA if self.kind.has_threshold else None
        return released if self.lam is None else self.lam

    @property
    def kind(self) -> Family:
        """The record of its family."""
        found = family_named(self.family)
        assert found
        return found

    @property
    def training(self) -> Training:
        """How its family's checkpoints are written."""
        assert self.kind.training
        return self.kind.training

    def problem(self) -> str | None:
        """What does not fit, or None."""
        return _first_broken(
            {
                "dim, layers and heads should be above 0": min(self.dim, self.layers, self.heads) > 0,
                f"{self.heads} heads should divide the width {self.dim}": self.dim % max(self.heads, 1) == 0,
                f"precision {self.precision!r} should be one of {', '.join(PRECISIONS)}": self.precision in PRECISIONS,
                "warmup and ema should be from 0 to below 1": 0 <= self.warmup < 1 and 0 <= self.ema < 1,
                "clip should be above 0": self.clip > 0,
                f"lam {self.lam} should be 0 or more": self.lam is None or self.lam >= 0,
                f"lam is of no use to {self.family}, which has no threshold": (
                    self.lam is None or self.kind.has_threshold
                ),
            }
        )


@dataclass(frozen=True, kw_only=True)
class PictureRecipe(Recipe):
    """A classifier of pictures.

    patch, image_size: sides in pixels; positions are learned for the grid of image_size, and stages of other sizes
    resize them. positions_std: spread of the positions and the CLS token at the start, None = as the family's released
    code.
    """

    stages: tuple[PictureStage, ...]
    patch: int
    image_size: int
    label_smoothing: float = 0.1
    positions_std: float | None = None

    def size(self, classes: int) -> Size:
        steps: dict[str, Any] = {} if self.threshold is None else {"lam": self.threshold}
        return Size(
            dim=self.dim, layers=self.layers, heads=self.heads, patch=self.patch, classes=classes,
            image_size=self.image_size, norm_eps=self.kind.norm_eps, **steps,
        )  # fmt: skip

    def problem(self) -> str | None:
        if self.patch <= 0:
            return f"patch {self.patch} should be above 0"
        sizes = {"image_size": self.image_size}
        sizes |= {f"stage {i}'s size": stage.size for i, stage in enumerate(self.stages, start=1)}
        return super().problem() or _first_broken(
            {
                f"{name} {size} should be a multiple of the patch {self.patch}": size > 0 and size % self.patch == 0
                for name, size in sizes.items()
            }
        )


@dataclass(frozen=True, kw_only=True)
class TextRecipe(Recipe):
    """A language model. context: longest text in tokens, and the length of the windows that it is trained on."""

    context: int

    def size(self, vocabulary: int) -> TextSize:
        steps: dict[str, Any] = {} if self.threshold is None else {"lam": self.threshold}
        return TextSize(self.dim, self.layers, self.heads, vocabulary, self.context, atoms=ATOMS * self.dim, **steps)

    def problem(self) -> str | None:
        return super().problem() or ("context should be above 1" if self.context < 2 else None)


def _first_broken(checks: dict[str, bool]) -> str | None:
    return next((sentence for sentence, holds in checks.items() if not holds), None)


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
    values = dict(values)
    stages = values.pop("stages", None)
    if not isinstance(stages, list) or not stages or not all(isinstance(stage, dict) for stage in stages):
        raise ExplorerError(f"{where} should have one or more [[stages]].")
    families = {one.name: one for one in supported() if one.training}
    if (family := values.get("family")) not in families:
        raise ExplorerError(f"{where}: family {family!r} should be one of {', '.join(sorted(families))}.")
    of_text = families[family].modality == "text"
    kind, stage_kind = (TextRecipe, Stage) if of_text else (PictureRecipe, PictureStage)
    read = tuple(_fill(stage_kind, stage, f"{where}, stage {i}") for i, stage in enumerate(stages, start=1))
    recipe = _fill(kind, values, where, name=name, stages=read)
    for i, stage in enumerate(read, start=1):
        if problem := stage.problem():
            raise ExplorerError(f"{where}, stage {i}: {problem}.")
    if problem := recipe.problem():
        raise ExplorerError(f"{where}: {problem}.")
    return recipe


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
