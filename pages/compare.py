"""What do networks make of the same photo or text, how far apart are they, and how did training get there?"""

from explorer.ui.frame.menu import reads_text
from explorer.ui.frame.page import glossary, title
from explorer.ui.frame.widgets import fragment, page_part
from explorer.ui.sections.compare.film import film_lens, film_of_run, film_sheet
from explorer.ui.sections.compare.many_photos import many_photos
from explorer.ui.sections.compare.numbers import (
    chosen_pair,
    difference_figures,
    difference_lens,
    difference_table,
    nothing_to_compare,
)
from explorer.ui.sections.compare.pictures import compare_lens, compared_look, layers_go, prediction_table, shown_rows
from explorer.ui.sections.compare.sides import Side, chosen_sides
from explorer.ui.sections.compare.text_film import text_film
from explorer.ui.sections.compare.texts import TextSide, text_differences_of, text_side_by_side, text_sides
from explorer.ui.view.layer import layer_slider
from explorer.ui.view.take_away import take_away
from explorer.ui.view.text import TextView, current_text

PARTS = {"pictures": "Side by side", "numbers": "How far apart", "film": "Training as a film", "photos": "Many photos"}
OF_TEXT = {name: label for name, label in PARTS.items() if name != "photos"}

# What stands in a fragment depends on layer, heads, patch or epoch: a choice there reruns only that.
pictures, play = fragment(compare_lens), fragment(film_lens)


@fragment
def numbers(sides: list[Side], by_depth: bool) -> None:
    """The differences at the layer and heads of the lens."""
    layer, heads = difference_lens(sides, by_depth)
    difference_table(sides, layer, heads, by_depth)
    difference_figures(sides[0], chosen_pair(sides), layer, by_depth)


@fragment
def text_numbers(view: TextView, sides: list[TextSide]) -> None:
    """The differences on a text at the layer of the slider."""
    text_differences_of(sides, layer_slider(view))


def compare_photos(part: str) -> None:
    """The part of the page, on the photo of the sidebar."""
    if part == "film":
        if film := film_of_run():
            play(film)
            film_sheet(film)
        return
    sides = chosen_sides()
    by_depth = layers_go(sides)
    if part == "pictures":
        rows = shown_rows()
        pictures(sides, rows, by_depth, compared_look(sides, rows))
        if "prediction" in rows:
            prediction_table(sides)
    elif len(sides) == 1:
        nothing_to_compare()
    elif part == "numbers":
        numbers(sides, by_depth)
    else:
        many_photos(sides, by_depth)


def compare_texts(part: str) -> None:
    """The part of the page, on the text that is typed."""
    view = current_text()
    if part == "film":
        text_film(view)
        return
    sides = text_sides(view)
    if part == "pictures":
        text_side_by_side(sides)
    elif len(sides) == 1:
        nothing_to_compare()
    else:
        text_numbers(view, sides)


title("Compare")
if reads_text():
    compare_texts(page_part("comparison", OF_TEXT))
else:
    compare_photos(page_part("comparison", PARTS))
take_away()
glossary()
