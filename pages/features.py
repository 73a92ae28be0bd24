"""What do the atoms of the dictionaries stand for: where does a code fire, and which words does it speak for?"""

import streamlit as st

from explorer.ui.frame.page import glossary, title
from explorer.ui.frame.sidebar import language_card
from explorer.ui.frame.widgets import page_part, verdict_line
from explorer.ui.panels.headline import codes_line
from explorer.ui.sections.features import (
    code_card,
    code_number,
    code_search,
    feature_data,
    feature_overview,
    index_caption,
    strongest_code,
    token_codes,
)
from explorer.ui.view.layer import layer_slider
from explorer.ui.view.take_away import take_away
from explorer.ui.view.text import current_text
from explorer.ui.view.text_lens import token_place

PARTS = {"token": "Codes of a token", "word": "Find by a word", "all": "All codes"}

title("Features")
if language_card().has_ista:
    what = (
        "The sparsifying step writes every token as a sum of atoms of a learned dictionary, of few where it is sparse. "
        "**Which atom stands for what?**"
    )
else:
    what = "A GPT has no dictionary; the neurons of its MLPs stand in for codes here. **Which neuron stands for what?**"
st.markdown(
    f"{what} Choose a token of a text and see its strongest codes; choose a code and see where else it fires, and "
    "which words it speaks for."
)
view = current_text()
data = feature_data(view.card)
if data:
    index_caption(view.card, *data)
part = page_part("features", PARTS) if data else "token"
left, right = st.columns(2, gap="large")
with left:
    layer = layer_slider(view, "Layer of the code" if part == "word" else "Layer ℓ")
with right:
    place = token_place(view) if part == "token" else 0
verdict_line(codes_line(view, layer), "codes")
if part == "token":
    token_codes(view, data[0] if data else None, layer, place)
elif part == "word" and data:
    code_search(view.card, data[0])
elif data:
    feature_overview(view.card, data[0], layer)
if data and part != "all":
    code_card(view.card, data[0], layer, code_number(view.card, strongest_code(view, layer, place)))
take_away(view)
glossary()
