"""The vocabulary that every room shares: the prepared input, the knobs, the trace and the weights of a layer.

Tokens are rows here (the papers use columns). Layers count from 1. Of a picture, the tokens of its card's prefix come
first (CLS alone in most models), then the patches row by row.
Axes: L layers, K heads (subspaces), N tokens, d width, p head width, B batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from explorer.card import ModelCard

Array = np.ndarray
Box = tuple[int, int, int, int]
"""Top, left, bottom and right of a part of a picture or of its patches, the ends behind the last ones."""
Norm = tuple[Array, Array] | Literal["rms"]
"""Scale and shift (d,) of a LayerNorm, or "rms": division by √(mean z² + ε), without weights."""


def read_only(array: Array) -> Array:
    """The same array, locked against writing, so that it can be shared between users and caches."""
    array.flags.writeable = False
    return array


@dataclass(frozen=True)
class Piece:
    """What a token of a text stands for.

    data: its bytes; those of all tokens are the text in UTF-8, as far as it was read. name: how it is written where it
    stands alone. box: how the characters are drawn whose box it begins, empty where it stands in the box of the tokens
    before. part: what of that box it is ("byte 2 of 3 of 猫"), empty where the box is its own.
    """

    data: bytes
    name: str
    box: str
    part: str = ""

    @property
    def label(self) -> str:
        """Its name, and what it is a part of."""
        return f"{self.name} ({self.part})" if self.part else self.name


@dataclass(frozen=True)
class Prepared:
    """A model's input and what the user sees of it.

    data: float32 (B,3,H,W), normalised; of a text int64 (B,N), its tokens. picture: uint8 (H,W,3), the pixels that data
    was made from (None for arrays that came ready, and for text). digest: SHA-256 of the source's bytes and of every
    parameter, the key for caches. pieces: what each token of a text stands for. note: what was done to the source.
    seen: where the photo lies in a padded picture (top, left, bottom, right), None where it fills it.
    """

    data: Array
    picture: Array | None
    digest: str
    label: str = ""
    pieces: tuple[Piece, ...] = ()
    note: str = ""
    seen: Box | None = None

    @property
    def height(self) -> int:
        return self.data.shape[-2]

    @property
    def width(self) -> int:
        return self.data.shape[-1]


def layer_on(layer: int, layers: int, others: int, by_depth: bool) -> int:
    """The layer of a network of `others` layers that goes with a layer of one of `layers`: at the same share of the
    depth, or of the same number as far as there are so many. The browser's twin is layerOn in lens/web/draw.js."""
    if not by_depth or layers == 1:
        return min(layer, others)
    return 1 + int((layer - 1) * (others - 1) / (layers - 1) + 0.5)


def patch_grid(height: int, width: int, patch: int, stride: int) -> tuple[int, int]:
    """Rows and columns of patches that a stride fits into an image: 1 + ⌊(size − patch)/stride⌋ each."""
    return 1 + (height - patch) // stride, 1 + (width - patch) // stride


