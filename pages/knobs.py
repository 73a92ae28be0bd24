"""What does a knob do? Turn the network's own equation, and see it as trained and now."""

import streamlit as st

from explorer.ui.frame.page import glossary, title
from explorer.ui.frame.widgets import fragment
from explorer.ui.panels.knobs import gain_panel, step_panel
from explorer.ui.panels.layers import ghost_note
from explorer.ui.sections.knobs.before_and_after import (
    before_and_after,
    knob_curves,
    page_follows,
    prediction_change,
    turned_view,
)
from explorer.ui.sections.knobs.ranking import head_ranking
from explorer.ui.view.layer import layer_slider
from explorer.ui.view.photo import current_view
from explorer.ui.view.take_away import take_away
from explorer.words import COMPRESSION_CAPTION, SPARSITY_CAPTION

title("Knobs")
st.caption(
    "Change the network itself, without training: how much each head counts, how high the threshold is, how far the "
    "step goes. All pages follow. Size and stride are knobs as well; they are in the sidebar."
)
view = current_view()
layer = layer_slider(view, "Turn the knobs of layer ℓ")


@fragment
def turn_and_see() -> None:
    """The knobs beside the pictures: while one is turned only this runs, then the page follows."""
    now = turned_view(view)
    turning, seeing = st.columns([5, 6], gap="large")
    with seeing:
        finish = before_and_after(now)
    with turning:
        gain_panel(now, layer)
        step_panel(now, layer)
    page_follows(now, view, finish)


turn_and_see()
prediction_change(view)
knob_curves(view, layer)
st.caption(f"{COMPRESSION_CAPTION} {SPARSITY_CAPTION}")
ghost_note(view)

head_ranking(view, layer)
take_away(view)
glossary()
