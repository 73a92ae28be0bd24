"""The model card: what a model says of itself, as JSON in the metadata of its ONNX file, and what it may say."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from explorer.errors import ExplorerError
from explorer.families import Family, family_named

SCHEMA = 1
METADATA_KEY = "crate_explorer"
MAX_SIZE, MAX_VOCABULARY = 1 << 16, 1 << 20
"""The largest that any of a card's sizes, or its vocabulary, may be."""
MAX_SIDE = 1024
"""Pixels of the longest side of a square input."""
MODALITIES = ("image", "text")
CLASS_TOKEN = "CLS"
MAX_PREFIX = 64
"""Tokens in front of the patches at most."""


@dataclass(frozen=True)
class Preprocessing:
    """How a photo becomes the model's input: resize the shorter side, crop the centre, subtract mean, divide by std.

    mean, std: per RGB channel, of values in [0, 1]. resize, crop: pixels at the size the model was trained on.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    resize: int = 256
    crop: int = 224
    interpolation: str = "bilinear"

    def problems(self) -> list[str]:
        """The fields with impossible values, as name=value."""
        bad = [
            f"{name}={v!r}"
            for name, v in (("mean", self.mean), ("std", self.std))
            if not isinstance(v, tuple) or len(v) != 3 or not all(map(_is_number, v)) or (name == "std" and min(v) <= 0)
        ]
        sizes = (("resize", self.resize), ("crop", self.crop))
        bad += [f"{name}={v!r}" for name, v in sizes if type(v) is not int or not 1 <= v <= 1 << 16]
        if not bad and not self.crop <= self.resize <= 4 * self.crop:
            bad.append(f"crop={self.crop} with resize={self.resize}")
        if not bad and self.crop > MAX_SIDE:
            bad.append(f"crop={self.crop} (at most {MAX_SIDE})")
        known = self.interpolation in ("bilinear", "bicubic")
        return bad if known else [*bad, f"interpolation={self.interpolation!r}"]


@dataclass(frozen=True)
class ModelCard:
    """What a model is: read from the metadata of its ONNX file, never from its name.

    modality: image or text, what it reads. patch: side of a patch, image_size: side of the square input that the model
    opens with, both in pixels; 0 for text. context: longest text in tokens, vocabulary: number of tokens that the model
    knows, tokenizer: Hugging Face's JSON, "" where none is known; 0 and "" for pictures.
    prefix: names of the tokens that stand in front of a picture's patches, CLS first where there is one. has_head:
    False for a network that gives features alone and predicts nothing. norm_eps: epsilon of the block norms. eta, lam:
    step size and threshold of the ISTA step of each layer (empty where the family has none); where each atom has a
    learned threshold, lam is what multiplies them, 1 as trained. weights: role → name of the tensor in the file, with
    {l} for the layer index from 0. init: tensor → law of the official initialisation, from which the random-init
    control is drawn. measured: what the card file says. evaluation: suite → what `crate-explorer evaluate` measured on
    this very file.
    """

    name: str
    family: str
    modality: str
    layers: int
    heads: int
    dim: int
    head_dim: int
    patch: int
    image_size: int
    eta: tuple[float, ...]
    lam: tuple[float, ...]
    classes: tuple[str, ...]
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    parameters: int = 0
    norm_eps: float = 1e-5
    codes_dim: int = 0
    context: int = 0
    vocabulary: int = 0
    tokenizer: str = ""
    prefix: tuple[str, ...] = (CLASS_TOKEN,)
    has_head: bool = True
    weights: Mapping[str, str] = field(default_factory=dict)
    init: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)
    parity: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    path: Path = Path()
    sha256: str = ""
    size_bytes: int = 0

    @property
    def traits(self) -> Family:
        """What its family is. Raises ExplorerError for one that this version does not know."""
        found = family_named(self.family)
        if found is None:
            raise ExplorerError(f"{self.name} is of the family {self.family!r}, which this version does not know.")
        return found

    @property
    def family_label(self) -> str:
        return self.traits.label

    @property
    def summary(self) -> str:
        """Family and size in a line: "CRATE, 8 layers × 6 heads, 1.00 M parameters"."""
        return (
            f"{self.family_label}, {self.layers} layers × {self.heads} heads, {self.parameters / 1e6:.2f} M parameters"
        )

    @property
    def has_subspaces(self) -> bool:
        """Whether query, key and value are one projection U_kᵀZ."""
        return self.traits.has_subspaces

    @property
    def reads_text(self) -> bool:
        return self.modality == "text"

    @property
    def has_ista(self) -> bool:
        """True where the layer's second half is a thresholding step with η and λ."""
        return bool(self.eta)

    @property
    def has_class_token(self) -> bool:
        """Whether there is a token that stands for the whole photo."""
        return self.prefix[:1] == (CLASS_TOKEN,)

    @property
    def answer(self) -> str:
        """The output that the network ends in: its scores, or what a head would read."""
        return "logits" if self.has_head else "features"

    def need_head(self) -> None:
        """Raises ExplorerError for a model without a head."""
        if not self.has_head:
            raise ExplorerError(f"{self.name} has no head: it gives features alone, so it predicts nothing.")

    def need_class_token(self) -> None:
        """Raises ExplorerError for a model without a class token."""
        if not self.has_class_token:
            raise ExplorerError(f"{self.name} has no class token: there is no attention of CLS to be measured.")

    def must_read(self, modality: str, task: str) -> None:
        """Raises ExplorerError if the model does not read what a task takes, image or text."""
        if self.modality != modality:
            reads, takes = ("text", "models of pictures") if self.reads_text else ("pictures", "a language model")
            raise ExplorerError(f"{self.name} reads {reads}: {task} takes {takes}.")

    def class_name(self, index: int) -> str:
        """The name of a class, from 0; its number where the card has no names."""
        return self.classes[index] if self.classes else f"class {index}"

    def to_metadata(self) -> str:
        """The card as the JSON text of the metadata key; path, digest and size belong to the file, not to the card."""
        values = dataclasses.asdict(self)
        for own in ("path", "sha256", "size_bytes"):
            del values[own]
        return json.dumps({"schema": SCHEMA, **values}, ensure_ascii=False)

    @classmethod
    def from_metadata(cls, text: str, path: Path, sha256: str, size_bytes: int) -> ModelCard:
        """Read a card back. Raises ExplorerError for another schema or for fields that do not fit."""
        hint = "import the checkpoint again with `crate-explorer import`."
        try:
            values = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ExplorerError(f"{path.name}: its {METADATA_KEY} metadata is not JSON: {hint}") from error
        if not isinstance(values, dict) or values.pop("schema", None) != SCHEMA:
            raise ExplorerError(f"{path.name}: this version reads metadata schema {SCHEMA} only: {hint}")
        try:
            values["preprocessing"] = Preprocessing(**{k: _tuple(v) for k, v in values["preprocessing"].items()})
            values.setdefault("prefix", [CLASS_TOKEN] if values["modality"] == "image" else [])  # of older files
            for key in ("eta", "lam", "classes", "prefix"):
                if not isinstance(values[key], list):
                    raise TypeError(f"{key} should be a list")
                values[key] = tuple(values[key])
            values["name"] = path.stem  # a model's name is its file's, whatever it was called when it was exported
            card = cls(**values, path=path, sha256=sha256, size_bytes=size_bytes)
        except (TypeError, KeyError, AttributeError) as error:
            raise ExplorerError(f"{path.name}: its model card does not fit this version ({error}): {hint}") from error
        card._check()
        return card

    def _check(self) -> None:
        used, unused = ("patch", "image_size"), ("context", "vocabulary")
        if self.modality == "text":
            used, unused = unused, used
        sizes = {f: getattr(self, f) for f in ("layers", "heads", "dim", "head_dim", *used)}
        most = {"vocabulary": MAX_VOCABULARY}
        bad = [f"{f}={v!r}" for f, v in sizes.items() if type(v) is not int or not 1 <= v <= most.get(f, MAX_SIZE)]
        bad += [f"{f}={getattr(self, f)!r}" for f in unused if getattr(self, f) != 0]
        bad += [] if self.modality in MODALITIES else [f"modality={self.modality!r}"]
        bad += [] if isinstance(self.tokenizer, str) else ["tokenizer (not a text)"]
        steps = {"eta": self.eta, "lam": self.lam}
        bad += [
            f"{f}={v!r}"
            for f, v in steps.items()
            if len(v) not in (0, self.layers) or not all(_is_number(x) and x >= 0 for x in v)
        ]
        bad += [f"{f}={c!r}" for f in ("classes", "prefix") for c in getattr(self, f) if not isinstance(c, str)][:1]
        bad += [f"prefix of {len(self.prefix)} tokens"] if len(self.prefix) > MAX_PREFIX else []
        bad += [] if isinstance(self.has_head, bool) else [f"has_head={self.has_head!r}"]
        bad += [f"{f}={getattr(self, f)!r}" for f in ("weights", "init") if not isinstance(getattr(self, f), dict)]
        whole = {f: getattr(self, f) for f in ("codes_dim", "parameters")}
        bad += [f"{f}={v!r}" for f, v in whole.items() if type(v) is not int or v < 0]
        bad += [] if _is_number(self.norm_eps) else [f"norm_eps={self.norm_eps!r}"]
        bad += [
            f"{f}={getattr(self, f)!r}"
            for f in ("provenance", "measured", "parity", "evaluation")
            if type(getattr(self, f)) is not dict
        ]
        bad += [] if isinstance(self.init, dict) and all(map(_is_law, self.init.values())) else ["init (not laws)"]
        bad += self.preprocessing.problems()
        bad += [] if isinstance(self.name, str) else [f"name={self.name!r}"]
        bad += self._unlike_its_family()
        if bad:
            raise ExplorerError(f"{self.path.name}: its model card has impossible values: {', '.join(bad)}.")

    def _unlike_its_family(self) -> list[str]:
        """What a card of this family cannot say."""
        family = family_named(self.family) if isinstance(self.family, str) else None
        if family is None:
            return [f"family={self.family!r}"]
        bad = [] if self.modality == family.modality else [f"modality={self.modality!r}"]
        return bad if bool(self.eta) == family.has_threshold else [*bad, f"eta={self.eta!r}"]


def _is_law(law: Any) -> bool:
    """Whether this is {"uniform": bound}, {"normal": std} or {"constant": value}."""
    kinds = ("uniform", "normal", "constant")
    return isinstance(law, dict) and len(law) == 1 and all(k in kinds and _is_number(v) for k, v in law.items())


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def strides_of(card: ModelCard) -> list[int]:
    """The strides that are offered: the patch size and its halves."""
    return [card.patch // part for part in (1, 2, 4, 8) if card.patch % part == 0 and card.patch // part > 0]


def first_stride(card: ModelCard) -> int:
    """The stride that a page opens with: half a patch."""
    return strides_of(card)[:2][-1]
