"""What do the atoms of the dictionaries stand for: where does a code fire, and which words does it speak for?"""

import streamlit as st

from explorer.ui.frame.page import glossary, title
from explorer.ui.frame.sidebar import language_card
from explorer.ui.frame.widgets import page_part, verdict_line
from explorer.ui.panels.headline import codes_line
from explorer.ui.sections.features.code import code_card
from explorer.ui.sections.features.index import feature_data, index_caption
from explorer.ui.sections.features.lists import code_list, code_number, code_search, strongest_code, token_codes
from explorer.ui.sections.features.overview import feature_overview
from explorer.ui.view.layer import layer_slider
from explorer.ui.view.take_away import take_away
from explorer.ui.view.text import current_text
from explorer.ui.view.text_lens import place_in_view, token_place

PARTS = {"token": "Codes of a token", "word": "Find by words", "list": "All codes", "all": "How rare, how particular"}

title("Features")
if language_card().has_ista:
    what = (
        "The sparsifying step writes every token as a sum of atoms of a learned dictionary, of few where it is sparse. "
        "**Which atom stands for what?**"
    )
else:
    what = "A GPT has no dictionary; the neurons of its MLPs stand in for codes here. **Which neuron stands for what?**"
st.markdown(
    f"{what} Choose a code on the left: of a token, by words, or from the list of all. On the right see where else it "
    "fires, which words it speaks for, and what the model says when it is turned."
)
view = current_text()
data = feature_data(view.card)
if data:
    index_caption(data)
part = page_part("features", PARTS) if data else "token"
left, right = st.columns([6, 7], gap="large") if data and part != "all" else (st.container(), None)
with left:
    layer = layer_slider(view, "Layer of the code" if part == "word" else "Layer ℓ")
    place = token_place(view) if part == "token" else place_in_view(view)
    verdict_line(codes_line(view, layer), "codes")
    if part == "token":
        token_codes(view, data, layer, place)
    elif part == "word" and data:
        code_search(data)
    elif part == "list" and data:
        code_list(data, layer)
    elif data:
        feature_overview(data.card, data.index, layer)
if data and right:
    with right:
        code_card(view, data, layer, code_number(data, strongest_code(view, layer, place)), place)
take_away(view)
glossary()
