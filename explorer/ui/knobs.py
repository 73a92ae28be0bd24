"""Widgets of the Knobs page: turning, and what it changed. Everything is shown as trained → now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import streamlit as st

from explorer import figures, measures
from explorer.card import ModelCard
from explorer.knobs import Turn, largest, trained_values, values_of
from explorer.lens import PANELS, LensChoice, LensLook, Section
from explorer.ui.common import heading, plain, plot
from explorer.ui.desk import gain_desk
from explorer.ui.layers import rate_panel, sparsity_panel
from explorer.ui.lens import draw_lens, lens_choice, view_name
from explorer.ui.remembered import remembered
from explorer.ui.run import RunView
from explorer.ui.turned import knob_moves, knobs_now, reset_knobs, turn
from explorer.ui.view import View

STEP_FACTORS = (0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.5, 2, 3, 5, 7, 10)
"""Values that the sliders of η and λ offer, as multiples of the trained value: finer near 1, even on a log scale."""
PICTURES_TEXT = (
    "Move over a picture to see a patch's attention. A knob shows in the layers after its own; those of the last "
    "layer change only the prediction."
)
STEP_NAMES = {"l": "Threshold weight λ", "e": "Step size η"}
STEP_HELP = {
    "l": "How high the threshold of the sparsifying step is. Higher: more entries become exactly zero.",
    "e": "How far the sparsifying step goes. It scales the threshold ηλ, too. Very large: the step overshoots.",
}
EVERY, ONE = "all layers", "this layer"


def gain_panel(view: RunView, layer: int) -> None:
    """A fader for every head of a layer, with mute, solo and reset."""
    words = "update" if view.card.has_subspaces else "output"
    heading(
        f"Heads of layer {layer}",
        f"The gain scales the head's {words}: 1 as trained, 0 silent, 2 twice as strong. Mute and Solo, clicked again, "
        "give back what was.",
    )
    gain_desk(view.card, view.knobs, layer)


def step_panel(view: RunView, layer: int) -> None:
    """λ and η of the layer or of all layers; and the way back to everything as trained."""
    card = view.card
    if not card.has_ista:
        none = f"A {card.family_label} has no sparsifying step: only its head gains can be turned."
        heading("Threshold and step", none)
        _resets(card, layer)
        return
    heading("Threshold and step of ISTA", _step_formula(card))
    chosen = remembered(
        st.segmented_control, "They are turned for", [EVERY, ONE], key="scope", default=EVERY, valid=[EVERY, ONE],
        required=True,
    )  # fmt: skip
    for kind in "le":
        _step(view, kind, layer if chosen == ONE else None)
    _resets(card, layer)


def _step_formula(card: ModelCard) -> str:
    """The thresholding step of the family, and what it does."""
    if card.is_nanochat:
        return (
            r"$A = \mathrm{ReLU}(\eta(D_{\mathrm{enc}}X - \lambda\theta))$: what lies under $\lambda\theta$ becomes 0. "
            r"$\theta$ was learned, one for each atom; $\lambda = 1$ leaves it as it is."
        )
    if not card.codes_dim:
        step = r"Z^{\ell+1} = \mathrm{ReLU}(X + \eta D^\top(X - DX) - \eta\lambda)"
    else:
        step = r"A_{i+1} = \mathrm{ReLU}(A_i - \eta D^\top(DA_i - X) - \eta\lambda)"
    return rf"${step}$: what lies under $\eta\lambda$ becomes 0."


def _step(view: RunView, kind: str, layer: int | None) -> None:
    """The slider of λ or η; for all layers, it stands at the first layer's value while they differ."""
    card, key = view.card, f"step_{kind}_{layer or 'all'}"
    values, trained = values_of(view.knobs, card, kind), float(trained_values(card, kind)[(layer or 1) - 1])
    now = float(values[(layer or 1) - 1])
    mixed = layer is None and bool((values != values[0]).any())
    base = largest(card, kind, layer) / STEP_FACTORS[-1]
    options = sorted({*(float(f"{base * factor:.6g}") for factor in STEP_FACTORS), trained, now})
    _stand_at(key, now)
    st.select_slider(
        f"{STEP_NAMES[kind]} ({trained:.3g} as trained)" + (", differs by layer" if mixed else ""),
        options, key=key, format_func=lambda value: f"{value:.3g}", help=STEP_HELP[kind],
        on_change=lambda: turn(card, [Turn(kind, layer, None, st.session_state[key])]),
    )  # fmt: skip


