"""What does a knob do? Turn the network's own equation, and see it as trained and now."""

import streamlit as st

from explorer import ui

ui.title("Knobs")
st.caption(
    "Change the network itself, without training: how much each head counts, how high the threshold is, how far the "
    "step goes. All pages follow. Size and stride are knobs as well; they are in the sidebar."
)
view = ui.current_view()
layer = ui.layer_slider(view, "Turn the knobs of layer ℓ")


@ui.fragment
def turn_and_see() -> None:
    """The knobs beside the pictures: while one is turned only this runs, then the page follows."""
    now = ui.turned_view(view)
    turning, seeing = st.columns([5, 6], gap="large")
    with seeing:
        finish = ui.before_and_after(now)
    with turning:
        ui.gain_panel(now, layer)
        ui.step_panel(now, layer)
    ui.page_follows(now, view, finish)


turn_and_see()
ui.prediction_change(view)
ui.knob_curves(view, layer)
st.caption(f"{ui.COMPRESSION_CAPTION} {ui.SPARSITY_CAPTION}")
ui.ghost_note(view)

ui.head_ranking(view, layer)
ui.take_away(view)
ui.glossary()
