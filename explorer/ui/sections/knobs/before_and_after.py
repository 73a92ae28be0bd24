"""What turned knobs change: pictures, prediction and curves, as trained → now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import streamlit as st

from explorer import figures, measures
from explorer.lens import PANELS, LensChoice, LensLook, Section
from explorer.ui.frame.widgets import heading, plain, plot
from explorer.ui.panels.layers import rate_panel, sparsity_panel
from explorer.ui.state.knobs import knob_moves, knobs_now
from explorer.ui.view.photo import View
from explorer.ui.view.photo_lens import PhotoLens, draw_lens, lens_choice, usual_look, view_name
from explorer.words import NO_HEAD

PICTURES_TEXT = (
    "Move over a picture to see a patch's attention. A knob shows in the layers after its own; those of the last "
    "layer change only the {answer}."
)


def prediction_change(view: View) -> None:
    """The five most probable classes now, each with its change; the class as trained is added when it dropped out."""
    if not view.card.has_head:
        heading("Prediction", NO_HEAD)
        return
    now, before = (measures.prediction.probabilities(one.trace.logits[0]) for one in (view, view.trained))
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
    if not view.card.has_head:
        return _feature_sentence(view, rates)
    now, before = (measures.prediction.probabilities(one.trace.logits[0]) for one in (view, view.trained))
    was, best = int(np.argmax(before)), int(np.argmax(now))
    name = plain(view.card.class_name(was))
    if not view.turned:
        return f"As trained, the model says “{name}” with {before[was]:.0%}. Nothing is turned yet."
    text = f"“{name}” {before[was]:.0%} → {now[was]:.0%}"
    if was != best:
        text += f", now “{plain(view.card.class_name(best))}” with {now[best]:.0%}"
    return f"**{text}{_rate_words(view) if rates else ''}**"


def _feature_sentence(view: View, rates: bool) -> str:
    """change_sentence of a model that predicts nothing: how far its features turned."""
    if not view.turned:
        return f"{NO_HEAD} Nothing is turned yet."
    now, before = (one.trace.points[view.card.answer][0].astype(float) for one in (view, view.trained))
    length = np.linalg.norm(now) * np.linalg.norm(before)
    cosine = float(now @ before / length) if length else 0.0
    return f"**Cosine of the features now and as trained: {cosine:.3f}{_rate_words(view) if rates else ''}**"


def _rate_words(view: View) -> str:
    now, before = view.curves(), view.trained.curves()
    rate, zeros = (float(curve[-1] - other[-1]) for curve, other in zip(now, before, strict=True))
    return f"; $R^c$ of the last layer {_signed(rate)} nats, its non-zeros {_signed(100 * zeros)} pp"


def _signed(number: float) -> str:
    return f"{number + 0.0:+.1f}".replace("-", "−")


def before_and_after(view: View) -> Callable[[], None]:
    """What changed in a sentence; attention and objects as trained and now, in a lens.

    Attention and objects are read from what enters a layer: so the last layer is where most knobs show.
    Returns what takes longer: the objects, and how much changed in numbers.
    """
    layers, trained = view.card.layers, view.trained
    sentence = st.empty()
    sentence.markdown(change_sentence(view, rates=False))
    heading("Attention and objects", PICTURES_TEXT.format(answer="prediction" if view.card.has_head else "features"))
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
    segment = draw_lens(PhotoLens(
        view, choice, [Section(panels)], usual_look(), key="knob_lens", layer_key="read", layer_label="Look at layer",
        others=[trained] if view.turned else [], ahead=False,
    ))  # fmt: skip
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
    draw_lens(PhotoLens(view, choice, [section], LensLook(), key="knob_curves", toolbar=(), ahead=False))


def _overlaps(view: View, choice: LensChoice) -> str:
    """IoU before and after, of where most attention goes and of the objects taken together."""
    heads, token, layer = choice.heads or None, choice.token, choice.layer
    pairs = {
        "for the patches that hold 60 % of the attention": ("attention", {"head": heads, "token": token}),
        "for all objects taken together": ("maskcut", {"head": None, **LensLook().options("maskcut")}),
    }
    parts = []
    for words, (method, options) in pairs.items():
        found = [
            one.measured(measures.patches.segment_trace, method=method, layer=layer, **options).labels > 0
            for one in (view.trained, view)
        ]
        parts.append(
            f"{measures.patches.iou(*found):.2f} {words}" if found[0].any() or found[1].any() else f"none {words}"
        )
    return f"IoU of before and now: {'; '.join(parts)}. 1 means unchanged. Both pictures of attention share one scale."
