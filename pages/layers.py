"""What does each layer do to the tokens: how far does it compress them, how sparse does it make them?"""

import streamlit as st

from explorer.ui.frame.page import glossary, title
from explorer.ui.frame.widgets import fragment
from explorer.ui.panels.layers import equations, ghost_note, layer_downloads
from explorer.ui.sections.layers import (
    head_downloads,
    heads_lens,
    layer_bar,
    layers_lens,
    rate_position,
    sparsity_caption,
    threshold_note,
)
from explorer.ui.view.photo import current_view
from explorer.ui.view.photo_lens import lens_choice
from explorer.ui.view.take_away import take_away

title("Layers")
view = current_view()


@fragment
def look() -> None:
    """What depends on the layer: a step in the lens reruns only this."""
    choice = lens_choice(view)
    layer_bar(view, choice)
    equations(view, view.layer_measures()[choice.layer - 1])
    position = rate_position()
    finish = layers_lens(view, choice, position)
    st.caption(f"{position.explanation} {sparsity_caption(view.card)}")
    ghost_note(view)
    finish_heads = heads_lens(view, choice)
    finish()
    finish_heads()
    threshold_note(view.card)


look()
with st.container(horizontal=True):
    layer_downloads(view)
    head_downloads(view)
take_away(view)
glossary()
