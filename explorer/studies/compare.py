"""How far apart two runs on one input are: every difference with its unit, its scale and what chance alone gives.

Here is what is of photos, and what photos and texts share; compare_text has what is of texts.

The Compare page and `crate-explorer compare` both take their numbers from here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from explorer import measures, runtime, zoo
from explorer.card import ModelCard
from explorer.trace import Array, Knobs, LayerWeights, Prepared, Trace
from explorer.words import SCALES, TEXT_SCALES

MASK_OBJECTS = 3
"""Objects of MaskCut whose union is the foreground that is compared."""
Once = Callable[..., Any]
"""once(key, function, *arguments, **options) → function(*arguments, **options), perhaps from a cache."""


@dataclass(frozen=True)
class ComparedRun:
    """One model on one input. weights: of every layer, as they ran. control: they were drawn anew, as before training.

    key: names the run where results are kept, else empty.
    """

    card: ModelCard
    prepared: Prepared
    trace: Trace
    weights: tuple[LayerWeights, ...]
    control: bool = False
    key: str = ""

    @property
    def weights_key(self) -> str:
        return f"{self.card.sha256}|{self.control}"

    @property
    def patches(self) -> measures.patches.Patches:
        return measures.patches.patches_of(self.trace, self.prepared)


def run(card: ModelCard, prepared: Prepared, knobs: Knobs, control: bool = False) -> ComparedRun:
    """Run a model, or the same network with its weights drawn anew. Raises ExplorerError as runtime.run does."""
    weights = zoo.draw_control(card) if control else None
    trace = runtime.run(runtime.open_model(card, weights), prepared, None, knobs)
    return ComparedRun(card, prepared, trace, zoo.layer_weights(card, weights), control)


def shared_framing(cards: Sequence[ModelCard], framing: str) -> str:
    """The framing that shows all models the same part of the photo: all of it where their crops differ."""
    crops = {round(card.preprocessing.crop / card.preprocessing.resize, 3) for card in cards}
    return framing if len(crops) == 1 or framing == "pad" else "whole"


@dataclass(frozen=True)
class Difference:
    """One of SCALES or TEXT_SCALES. value: None where the two have nothing to compare. chance: what it is by chance,
    where known. note: what the value is of, or why there is none, where that differs from model to model."""

    key: str
    value: float | None
    chance: float | None = None
    note: str = ""

    @property
    def name(self) -> str:
        return (SCALES | TEXT_SCALES)[self.key].name

    @property
    def scale(self) -> str:
        return (SCALES | TEXT_SCALES)[self.key].ends

    @property
    def text(self) -> str:
        """The value as a table shows it, with its note."""
        return f"{number_text(self.value)} ({self.note})" if self.note else number_text(self.value)


def number_text(value: float | None) -> str:
    """Three digits behind the point, a rank as a whole number, – where there is none."""
    return "–" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"


def computed_now(key: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Nothing is kept."""
    del key
    return function(*arguments, **options)


def differences(
    a: ComparedRun, b: ComparedRun, layer: int, other: int, heads: tuple[int, ...] = (), once: Once = computed_now
) -> list[Difference]:
    """Everything of SCALES from A to B, in its order. layer, other: layers of A and B. heads: from 1, empty = all.

    The tokens that are compared are those that the layer leaves, Z^{ℓ+1}; B's are brought to A's grid. Of those in
    front of the patches the ones that both have are compared.
    """
    pair, attention = f"{a.key}|{b.key}", attention_change(a, b, layer, other, heads, once)
    return [
        *_prediction_differences(a, b),
        Difference("attention_js_bits", attention.mean),
        Difference(
            "cls_attention_js_bits", attention.cls, note="" if attention.cls is not None else "not both have one"
        ),
        Difference("mask_iou", once(pair, mask_overlap, a, b, layer=layer, other=other)),
        *alike(a, b, layer, other, once),
    ]