def _stand_at(key: str, value: float) -> None:
    """Put a slider at a value, unless it stands there: setting it again would undo a key press under way."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value


def _resets(card: ModelCard, layer: int) -> None:
    names = ("g", "l", "e") if card.has_ista else ("g",)
    back = [
        Turn(kind, layer, head + 1 if kind == "g" else None, float(value))
        for kind in names
        for head, value in enumerate(np.atleast_1d(trained_values(card, kind)[layer - 1]))
    ]
    with st.container(horizontal=True):
        st.button("Reset this layer", key="reset_layer", on_click=turn, args=(card, back), icon=":material/undo:")
        st.button("Reset all", key="reset_all", on_click=reset_knobs, args=(card,), icon=":material/restart_alt:")


def prediction_change(view: View) -> None:
    """The five most probable classes now, each with its change; the class as trained is added when it dropped out."""
    now, before = (measures.probabilities(one.trace.logits[0]) for one in (view, view.trained))
    shown = list(np.argsort(-now, kind="stable")[:5])
    if (first := int(np.argmax(before))) not in shown:
        shown.append(first)
    names = [view.card.class_name(i) for i in shown]
    deltas = now[shown] - before[shown] if view.turned else None
    heading("Prediction", "The most probable classes, softmax of the logits.")
    plot(figures.prediction_bars(names, now[shown], deltas), "predictions")
    st.caption(
        "In brackets: the change against the network as trained, in percentage points (pp)."
        if view.turned
        else "As trained. Turn a knob, and each class shows how far it moved."
    )


def change_sentence(view: View, rates: bool) -> str:
    """What the turned knobs changed, in one sentence. rates: R^c and non-zeros too, which take longer."""
    now, before = (measures.probabilities(one.trace.logits[0]) for one in (view, view.trained))
    was, best = int(np.argmax(before)), int(np.argmax(now))
    name = plain(view.card.class_name(was))
    if not view.turned:
        return f"As trained, the model says “{name}” with {before[was]:.0%}. Nothing is turned yet."
    text = f"“{name}” {before[was]:.0%} → {now[was]:.0%}"
    if was != best:
        text += f", now “{plain(view.card.class_name(best))}” with {now[best]:.0%}"
    return f"**{text}{_rate_words(view) if rates else ''}**"


def _rate_words(view: View) -> str:
    now, before = view.curves(), view.trained.curves()
    rate, zeros = (float(curve[-1] - other[-1]) for curve, other in zip(now, before, strict=True))
    return f"; $R^c$ of the last layer {_signed(rate)} nats, its non-zeros {_signed(100 * zeros)} pp"


def _signed(number: float) -> str:
    return f"{number + 0.0:+.1f}".replace("-", "−")


def ghost_note(view: View) -> None:
    """What the dotted curve and the grey one are, once knobs are turned."""
    if view.turned:
        st.caption("Dotted: the network as trained. The grey control has the same knobs turned.")


def before_and_after(view: View) -> Callable[[], None]:
    """What changed in a sentence; attention and objects as trained and now, in a lens.

    Attention and objects are read from what enters a layer: so the last layer is where most knobs show.
    Returns what takes longer: the objects, and how much changed in numbers.
    """
    layers, trained = view.card.layers, view.trained
    sentence = st.empty()
    sentence.markdown(change_sentence(view, rates=False))
    heading("Attention and objects", PICTURES_TEXT)
    choice = lens_choice(view, "read", layers)
    names = (("attention", "Attention"), ("objects", "Objects"))
    panels = [PANELS["photo"], *(PANELS[name] for name, _ in names)]
    if view.turned:
        was = view_name(trained)
        panels = [
            panel
            for name, title in names
            for panel in (
                replace(PANELS[name], title=f"{title} as trained", view=was),
                replace(PANELS[name], title=f"{title} now", like=(was,)),
            )
        ]
    segment = draw_lens(
        view, choice, [Section(panels)], LensLook(), key="knob_lens", layer_key="read", layer_label="Look at layer",
        others=[trained] if view.turned else [], ahead=False,
    )  # fmt: skip
    note = st.empty()

    def finish() -> None:
        sentence.markdown(change_sentence(view, rates=True))
        segment()
        if view.turned:
            note.caption(_overlaps(view, choice))

    return finish


def turned_view(view: View) -> View:
    """A view under the knobs as they are turned now, also while the rest of the page still shows what was."""
    return view.under(knobs_now(view.card))


def page_follows(now: View, shown: View, finish: Callable[[], None]) -> None:
    """The end of the part that follows a knob at once: what takes longer, or the whole page in its turn."""
    if now.key == shown.key:
        finish()
    elif not knob_moves():
        st.rerun()


def knob_curves(view: View, layer: int) -> None:
    """R^c and non-zeros of every layer, now, as trained (dotted) and in the control."""
    section = Section([rate_panel(view), sparsity_panel(view)], wide=True)
    choice = replace(lens_choice(view, "read", view.card.layers), layer=layer)
    draw_lens(view, choice, [section], LensLook(), key="knob_curves", toolbar=(), ahead=False)


def _overlaps(view: View, choice: LensChoice) -> str:
    """IoU before and after, of the kept attention and of the objects taken together."""
    heads, token, layer = choice.heads or None, choice.token, choice.layer
    pairs = {
        "for the patches that hold 60 % of the attention": ("attention", {"head": heads, "token": token}),
        "for all objects taken together": ("maskcut", {"head": None, **LensLook().options("maskcut")}),
    }
    parts = []
    for words, (method, options) in pairs.items():
        found = [
            one.measured(measures.segment_trace, method=method, layer=layer, **options).labels > 0
            for one in (view.trained, view)
        ]
        parts.append(f"{measures.iou(*found):.2f} {words}" if found[0].any() or found[1].any() else f"none {words}")
    return f"IoU of before and now: {'; '.join(parts)}. 1 means unchanged. Both pictures of attention share one scale."
