"""The vocabulary that every room shares: the model card, the prepared input, the knobs and the trace.

Tokens are rows here (the papers use columns). Layers count from 1. Row 0 is the CLS token.
Axes: L layers, K heads (subspaces), N tokens, d width, p head width, B batch.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from explorer.errors import ExplorerError

Array = np.ndarray

SCHEMA = 1
METADATA_KEY = "crate_explorer"
MAX_SIDE = 1024
"""Pixels of the longest side of a square input."""
FAMILY_LABELS = {"crate": "CRATE", "crate_alpha": "CRATE-α", "vit": "ViT"}

GLOSSARY: dict[str, str] = {
    "**token**": "a vector of d numbers that stands for one patch of the photo; the first one, **CLS**, stands for the "
    "whole photo and is classified",
    "$Z^\\ell$": "the tokens that enter layer ℓ, one row each (N × d)",
    "$Z^{\\ell+1/2}$": "the tokens after the compression step (MSSA) of layer ℓ",
    "$U_k$": "the k-th learned subspace of a layer, which is its **head** k: p directions in the d-dimensional space",
    "$U_k^\\top Z$": "the tokens **projected** into subspace k; query, key and value of head k at once",
    "$D$": "the learned dictionary of a layer, in which the tokens should become sparse",
    "**MSSA**": "multi-head subspace self-attention: compresses the tokens towards the subspaces",
    "**ISTA**": "one shrinkage-thresholding step: sparsifies the tokens against D",
    "$R$": "coding rate: **nats** (units of information, 1.44 bits) needed to encode all tokens up to the distortion ε",
    "$R^c$": "coding rate of the tokens in the K subspaces, summed; compression lowers it",
    "$\\|Z\\|_0$": "number of entries that are not zero; sparsification lowers it",
    "$\\varepsilon^2$": "squared distortion allowed for each token in the rates",
    "$\\eta, \\lambda$": "step size and threshold weight of the ISTA step",
    "**MaskCut**": "cuts the patches into object and background where they are least alike, without labels",
    "**PCA-RGB**": "the three strongest directions among the projections of the foreground, as red, green and blue",
    "**random-init control**": "the same network with weights drawn as before training; only what differs was learned",
    "**IoU**": "overlap of two masks over their union; 1 is a perfect match",
    "**zoo, card**": "the models at hand, and what each says of itself: sizes, classes, origin, measured accuracy",
}


def read_only(array: Array) -> Array:
    """The same array, locked against writing, so that it can be shared between users and caches."""
    array.flags.writeable = False
    return array


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

    image_size: side of the square input in pixels that the model opens with. norm_eps: epsilon of the block norms.
    eta, lam: step size and threshold of the ISTA step of each layer (empty where the family has none).
    weights: role → name of the tensor in the file, with {l} for the layer index from 0.
    init: tensor → law of the official initialisation, from which the random-init control is drawn.
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
    weights: Mapping[str, str] = field(default_factory=dict)
    init: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)
    parity: Mapping[str, Any] = field(default_factory=dict)
    path: Path = Path()
    sha256: str = ""
    size_bytes: int = 0

    @property
    def family_label(self) -> str:
        return FAMILY_LABELS.get(self.family, self.family)

    @property
    def has_subspaces(self) -> bool:
        """True for the CRATE families, whose query, key and value are one projection U_kᵀZ."""
        return self.family != "vit"

    @property
    def has_ista(self) -> bool:
        """True where the layer's second half is a thresholding step with η and λ."""
        return bool(self.eta)

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
            for key in ("eta", "lam", "classes"):
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
        sizes = {f: getattr(self, f) for f in ("layers", "heads", "dim", "head_dim", "patch", "image_size")}
        bad = [f"{f}={v!r}" for f, v in sizes.items() if type(v) is not int or not 1 <= v <= 1 << 16]
        steps = {"eta": self.eta, "lam": self.lam}
        bad += [
            f"{f}={v!r}"
            for f, v in steps.items()
            if len(v) not in (0, self.layers) or not all(_is_number(x) and x >= 0 for x in v)
        ]
        bad += [f"classes={c!r}" for c in self.classes if not isinstance(c, str)][:1]
        bad += [f"{f}={getattr(self, f)!r}" for f in ("weights", "init") if not isinstance(getattr(self, f), dict)]
        whole = {f: getattr(self, f) for f in ("codes_dim", "parameters")}
        bad += [f"{f}={v!r}" for f, v in whole.items() if type(v) is not int or v < 0]
        bad += [] if _is_number(self.norm_eps) else [f"norm_eps={self.norm_eps!r}"]
        bad += [
            f"{f}={getattr(self, f)!r}"
            for f in ("provenance", "measured", "parity")
            if type(getattr(self, f)) is not dict
        ]
        bad += [] if isinstance(self.init, dict) and all(map(_is_law, self.init.values())) else ["init (not laws)"]
        bad += self.preprocessing.problems()
        bad += [
            f"{f}={getattr(self, f)!r}" for f in ("name", "family", "modality") if not isinstance(getattr(self, f), str)
        ]
        if bad:
            raise ExplorerError(f"{self.path.name}: its model card has impossible values: {', '.join(bad)}.")


