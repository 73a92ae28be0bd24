"""What does a knob do? Turn the network's own equation, and see it as trained and now."""

import streamlit as st

from explorer import ui

ui.title("Knobs")
st.caption(
    "Change the network itself, without training: how much each head counts, how high the threshold is, how far the "
    "step goes. All pages follow. Size and stride are knobs as well; they are in the sidebar."
)
view = ui.current_view()
layer = ui.layer_slider(view)
ui.gain_panel(view, layer)
ui.step_panel(view, layer)

ui.heading("What changed")
sentence = st.empty()
sentence.markdown(ui.change_sentence(view, rates=False))
show_objects = ui.before_and_after(view)
ui.prediction_change(view)
ui.knob_curves(view, layer)
st.caption(f"{ui.COMPRESSION_CAPTION} {ui.SPARSITY_CAPTION}")
ui.ghost_note(view)
sentence.markdown(ui.change_sentence(view, rates=True))
show_objects()

ui.head_ranking(view, layer)
ui.take_away(view)
ui.glossary()
