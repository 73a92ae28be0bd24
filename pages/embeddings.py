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
rows = ui.current_rows()
part = ui.page_part("embeddings", PARTS)
ui.weights_note(rows)


@ui.fragment
def near() -> None:
    """A token's neighbours."""
    ui.token_neighbours(rows, ui.token_choice(rows))


@ui.fragment
def code() -> None:
    """A token's code in a dictionary that is learned here."""
    ui.token_code(rows, ui.token_choice(rows))


def row_map() -> None:
    """All rows as points."""
    ui.row_map(rows)


def curves() -> None:
    """What was measured."""
    ui.measured_curves(rows)


{"near": near, "code": code, "map": row_map, "curves": curves}[part]()
ui.glossary()
