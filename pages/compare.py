"""What do networks make of the same photo, how far apart are they, and how did training get there?"""

import streamlit as st

from explorer import ui

PARTS = {"pictures": "Side by side", "numbers": "How far apart", "film": "Training as a film", "photos": "Many photos"}

ui.title("Compare")
part = ui.page_part("comparison", PARTS)


@ui.fragment
def pictures() -> None:
    """What depends on layer, heads and patch: a choice in the lens reruns only this."""
    ui.compare_lens(sides, rows, by_depth, look)


@ui.fragment
def numbers() -> None:
    """The differences at the layer and heads of the lens."""
    layer, heads = ui.difference_lens(sides, by_depth)
    ui.difference_table(sides, layer, heads, by_depth)
    ui.difference_figures(sides, layer, by_depth)


@ui.fragment
def play(film: ui.Film) -> None:
    """The film, in which only epoch, layer, heads and patch change."""
    ui.film_lens(film)


if part == "film":
    if film := ui.film_of_run():
        play(film)
        ui.film_sheet(film)
else:
    sides = ui.chosen_sides()
    by_depth = ui.layers_go(sides)
    if part == "pictures":
        rows = ui.shown_rows()
        look = ui.compared_look(sides, rows)
        pictures()
        if "prediction" in rows:
            ui.prediction_table(sides)
    elif part == "numbers" and len(sides) > 1:
        numbers()
    elif len(sides) > 1:
        ui.many_photos(sides, by_depth)
    else:
        st.info("Choose a model for B: then A is compared with it.")
ui.glossary()
