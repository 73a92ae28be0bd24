"""What does each layer do to the tokens: how far does it compress them, how sparse does it make them?"""

import streamlit as st

from explorer import ui

ui.title("Layers")
view = ui.current_view()


@ui.fragment
def look() -> None:
    """What depends on the layer: a step in the lens reruns only this."""
    choice = ui.lens_choice(view)
    ui.layer_bar(view, choice)
    ui.equations(view, view.layer_measures()[choice.layer - 1])
    position = ui.rate_position()
    finish = ui.layers_lens(view, choice, position)
    st.caption(f"{position.explanation} {ui.sparsity_caption(view.card)}")
    ui.ghost_note(view)
    finish()
    ui.threshold_note(view.card)


look()
ui.layer_downloads(view)
ui.take_away(view)
ui.glossary()
