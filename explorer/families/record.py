"""What a family of networks is, as one record without torch: every room asks it, none asks for a family's name.

No field has a default: a record that leaves a feature out fails when the package is imported, so that a new family
can't silently count as another one.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Modality = Literal["image", "text"]
Attention = Literal["shared", "query_key"]
"""shared: query, key and value are one projection U_kᵀZ, so heads are subspaces. query_key: three projections."""
SecondHalf = Literal["ista", "odl", "mlp", "none"]
"""ista: one thresholding step whose result replaces the tokens; odl: codes of an overcomplete dictionary, read out by
another matrix, with a residual; mlp: a residual MLP; none: the layer ends after its attention."""
Released = Mapping[int, int] | int
"""Heads by width in the released models, or the width of a head of theirs: shapes do not tell the head count."""


@dataclass(frozen=True, kw_only=True)
class Formulas:
    """A layer's two half steps in LaTeX, with places that `fill` fills: <l>, <l+1> layers, <K>, <p> heads and their
    width, <eta>, <lambda> the values as they are turned, <nonzeros> the measured share.

    attention: what is added to Z^ℓ. square, overcomplete: the second half step with D of d and of more atoms; of the
    last layer: last. threshold, threshold_overcomplete: the step as the knobs' panel explains it. Empty: there is none.
    """

    attention: str
    square: str
    overcomplete: str
    last: str
    threshold: str
    threshold_overcomplete: str


@dataclass(frozen=True, kw_only=True)
class Notes:
    """What a page means for a family that was not derived as CRATE was; empty where it means what it says."""

    layers: str
    ledger: str
    tokens: str
    weights: str
    theory: str
    whiteness: str


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """Where sizes are read from a state dict. layer: how names of a layer's tensors begin, with one group for its
    number. positions, projections, classes, patches, atoms: tensors; empty where the family has none."""

    layer: str
    positions: str
    projections: str
    classes: str
    patches: str
    atoms: str


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a run's checkpoints are written. arch: the model's name in them; wrapper: crate (epoch, arch, state_dict,
    best_acc1), bare (the state dict alone), timm (model, epoch) or nanogpt (model, model_args, …); ending: of the
    file. head: how names of the classifier's tensors begin."""

    arch: str
    wrapper: Literal["crate", "bare", "timm", "nanogpt"]
    ending: str
    head: str


@dataclass(frozen=True, kw_only=True)
class Family:
    """One family of networks.

    name, label: in files, and on pages. modality: what it reads. attention, second_half: of every layer; norm: in
    front of both, with weights ("layer") or without ("rms"), norm_eps its epsilon in the released code. rotary:
    projections are rotated by their token's place, then normalised; relative: what attention gathers is rotated back.
    atoms_in_rows: how an overcomplete dictionary is stored. soft_cap: scores s become cap·tanh(s/cap); 0 where they
    stay.

    signature: a regular expression; a state dict with a name that it finds is of this family, unless an earlier
    record's is found. lacks: a tensor that a state dict of this family never has, empty where names that it has tell
    enough. released: how many heads. unused: tensors that some files carry and the forward pass never
    reads, as patterns with *. tied: the head is the token embedding. biases: "all", or "optional" where files without
    them are read as if they were zero. reads_config: the config.json beside a file says what its sizes need. shapes:
    where sizes are read.

    weights: role → tensor, with {l} for the layer from 0. tensors: what the parts of a layer's names stand for, in
    words. steps: what the half steps do, and their operators. network, sizes, graph: "module:name" of the torch
    module, of what reads its sizes from a state dict, and of what writes its ONNX graph. training: None for a family
    that is only imported.
    """

    name: str
    label: str
    modality: Modality
    attention: Attention
    second_half: SecondHalf
    norm: Literal["layer", "rms"]
    norm_eps: float
    rotary: bool
    relative: bool
    atoms_in_rows: bool
    soft_cap: float
    signature: str
    lacks: str
    released: Released
    unused: tuple[str, ...]
    tied: bool
    biases: Literal["all", "optional"]
    reads_config: bool
    shapes: Shapes
    weights: Mapping[str, str]
    tensors: Mapping[str, str]
    steps: tuple[tuple[str, str], tuple[str, str]]
    formulas: Formulas
    notes: Notes
    network: str
    sizes: str
    graph: str
    training: Training | None

    @property
    def has_subspaces(self) -> bool:
        """Whether the heads are subspaces: query, key and value are one projection."""
        return self.attention == "shared"

    @property
    def has_threshold(self) -> bool:
        """Whether the second half step thresholds with η and λ."""
        return self.second_half in ("ista", "odl")

    @property
    def looks(self) -> tuple[str, ...]:
        """The trace points that attention is a function of."""
        return ("subspace",) if self.has_subspaces else ("query", "key")


@dataclass(frozen=True, kw_only=True)
class Unsupported:
    """A family that is recognised and refused by its name."""

    label: str
    signature: str


def resolve(path: str) -> Any:
    """What "module:name" names; its module is imported now, torch with it."""
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)


PLACES = {
    "l": "<l>", "next": "<l+1>", "K": "<K>", "p": "<p>", "eta": "<eta>", "lam": "<lambda>", "nonzeros": "<nonzeros>",
}  # fmt: skip


def fill(formula: str, **values: object) -> str:
    """A formula with its places filled: by their names in PLACES."""
    for name, value in values.items():
        formula = formula.replace(PLACES[name], str(value))
    return formula
