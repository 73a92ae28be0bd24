"""What do the atoms of the dictionaries stand for: where does a code fire, and which words does it speak for?"""

import streamlit as st

from explorer import ui

PARTS = {"token": "Codes of a token", "word": "Find by a word", "all": "All codes"}

ui.title("Features")
if ui.language_card().has_ista:
    what = (
        "The sparsifying step writes every token as a few atoms of a learned dictionary. "
        "**Which atom stands for what?**"
    )
else:
    what = "A GPT has no dictionary; the neurons of its MLPs stand in for codes here. **Which neuron stands for what?**"
st.markdown(
    f"{what} Choose a token of a text and see its strongest codes; choose a code and see where else it fires, and "
    "which words it speaks for."
)
view = ui.current_text()
data = ui.feature_data(view.card)
if data:
    ui.index_caption(view.card, *data)
part = ui.page_part("features", PARTS) if data else "token"
left, right = st.columns(2, gap="large")
with left:
    layer = ui.layer_slider(view, "Layer of the code" if part == "word" else "Layer ℓ")
with right:
    place = ui.token_place(view) if part == "token" else 0
if part == "token":
    ui.token_codes(view, data[0] if data else None, layer, place)
elif part == "word" and data:
    ui.code_search(view.card, data[0])
elif data:
    ui.feature_overview(view.card, data[0], layer)
if data and part != "all":
    ui.code_card(view.card, data[0], layer, ui.code_number(view.card, ui.strongest_code(view, layer, place)))
ui.take_away(view)
ui.glossary()
