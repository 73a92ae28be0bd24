"""What the guided tours show and say: data alone. Numbers are read from the page, where they are computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from explorer.ui.frame.menu import PICTURES, TEXT


@dataclass(frozen=True)
class Step:
    """One stop. page: its address; settings: what it is set to, by key; title; look: what to look at or do; means: what
    that means; spot: a CSS selector of the part that is outlined, within a component behind " >>> "."""

    page: str
    title: str
    look: str
    means: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    spot: str = ""


@dataclass(frozen=True)
class Tour:
    """A way through the pages. offer: the button that starts it; group: of the menu; settings: of all its steps."""

    title: str
    offer: str
    group: str
    steps: tuple[Step, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


PHOTO = Tour(
    "What a photo shows", "Tour of a photo (2 minutes)", PICTURES,
    (
        Step(
            "segment", "Objects without labels",
            "Move over the photo: the attention of the patch under the pointer follows. Beside it stands the object "
            "that the attention of all patches gives.",
            "The network was trained to name photos. Nobody ever showed it a mask.",
            spot=".st-key-segment_lens",
        ),
        Step(
            "layers", "Where does compression begin?",
            "The line above the first curve says from which layer on $R^c$ lies below its grey control.",
            "$R^c$ is what the tokens cost in the learned subspaces. The control is the same network before training: "
            "only what differs from it was learned.",
            spot=".st-key-layers_lens",
        ),
        Step(
            "ledger", "Which layer worsens the objective?",
            "The line above the chart names the layers that lose, most of all first; the table says how much each "
            "changes in net.",
            "Each layer was derived as a step that improves the objective. A trained network need not keep to it.",
            settings={"books": "accounts"}, spot='[class*="st-key-verdict_ledger"]',
        ),
        Step(
            "subspaces", "Which subspaces belong together?",
            "The line above the maps of all layers names the layer and the two heads whose subspaces are closest.",
            "The theory wants them at right angles: then every head codes something of its own.",
            settings={"about": "weights", "geometry": "Every layer"}, spot='[class*="st-key-verdict_"]',
        ),
        Step(
            "compare", "When does segmentation emerge?",
            "Play the film of the training run, and stop where the object first stands out.",
            "The curve of CorLoc tells the same over many photos: segmentation comes with training, not with the "
            "architecture alone.",
            settings={"comparison": "film"}, spot=".st-key-film_lens",
        ),
        Step(
            "knobs", "Now change the network",
            "Mute a head or raise λ, and watch pictures, prediction and curves follow.",
            "What changes is what that head, or that threshold, was for. *Reset* in the sidebar brings the trained "
            "network back.",
        ),
    ),
    settings={"source": "gallery", "photo": "flamingo", "model": "crate-objects"},
)  # fmt: skip
WORDS = Tour(
    "What a text shows", "Tour of a text (1 minute)", TEXT,
    (
        Step(
            "text", "Which head looks back?",
            "The overview colours every head by how much of its attention goes to the token before; the line above it "
            "names the head that looks there most. Click that cell, then move over the words.",
            "A head that looks at the previous token carries letters and words along; one that looks evenly at all of "
            "them only counts what there is.",
            settings={"read": "tokens", "cells": "before"}, spot=".st-key-text_lens >>> .overview",
        ),
        Step(
            "text", "What is predicted, layer by layer?",
            "Point at a token in the table below: its column says what every layer would say next.",
            "The head reads the tokens of an early layer as if they were the last ones (the logit lens): see where the "
            "final answer appears.",
            settings={"read": "tokens"}, spot=".st-key-text_lens >>> .table",
        ),
        Step(
            "features", "What does a code mean?",
            "Choose a code: the words that it fires on, and the tokens that its atom promotes.",
            "A code is how much of a dictionary atom a token has. Few that fire, each with a theme, is what sparsity "
            "promises.",
        ),
    ),
    settings={"text_from": "typed"},
)  # fmt: skip
TOURS = {"photo": PHOTO, "text": WORDS}
