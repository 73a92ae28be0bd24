"""What a user takes away from every page: the whole view as one file, numbers, figures as PNG or SVG, a link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from explorer import lens
from explorer.inputs import quoted
from explorer.knobs import turns_of, words_of
from explorer.measures.prediction import probabilities, top_class_indices
from explorer.report import AsTrained, PhotoReport, TextReport, about_run, about_text, report_html, text_report_html
from explorer.trace import Array
from explorer.ui.components.copy_link import copy_link
from explorer.ui.frame.widgets import FORMAT, FORMATS, download
from explorer.ui.state.settings import looked_at, url_setting
from explorer.ui.view.photo import View
from explorer.ui.view.photo_lens import last_choice, usual_look
from explorer.ui.view.run import RunView
from explorer.ui.view.text import TextView
from explorer.ui.view.text_lens import last_text_choice

Table = tuple[str, Callable[[], str], str]
"""Label, what makes the CSV, and the file's name."""


def take_away(view: View | TextView | None = None, table: Table | None = None) -> None:
    """The report of the input and model in view or the page's own numbers, the format of saved figures, and a link."""
    what = ["report"] * (view is not None) + ["numbers"] * (table is not None)
    with st.expander(f"Take it away: {', '.join([*what, 'figures', 'link'])}", icon=":material/ios_share:"):
        columns = st.columns(3 if what else 2)
        if what:
            with columns[0]:
                if view is not None:
                    _report_button(view)
                if table is not None:
                    st.markdown("**Numbers.** What this page shows, one line for each row.")
                    download(*table)
        with columns[-2]:
            st.markdown("**Figures.** The camera above each chart saves it; pictures offer PNG and SVG at their title.")
            url_setting(
                st.segmented_control, "The camera saves charts as", list(FORMATS), key=FORMAT, default=FORMATS[0],
                valid=list(FORMATS), required=True,
            )  # fmt: skip
        with columns[-1]:
            st.markdown(
                "**Link.** The address of this page restores what you see, model, input and settings included. "
                "Photos, files and texts too long for a link stay with you: take the report for those."
            )
            copy_link()


def _report_button(view: View | TextView) -> None:
    """The report, made when it is asked for: with what the lens shows by then."""
    st.markdown("**One file of this view.** Opens offline, anywhere, and the lens still works in it.")
    chosen = looked_at()
    if isinstance(view, TextView):
        chosen.setdefault("text", last_text_choice(view))
        download("Report (HTML)", lambda: _text_report(view, chosen["text"]), f"{view.file_stem}.html")
    else:
        chosen.setdefault("image", last_choice(view))
        chosen.setdefault("look", usual_look())
        download("Report (HTML)", lambda: _report(view, chosen["image"], chosen["look"]), f"{view.file_stem}.html")
        st.caption("Every layer is segmented for it: this takes a few seconds.")


def _report(view: View, choice: lens.LensChoice, look: lens.LensLook) -> bytes:
    about = about_run(view.card, view.photo.name, view.prepared, view.trace.stride, view.framing)
    if view.photo.credit:
        about["Credit"] = view.photo.credit
    subject = PhotoReport(
        title=f"{view.photo.name} through {view.card.name}", about=about | _turned(view), picture=view.picture,
        scale=view.scale, top=view.top_classes(), choice=choice, look=look, **_common(view),
        before=_before(view, top_class_indices(view.trace)),
    )  # fmt: skip
    return report_html(subject, view.drawn)


def _text_report(view: TextView, choice: lens.TextLensChoice) -> bytes:
    last = view.lens()[-1]
    subject = TextReport(
        title=f"{quoted(view.name)} through {view.card.name}",
        about=about_text(view.card, view.prepared, last) | _turned(view),
        prepared=view.prepared, next_tokens=view.lens(), choice=choice, before=_before(view, last.top[-1]),
        **_common(view),
    )  # fmt: skip
    return text_report_html(subject)


def _common(view: View | TextView) -> dict[str, Any]:
    """What every report takes from a view."""
    trained = AsTrained(view.trained.trace, view.trained.layer_measures()) if view.turned else None
    return {
        "file_stem": view.file_stem, "trace": view.trace, "rows": view.layer_measures(),
        "control": view.layer_measures(control=True), "trained": trained,
        "heads": view.head_numbers(),
    }  # fmt: skip


def _turned(view: RunView) -> dict[str, str]:
    return {"Turned knobs": "; ".join(words_of(turns_of(view.knobs, view.card)))} if view.turned else {}


def _before(view: RunView, names: Array) -> Array | None:
    """The probabilities as trained of what the report names; None where nothing is turned or predicted."""
    if not view.turned or not view.card.has_head:
        return None
    logits = view.trained.trace.logits[0]
    return probabilities(logits if logits.ndim == 1 else logits[-1])[np.asarray(names, int)]