def _prediction_differences(a: ComparedRun, b: ComparedRun) -> list[Difference]:
    """KL and rank over the classes of both; A's first class may be none of B's, and one of them may have no head."""
    if missing := headless(a, b):
        return [Difference(key, None, note=f"{missing[0].card.name} has no head") for key in ("kl_nats", "rank")]
    found, first = predictions(a, b), first_class(a)
    on = f"{found.shared} classes" if found.shared < most_classes(a, b) else ""
    rank = next((one.rank_b for one in found.classes if one.name == first), None)
    return [
        Difference("kl_nats", found.divergence, note=on),
        Difference("rank", rank, note=on if rank else f"no class {first}"),
    ]


def headless(*runs: ComparedRun) -> list[ComparedRun]:
    """Those that predict nothing."""
    return [run for run in runs if not run.card.has_head]


def first_class(run: ComparedRun) -> str:
    """The name of the most probable class."""
    return run.card.class_name(int(run.trace.logits[0].argmax()))


def most_classes(a: ComparedRun, b: ComparedRun) -> int:
    """How many classes the one with more of them knows."""
    return max(run.trace.logits.shape[1] for run in (a, b))


def alike(a: ComparedRun, b: ComparedRun, layer: int, other: int, once: Once) -> list[Difference]:
    """The differences of tokens, subspaces, dictionaries and weights, which pictures and texts share."""
    known = cka(a, b, once)
    match, atoms = (find(a.weights[layer - 1], b.weights[other - 1]) for find in MATCHES)
    moved = [one.relative for one in weight_changes(a, b, once).tensors]
    return [
        Difference("cka", float(known.values[layer - 1, other - 1]), float(known.chance[layer - 1, other - 1])),
        Difference("procrustes", once(f"{a.key}|{b.key}", _procrustes, a, b, layer=layer, other=other)),
        Difference(
            "head_overlap", match.mean if match else None, by_chance(a, b, measures.pairs.heads_by_chance, once)
        ),
        Difference("atom_cosine", atoms.mean if atoms else None, by_chance(a, b, measures.pairs.atoms_by_chance, once)),
        Difference("weight_change", float(np.median(moved)) if moved else None),
    ]


MATCHES = (measures.pairs.match_heads, measures.pairs.match_atoms)


def predictions(a: ComparedRun, b: ComparedRun) -> measures.pairs.PredictionChange:
    """KL, probabilities and ranks over the classes that both know, by name."""
    names_a, names_b = ([run.card.class_name(i) for i in range(run.trace.logits.shape[1])] for run in (a, b))
    return measures.pairs.compare_predictions(a.trace.logits[0], b.trace.logits[0], names_a, names_b)


def attention_change(
    a: ComparedRun, b: ComparedRun, layer: int, other: int, heads: tuple[int, ...] = (), once: Once = computed_now
) -> measures.pairs.AttentionChange:
    """Jensen–Shannon divergence of what every patch and CLS attend to, on A's grid."""
    return once(f"{a.key}|{b.key}", _attention_change, a, b, layer=layer, other=other, heads=heads)


def _attention_change(
    a: ComparedRun, b: ComparedRun, layer: int, other: int, heads: tuple[int, ...]
) -> measures.pairs.AttentionChange:
    looks = a.trace.query_key(layer), b.trace.query_key(other)
    return measures.pairs.compare_attention(*looks, a.patches, b.patches, heads or None)


def cka(a: ComparedRun, b: ComparedRun, once: Once = computed_now) -> measures.pairs.CkaMap:
    """CKA of what every layer of A leaves with what every layer of B leaves."""
    return once(f"{a.key}|{b.key}", _cka, a, b)


def _cka(a: ComparedRun, b: ComparedRun) -> measures.pairs.CkaMap:
    own = [own_tokens(a, b, layer) for layer in range(1, a.card.layers + 1)]
    return measures.pairs.cka_map(own, [carried(a, b, layer) for layer in range(1, b.card.layers + 1)])