def _is_law(law: Any) -> bool:
    """Whether this is {"uniform": bound}, {"normal": std} or {"constant": value}."""
    kinds = ("uniform", "normal", "constant")
    return isinstance(law, dict) and len(law) == 1 and all(k in kinds and _is_number(v) for k, v in law.items())


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True)
class Prepared:
    """A model's input and what the user sees of it.

    data: float32 (B,3,H,W), normalised. picture: uint8 (H,W,3), the pixels that data was made from (None for arrays
    that came ready). digest: SHA-256 of the source's bytes and of every parameter, the key for caches.
    """

    data: Array
    picture: Array | None
    digest: str
    label: str = ""

    @property
    def height(self) -> int:
        return self.data.shape[-2]

    @property
    def width(self) -> int:
        return self.data.shape[-1]


def patch_grid(height: int, width: int, patch: int, stride: int) -> tuple[int, int]:
    """Rows and columns of patches that a stride fits into an image: 1 + ⌊(size − patch)/stride⌋ each."""
    return 1 + (height - patch) // stride, 1 + (width - patch) // stride


@dataclass(frozen=True)
class Knobs:
    """What the user turned; None means as trained.

    mssa_gain: (L,K), scales head k's update in layer ℓ (1 = as trained, 0 = off). ista_lambda, ista_eta: (L,).
    stride: pixels between neighbouring patches; smaller than the patch, they overlap.
    """

    mssa_gain: Array | None = None
    ista_lambda: Array | None = None
    ista_eta: Array | None = None
    stride: int | None = None

    def feeds(self) -> dict[str, Array]:
        """The ONNX inputs that differ from the trained values."""
        turned: dict[str, Array] = {
            name: np.asarray(value, np.float32)
            for name in ("mssa_gain", "ista_lambda", "ista_eta")
            if (value := getattr(self, name)) is not None
        }
        if self.stride is not None:
            turned["stride"] = np.asarray(self.stride, np.int64)
        return turned

    def digest(self) -> str:
        """SHA-256 over every turned value, for cache keys."""
        sha = hashlib.sha256()
        for name, value in sorted(self.feeds().items()):
            sha.update(f"{name}{value.shape}".encode() + value.tobytes())
        return sha.hexdigest()


@dataclass(frozen=True)
class Trace:
    """Every step of one run. points maps the names of the ONNX contract to arrays with the batch axis.

    On a GPU, points copies an array from the device when it is first asked for.
    Attention is never stored: it is a function of the projections (measures.attention).
    """

    card: ModelCard
    points: Mapping[str, Array]
    grid: tuple[int, int]
    stride: int

    def z(self, layer: int, image: int = 0) -> Array:
        """Z^ℓ (N,d), the tokens that enter layer ℓ, before its norm; layer L+1 is the output of the last layer."""
        return self.points[f"z.{layer}"][image]

    def z_half(self, layer: int, image: int = 0) -> Array:
        """Z^{ℓ+½} (N,d), the tokens after MSSA and its residual, before the second norm."""
        return self.points[f"z_half.{layer}"][image]

    def projections(self, layer: int, image: int = 0) -> Array:
        """The features of layer ℓ (K,N,p): U_kᵀ LN(Z^ℓ) for CRATE families, the keys for a ViT."""
        return self.points[f"subspace.{layer}" if self.card.has_subspaces else f"key.{layer}"][image]

    def query_key(self, layer: int, image: int = 0) -> tuple[Array, Array]:
        """Query and key (K,N,p) of layer ℓ; for CRATE families they are the same array."""
        if self.card.has_subspaces:
            return (projected := self.projections(layer, image)), projected
        return self.points[f"query.{layer}"][image], self.points[f"key.{layer}"][image]

    def codes(self, layer: int, image: int = 0) -> Array:
        """What the sparsifying step leaves (N,m): the codes A₂ where the dictionary is overcomplete, else Z^{ℓ+1}."""
        return self.points[f"codes.{layer}"][image] if self.card.codes_dim else self.z(layer + 1, image)

    @property
    def logits(self) -> Array:
        """(B,C) scores of the classes before the softmax."""
        return self.points["logits"]


@dataclass(frozen=True)
class LayerWeights:
    """The weights of one layer that the measures need.

    subspaces: (K·p,d), rows kp…(k+1)p are U_kᵀ (a ViT's key matrix). bias: (K·p,) or None. norm: scale and shift (d,)
    of the norm in front of them, eps its epsilon. dictionary: D, (d,d), or (d,m) where it is overcomplete; None where
    the family has none. ista_norm: scale and shift of the norm in front of D. eta, lam: step size and threshold.
    """

    subspaces: Array
    bias: Array | None
    norm: tuple[Array, Array]
    eps: float
    heads: int
    dictionary: Array | None = None
    ista_norm: tuple[Array, Array] | None = None
    eta: float = 0.0
    lam: float = 0.0


def trace_points(card: ModelCard) -> Iterator[str]:
    """Names of all trace points of a model, in the order of the network."""
    for layer in range(1, card.layers + 1):
        yield f"z.{layer}"
        yield from (f"{n}.{layer}" for n in (("subspace",) if card.has_subspaces else ("query", "key")))
        yield f"z_half.{layer}"
        if card.codes_dim:
            yield f"codes.{layer}"
    yield f"z.{card.layers + 1}"
