"""What is in the embedding matrix of a language model: which tokens lie together, and is there structure in it?"""

import streamlit as st

from explorer.ui.frame.page import glossary, title
from explorer.ui.frame.sidebar import language_card
from explorer.ui.frame.widgets import page_part
from explorer.ui.sections.embeddings.map import row_map
from explorer.ui.sections.embeddings.neighbours import token_neighbours
from explorer.ui.sections.embeddings.rows import counted_rows, measured_curves, token_code
from explorer.ui.view.take_away import take_away

PARTS = {"near": "Neighbours", "code": "A token in atoms", "map": "All rows", "curves": "How sparse?"}

title("Embeddings")
st.markdown(
    "Every token of the vocabulary has a row in the embedding matrix $E$: with it the token enters the network, and "
    "with it the output is read. **What is in these rows?** Choose a word and see which tokens lie near it, write its "
    "row as a few atoms of a learned dictionary, look at all rows at once, and see whether a sparse code finds more in "
    "them than in rows without structure."
)
card = language_card()
part = page_part("embeddings", PARTS)
if part == "curves":
    measured_curves(card)
else:
    rows = counted_rows(card)
    {"near": token_neighbours, "code": token_code, "map": row_map}[part](rows)
take_away()
glossary()
