"""What the Compare page compares: A, the model of the sidebar, and up to three others on the same photo."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import streamlit as st

from explorer.card import ModelCard, strides_of
from explorer.card_runs import epoch_of, first_partner, name_and_epoch, run_of, twins_of
from explorer.figures.style import HEAD_COLORS
from explorer.inputs.photo import Photo
from explorer.studies.compare import ComparedRun, shared_framing
from explorer.trace import Knobs
from explorer.ui.frame import sidebar
from explorer.ui.frame.widgets import plain, say_where_it_ran
from explorer.ui.state import caches
from explorer.ui.state.knobs import knobs_now
from explorer.ui.state.settings import url_setting
from explorer.ui.view.photo import View, make_view, model_and_photo
from explorer.ui.view.run import RunView
from explorer.words import EPOCH_NOTE

LETTERS = "ABCD"
COLORS = (HEAD_COLORS[0], HEAD_COLORS[9], HEAD_COLORS[7], HEAD_COLORS[2])
TRAINED, TURNED, CONTROL = "trained", "turned", "init"
WEIGHTS = {TRAINED: "of the file", TURNED: "with the knobs as turned", CONTROL: "random init"}
"""What runs: the file as it is, under the app's turned knobs, or with its weights drawn anew."""
EMPTY = ""


@dataclass(frozen=True)
class Slot:
    """One of those that are compared. stride: pixels, None = as A's as far as its patch allows."""

    letter: str
    card: ModelCard
    weights: str = TRAINED
    stride: int | None = None


@dataclass(frozen=True)
class Compared:
    """A slot with its run. view: under the side's own trace, weights drawn anew included."""

    slot: Slot
    view: RunView
    color: str

    @property
    def letter(self) -> str:
        return self.slot.letter

    @property
    def name(self) -> str:
        """What the pages call it: the model with its epoch, and what is not as in its file."""
        parts = [self.view.card.name if self.slot.weights == CONTROL else name_and_epoch(self.view.card)]
        if self.slot.weights == CONTROL:
            parts.append(WEIGHTS[CONTROL])
        if self.view.turned:
            parts.append("knobs turned")
        if self.slot.stride:
            parts.append(f"stride {self.slot.stride}")
        return ", ".join(parts)

    @property
    def title(self) -> str:
        return f"{self.letter} · {self.name}"

    @property
    def run(self) -> ComparedRun:
        """What studies.compare compares: the trace, and the weights that ran, with η and λ as they are turned."""
        view, control = self.view, self.slot.weights == CONTROL
        return ComparedRun(view.card, view.prepared, view.trace, view.layer_weights(control), control, view.key)


@dataclass(frozen=True)
class Side(Compared):
    """One that looks at the photo. size: pixels, None = own."""

    view: View
    size: int | None = None


def chosen_sides() -> list[Side]:
    """A and the chosen others, run side by side. Raises ExplorerError for what does not fit."""
    choice, card, photo = model_and_photo()
    slots = chosen_slots(card)
    framing = shared_framing([slot.card for slot in slots], choice.framing)
    if framing != choice.framing:
        st.caption("These models were trained on other crops of a photo, so all of them are shown the whole one.")
    with st.spinner("Running the models…", show_time=True), ThreadPoolExecutor(len(slots)) as threads:
        knobs = [knobs_now(slot.card) if slot.weights == TURNED else Knobs() for slot in slots]
        views = list(threads.map(lambda slot, turned: _view(slot, photo, choice, framing, turned), slots, knobs))
    say_where_it_ran(*(view.trace.note for view in views))
    return [
        Side(slot, view, color, size_of(slot.card, choice.size))
        for slot, view, color in zip(slots, views, COLORS, strict=False)
    ]


def _view(slot: Slot, photo: Photo, choice: sidebar.Choice, framing: str, knobs: Knobs) -> View:
    card = slot.card
    size = size_of(card, choice.size)
    stride = slot.stride or nearest_stride(card, choice.stride)
    view = make_view(card, photo, size, stride, framing, knobs)
    if slot.weights != CONTROL:
        return view
    return replace(view, trace=view.control_trace(), key=f"{view.key}|{CONTROL}")


def size_of(card: ModelCard, size: int | None) -> int | None:
    """The sidebar's size where it fits the model's patches, else None: the model's own."""
    return size if size and size % card.patch == 0 else None


