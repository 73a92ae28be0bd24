"""What is in the embedding matrix of a language model: which tokens lie together, and is there structure in it?"""

import streamlit as st

from explorer import ui

PARTS = {"near": "Neighbours", "code": "A token in atoms", "map": "All rows", "curves": "How sparse?"}

ui.title("Embeddings")
st.markdown(
    "Every token of the vocabulary has a row in the embedding matrix $E$: with it the token enters the network, and "
    "with it the output is read. **What is in these rows?** Choose a word and see which tokens lie near it, write its "
    "row as a few atoms of a learned dictionary, look at all rows at once, and see whether a sparse code finds more in "
    "them than in rows without structure."
)
card = ui.language_card()
part = ui.page_part("embeddings", PARTS)
if part == "curves":
    ui.measured_curves(card)
else:
    rows = ui.counted_rows(card)
    {"near": ui.token_neighbours, "code": ui.token_code, "map": ui.row_map}[part](rows)
ui.glossary()
