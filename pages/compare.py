"""What do two to four networks make of the same photo, and how far apart are they?"""

import streamlit as st

from explorer import ui

PARTS = {"pictures": "Side by side", "numbers": "How far apart"}

ui.title("Compare")
sides = ui.chosen_sides()
part = ui.page_part("comparison", PARTS)
by_depth = ui.layers_go(sides)


@ui.fragment
def pictures() -> None:
    """What depends on layer, heads and patch: a choice in the lens reruns only this."""
    ui.compare_lens(sides, rows, by_depth)


@ui.fragment
def numbers() -> None:
    """The differences at the layer and heads of the lens."""
    layer, heads = ui.difference_lens(sides, by_depth)
    ui.difference_table(sides, layer, heads, by_depth)
    ui.difference_figures(sides, layer, by_depth)


if part == "pictures":
    rows = ui.shown_rows()
    pictures()
    if "prediction" in rows:
        ui.prediction_table(sides)
elif len(sides) > 1:
    numbers()
else:
    st.info("Choose a model for B: then A is compared with it.")
ui.glossary()