def nearest_stride(card: ModelCard, stride: int | None) -> int:
    """The offered stride of a model that is nearest to the sidebar's."""
    return min(strides_of(card), key=lambda own: abs(own - (stride or card.patch)))


def chosen_slots(first: ModelCard) -> list[Slot]:
    """A as the sidebar has it; the others, which read what A reads, from their boxes."""
    cards = {card.name: card for card in caches.cards(first.modality)}
    turned = TURNED if knobs_now(first) != Knobs() else TRAINED
    offers = st.container(horizontal=True, vertical_alignment="center")
    partner, control = first_partner(first, list(cards.values()))
    found = [Slot(LETTERS[0], first, turned)]
    for place, letter in zip(st.columns(len(LETTERS) - 1), LETTERS[1:], strict=True):
        with place:
            default = partner if letter == LETTERS[1] else EMPTY
            slot = _slot(letter, cards, default, CONTROL if control and letter == LETTERS[1] else TRAINED)
        found += [slot] if slot else []
    with offers:
        _presets(first, cards, [(slot.card.name, slot.weights, slot.stride or 0) for slot in found[1:]])
    if any(epoch_of(slot.card) == 0 for slot in found):
        st.caption(EPOCH_NOTE)
    return found


def _slot(letter: str, cards: dict[str, ModelCard], partner: str, weights: str) -> Slot | None:
    """The boxes of one of the others: its model, and how it runs."""
    key, names = letter.lower(), [EMPTY, *cards]
    name = url_setting(
        st.selectbox, f"**{letter}**", names, key=key, default=partner, valid=names,
        format_func=lambda one: name_and_epoch(cards[one]) if one else "nothing more",
    )  # fmt: skip
    if name == EMPTY:
        for setting in (f"{key}_runs", f"{key}_stride"):
            st.query_params.pop(setting, None)
        return None
    card = cards[name]
    left, right = st.columns(2)
    how = url_setting(
        left.selectbox, f"Weights of {letter}", list(WEIGHTS), key=f"{key}_runs", default=weights, valid=list(WEIGHTS),
        format_func=WEIGHTS.__getitem__,
    )  # fmt: skip
    if card.reads_text:
        return Slot(letter, card, how)
    strides = [0, *strides_of(card)]
    stride = url_setting(
        right.selectbox, f"Stride of {letter} (pixels)", strides, key=f"{key}_stride", default=0, valid=strides,
        format_func=lambda one: str(one) if one else "same as A",
    )  # fmt: skip
    return Slot(letter, card, how, stride or None)


def _presets(card: ModelCard, cards: dict[str, ModelCard], chosen: list[tuple[str, str, int]]) -> None:
    """Buttons that fill the boxes with what one would look at first; the one that the boxes show stands out."""
    others = list(cards.values())
    run = [one for one in run_of(card, others) if one.name != card.name]
    spread = [run[round(i * (len(run) - 1) / 2)] for i in range(3)] if len(run) > 2 else run
    offers: dict[str, list[tuple[str, str, int]]] = {"Before training": [(*_plain(first_partner(card, others)), 0)]}
    if len(run) > 1:
        offers["Epochs of this run"] = [(one.name, TRAINED, 0) for one in spread]
    if twins := twins_of(card, others):
        offers["Other families"] = [(one.name, TRAINED, 0) for one in twins[:3]]
    if not card.reads_text:
        strides = [stride for stride in strides_of(card) if stride != sidebar.choice().stride]
        offers["Other strides"] = [(card.name, TRAINED, stride) for stride in strides[:2]]
    st.markdown(f"Compare **A**, {plain(name_and_epoch(card))} (chosen at the left), with")
    for label, filled in offers.items():
        look = "primary" if filled == chosen else "secondary"
        st.button(label, key=f"preset_{label}", type=look, on_click=_fill, args=(filled,))


def _plain(partner: tuple[str, bool]) -> tuple[str, str]:
    return partner[0], CONTROL if partner[1] else TRAINED


def _fill(filled: list[tuple[str, str, int]]) -> None:
    """Put models, weights and strides into the boxes, and empty the rest."""
    for i, letter in enumerate("bcd"):
        name, weights, stride = filled[i] if i < len(filled) else (EMPTY, TRAINED, 0)
        st.session_state.update({letter: name, f"{letter}_runs": weights, f"{letter}_stride": stride})