def seen_patches(seen: Box, patch: int, stride: int, grid: tuple[int, int]) -> Box:
    """First row, first column, end of the rows and of the columns of the patches that overlap with a box of pixels
    (top, left, bottom, right)."""
    top, left, bottom, right = seen
    first_row, first_col = (max((start - patch) // stride + 1, 0) for start in (top, left))
    end_row, end_col = (min(-(-end // stride), count) for end, count in zip((bottom, right), grid, strict=True))
    return first_row, first_col, end_row, end_col


@dataclass(frozen=True)
class Knobs:
    """What the user turned; None means as trained.

    mssa_gain: (L,K), scales head k's update in layer ℓ (1 = as trained, 0 = off). ista_lambda, ista_eta: (L,).
    stride: pixels between neighbouring patches; smaller than the patch, they overlap. code_gain: (L,m), multiplies
    every code before it is read out; only a model that was opened for it has this knob (runtime.open_model).
    """

    mssa_gain: Array | None = None
    ista_lambda: Array | None = None
    ista_eta: Array | None = None
    stride: int | None = None
    code_gain: Array | None = None

    def feeds(self) -> dict[str, Array]:
        """The ONNX inputs that differ from the trained values."""
        turned: dict[str, Array] = {
            name: np.asarray(value, np.float32)
            for name in ("mssa_gain", "ista_lambda", "ista_eta", "code_gain")
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

    grid: rows and columns of patches; of a text one row, with nothing in front. stride: pixels between patches,
    1 for text. seen: first row and column, and the ends behind the last ones, of the patches that hold some of a padded
    photo; None where all of them do. note: where it ran, in a sentence, if that was not where it should have; else
    empty. On a GPU, points copies an array from the device when it is first asked for.
    Attention is never stored: it is a function of the projections (measures.patches.attention_rows).
    """

    card: ModelCard
    points: Mapping[str, Array]
    grid: tuple[int, int]
    stride: int
    seen: Box | None = None
    note: str = ""

    @property
    def front(self) -> int:
        """How many tokens stand in front of the patches."""
        return 0 if self.card.reads_text else len(self.card.prefix)

    def point(self, name: str, image: int = 0) -> Array:
        """A trace point of one image by its name, such as z.3."""
        return self.points[name][image]

    def z(self, layer: int, image: int = 0) -> Array:
        """Z^ℓ (N,d), the tokens that enter layer ℓ, before its norm; layer L+1 is the output of the last layer."""
        return self.point(f"z.{layer}", image)

    def z_half(self, layer: int, image: int = 0) -> Array:
        """Z^{ℓ+½} (N,d), the tokens after MSSA and its residual, before the second norm."""
        return self.point(f"z_half.{layer}", image)

    def projections(self, layer: int, image: int = 0) -> Array:
        """The features of layer ℓ (K,N,p): U_kᵀ LN(Z^ℓ) where the heads are subspaces, rotated and normalised where the
        family says so; else the keys."""
        return self.point(f"{self.card.traits.looks[-1]}.{layer}", image)

    def query_key(self, layer: int, image: int = 0) -> tuple[Array, Array]:
        """Query and key (K,N,p) of layer ℓ; for CRATE families they are the same array."""
        if self.card.has_subspaces:
            return (projected := self.projections(layer, image)), projected
        return self.point(f"query.{layer}", image), self.point(f"key.{layer}", image)

    def codes(self, layer: int, image: int = 0) -> Array:
        """What the sparsifying step leaves (N,m): the codes A₂ where the dictionary is overcomplete, else Z^{ℓ+1}."""
        return self.point(f"codes.{layer}", image) if self.card.codes_dim else self.z(layer + 1, image)

    @property
    def logits(self) -> Array:
        """Scores before the softmax: (B,C) of the classes, or of a text (B,N,V) of each place's next token.

        Raises ExplorerError for a model without a head.
        """
        self.card.need_head()
        return self.points["logits"]


@dataclass(frozen=True)
class LayerWeights:
    """The weights of one layer that the measures need.

    subspaces: (K·p,d), rows kp…(k+1)p are U_kᵀ (of a ViT or a GPT the key matrix). bias: (K·p,) or None. norm: the one
    in front of them, eps its epsilon. rotary: whether projections are then rotated by their token's place and
    normalised within each head; relative: whether what attention gathers is rotated
    back. dictionary: D, (d,d), or (d,m) where it is overcomplete; None where the family has
    none. ista_norm: the norm in front of D. eta, lam: step size and threshold. thresholds: (m,) learned ones of the
    atoms, which λ then scales; some may be negative, so such a layer has no LASSO. None elsewhere.
    """

    subspaces: Array
    bias: Array | None
    norm: Norm
    eps: float
    heads: int
    dictionary: Array | None = None
    ista_norm: Norm | None = None
    eta: float = 0.0
    lam: float = 0.0
    rotary: bool = False
    relative: bool = False
    thresholds: Array | None = None

    @property
    def has_lasso(self) -> bool:
        """Whether the sparsifying step is one of a LASSO problem."""
        return self.dictionary is not None and self.thresholds is None


@dataclass(frozen=True)
class Readout:
    """How a language model reads the next token from its last layer: a norm, then the token embedding E.

    embedding: (V,d), or the head's own matrix. norm: None where the head reads tokens as they are; eps its epsilon.
    cap: scores s become cap·tanh(s/cap); 0 where they stay as they are.
    """

    embedding: Array
    norm: Norm | None
    eps: float
    cap: float = 0.0


def trace_points(card: ModelCard) -> Iterator[str]:
    """Names of all trace points of a model, in the order of the network."""
    for layer in range(1, card.layers + 1):
        yield f"z.{layer}"
        yield from (f"{name}.{layer}" for name in card.traits.looks)
        yield f"z_half.{layer}"
        if card.codes_dim:
            yield f"codes.{layer}"
    yield f"z.{card.layers + 1}"
