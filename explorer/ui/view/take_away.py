"""What a user takes away from every page: figures as PNG or SVG, the whole view as one file, a link."""

from __future__ import annotations

from functools import partial

import streamlit as st

from explorer import lens
from explorer.knobs import write_knobs
from explorer.measures.patches import segment_trace
from explorer.report import PhotoReport, TextReport, about_run, about_text, report_html, text_report_html
from explorer.ui.frame.widgets import FORMAT, FORMATS, download
from explorer.ui.state.settings import url_setting
from explorer.ui.view.photo import View
from explorer.ui.view.photo_lens import last_choice
from explorer.ui.view.text import TextView
from explorer.ui.view.text_lens import last_text_choice


def take_away(view: View | TextView) -> None:
    """The report of the input and model in view, the format of saved figures, and how a link works."""
    of_text = isinstance(view, TextView)
    with st.expander("Take it away: report, figures, link", icon=":material/ios_share:"):
        left, middle, right = st.columns(3)
        with left:
            st.markdown("**One file of this view.** Opens offline, anywhere, and the lens still works in it.")
            make = partial(_text_report, view) if of_text else partial(_report, view)
            download("Report (HTML)", make, f"{view.file_stem}.html")
            if not of_text:
                st.caption("Every layer is segmented for it: this takes a few seconds.")
        with middle:
            st.markdown("**Figures.** The camera above each chart saves it; pictures offer PNG and SVG at their title.")
            url_setting(
                st.segmented_control, "The camera saves charts as", list(FORMATS), key=FORMAT, default=FORMATS[0],
                valid=list(FORMATS), required=True,
            )  # fmt: skip
        with right:
            st.markdown(
                "**Link.** The address of this page restores what you see, model, input and settings included. "
                + ("Files and texts of more than 600 characters" if of_text else "Photos that you uploaded")
                + " stay in your session: take the report for those."
            )


def _report(view: View) -> bytes:
    about = about_run(view.card, view.photo.name, view.prepared, view.trace.stride, view.framing)
    if view.turned:
        about["Turned knobs"] = write_knobs(view.knobs, view.card)
    if view.photo.credit:
        about["Credit"] = view.photo.credit
    subject = PhotoReport(
        title=f"{view.photo.name} through {view.card.name}", file_stem=view.file_stem, about=about, trace=view.trace,
        picture=view.picture, scale=view.scale, rows=view.layer_measures(), control=view.layer_measures(control=True),
        top=view.top_classes(), choice=last_choice(view), look=lens.LensLook(),
    )  # fmt: skip
    return report_html(subject, partial(view.measured, segment_trace))


def _text_report(view: TextView) -> bytes:
    about = about_text(view.card, view.prepared, view.lens()[-1])
    if view.turned:
        about["Turned knobs"] = write_knobs(view.knobs, view.card)
    return text_report_html(
        TextReport(
            title=f"“{view.name}” through {view.card.name}", file_stem=view.file_stem, about=about, trace=view.trace,
            rows=view.layer_measures(), control=view.layer_measures(control=True), prepared=view.prepared,
            next_tokens=view.lens(), choice=last_text_choice(view),
        )
    )  # fmt: skip