def _procrustes(a: ComparedRun, b: ComparedRun, layer: int, other: int) -> float:
    return measures.pairs.procrustes_distance(own_tokens(a, b, layer), carried(a, b, other))


def own_tokens(a: ComparedRun, b: ComparedRun, layer: int) -> Array:
    """What a layer of A leaves, Z^{ℓ+1}: the tokens that have a counterpart in B, as carried has them."""
    if a.card.reads_text:
        return a.trace.z(layer + 1)
    return a.trace.z(layer + 1)[measures.patches.matching_tokens(a.patches, b.patches)[0]]


def carried(a: ComparedRun, b: ComparedRun, layer: int) -> Array:
    """What a layer of B leaves, Z^{ℓ+1}, on A's grid of tokens; a text has one."""
    if a.card.reads_text:
        return b.trace.z(layer + 1)
    return measures.patches.carry_tokens(b.trace.z(layer + 1), b.patches, a.patches)


def mask_overlap(a: ComparedRun, b: ComparedRun, layer: int, other: int) -> float:
    """IoU of what MaskCut finds in a layer of A and of B, on A's pixels."""
    here, there = (_foreground(run, number) for run, number in ((a, layer), (b, other)))
    rows, columns = (
        ((np.arange(size) + 0.5) * own / size).astype(int) for size, own in zip(here.shape, there.shape, strict=True)
    )
    return measures.patches.iou(here, there[rows[:, None], columns])


def _foreground(run: ComparedRun, layer: int) -> Array:
    """What MaskCut finds, bool on the pixels of the run's input."""
    found = measures.patches.segment_trace(run.trace, "maskcut", layer, objects=MASK_OBJECTS)
    return measures.patches.on_pixels(found, run.trace, run.prepared.height, run.prepared.width).labels > 0


def by_chance(
    a: ComparedRun, b: ComparedRun, level: Callable[..., measures.pairs.Chance | None], once: Once = computed_now
) -> float | None:
    """A chance level of measures, which depends on the sizes of the two models alone; None where they do not fit."""
    found = once(f"{a.card.sha256}|{b.card.sha256}", level, a.weights[0], b.weights[0])
    return found.mean if found else None


def weight_changes(a: ComparedRun, b: ComparedRun, once: Once = computed_now) -> measures.pairs.WeightChanges:
    """Every tensor of A against the one of the same name in B."""
    return once(f"{a.weights_key}|{b.weights_key}", _weight_changes, a, b)


def _weight_changes(a: ComparedRun, b: ComparedRun) -> measures.pairs.WeightChanges:
    return measures.pairs.weight_changes(_tensors(a), _tensors(b))


def _tensors(run: ComparedRun) -> dict[str, Array]:
    return zoo.draw_control(run.card) if run.control else zoo.load_weights(run.card, run.card.init)


def notes(a: ComparedRun, b: ComparedRun, letter: str = "B") -> list[str]:
    """What cannot be compared between the two, and why, in sentences."""
    said = [] if a.card.reads_text else _class_notes(a, b, letter)
    if a.card.dim != b.card.dim:
        said.append(f"A is {a.card.dim} wide and {letter} {b.card.dim}: their subspaces and atoms share no space.")
    return said


def _class_notes(a: ComparedRun, b: ComparedRun, letter: str) -> list[str]:
    if missing := headless(a, b):
        names = " and ".join("A" if run is a else letter for run in missing)
        return [f"{names} {'has' if len(missing) == 1 else 'have'} no head, so predictions cannot be compared."]
    shared = predictions(a, b).shared
    if not shared:
        return [f"A and {letter} know no class in common, so their predictions cannot be compared."]
    if shared < most_classes(a, b):
        return [f"The predictions of A and {letter} are compared on the {shared} classes of both."]
    return []
