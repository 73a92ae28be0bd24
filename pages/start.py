"""What does one see here? One photo through one model, in four pictures and two curves; then the gallery."""

import streamlit as st

from explorer.ui.frame.page import glossary, title
from explorer.ui.frame.tour import offer_tours
from explorer.ui.frame.widgets import plain
from explorer.ui.panels.headline import headline
from explorer.ui.sections.start import choose_photo, first_lens, how_to_look, layer_walk
from explorer.ui.view.photo import current_view
from explorer.ui.view.take_away import take_away
from explorer.words import COMPRESSION_CAPTION, SPARSITY_CAPTION

title("Look inside a white-box transformer")
st.markdown(
    "**CRATE** is a transformer derived from an objective. Each of its layers first **compresses** the tokens of a "
    "photo towards a few learned subspaces, then **sparsifies** them against a learned dictionary. So every number "
    "inside has a meaning, and here you can look at all of them."
)
offer_tours()
view = current_view()
held = st.empty()
st.markdown(how_to_look(view))
show_objects = first_lens(view)
st.caption(f"{COMPRESSION_CAPTION} {SPARSITY_CAPTION}")

st.subheader("What a layer does to one patch", anchor=False)
film = st.container()
st.page_link("pages/text.py", label="It reads text, too: type a sentence", icon=":material/notes:")
st.subheader("Try another photo", anchor=False)
choose_photo("pages/segment.py")
take_away(view)
glossary()
held.markdown(f"**And here?** {plain(headline(view, 'this photo'))}.")
show_objects()
with film:
    layer_walk(view)
