"""What a model says of the photo, beside what the gallery calls it, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from explorer import verdicts
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.evaluation.record import MODEL, results_of
from explorer.lens import PANELS, Panel
from explorer.measures.prediction import probabilities
from explorer.ui.view.photo import View


def answer_of(view: View) -> str:
    """The prediction against the gallery's label: "panda ✗ 3 %, English springer 45 %"; empty without a head."""
    if not view.card.has_head:
        return ""
    return verdicts.answer(view.photo.label, view.card.classes, probabilities(view.trace.logits[0]))


def photo_panel(view: View) -> Panel:
    """The photo with the prediction above it."""
    return replace(PANELS["photo"], verdict=answer_of(view))


@dataclass(frozen=True)
class Accuracy:
    """Top-1 on held-out photos, and at which size and stride (pixels); images: how many, 0 where that is not known."""

    top1: float
    size: int
    stride: int
    images: int = 0


def accuracy_of(card: ModelCard) -> Accuracy | None:
    """What was measured of a model: by its evaluation, or else while it was trained, with patches side by side."""
    try:
        result = results_of(card).get("accuracy")
    except ExplorerError:  # the Models page says what is wrong with it
        result = None
    row = next((row for row in result.rows if (row.measure, row.who) == ("top-1", MODEL)), None) if result else None
    if result and row and {"size", "stride"} <= result.settings.keys():
        return Accuracy(row.value, int(result.settings["size"]), int(result.settings["stride"]), row.images)
    top1 = next((value for key, value in card.measured.items() if key.startswith("top1")), None)
    size = card.provenance.get("trained_size") or card.preprocessing.crop
    return None if top1 is None else Accuracy(float(top1), int(size), card.patch)


def prediction_caption(view: View) -> str:
    """What the bars are, and how often the model is right, at the size and stride at which that holds."""
    said = "The five most probable classes, softmax of the logits."
    known = accuracy_of(view.card)
    if known is None:
        return said
    photos = f"{known.images:,} held-out photos" if known.images else "its validation photos"
    here, stride = min(view.prepared.height, view.prepared.width), view.trace.stride
    now = (
        " as here" if (here, stride) == (known.size, known.stride) else f"; here it looks at {here} px, stride {stride}"
    )
    return (
        f"{said} At {known.size} px and stride {known.stride} this model is right on {known.top1:.0%} of {photos}{now}."
    )
