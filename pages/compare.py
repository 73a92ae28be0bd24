"""What do networks make of the same photo or text, how far apart are they, and how did training get there?"""

from explorer import ui

PARTS = {"pictures": "Side by side", "numbers": "How far apart", "film": "Training as a film", "photos": "Many photos"}
OF_TEXT = {name: label for name, label in PARTS.items() if name != "photos"}

# What stands in a fragment depends on layer, heads, patch or epoch: a choice there reruns only that.
pictures, play = ui.fragment(ui.compare_lens), ui.fragment(ui.film_lens)


@ui.fragment
def numbers(sides: list[ui.Side], by_depth: bool) -> None:
    """The differences at the layer and heads of the lens."""
    layer, heads = ui.difference_lens(sides, by_depth)
    ui.difference_table(sides, layer, heads, by_depth)
    ui.difference_figures(sides[0], ui.chosen_pair(sides), layer, by_depth)


@ui.fragment
def text_numbers(view: ui.TextView, sides: list[ui.TextSide]) -> None:
    """The differences on a text at the layer of the slider."""
    ui.text_differences_of(sides, ui.layer_slider(view))


def compare_photos(part: str) -> None:
    """The part of the page, on the photo of the sidebar."""
    if part == "film":
        if film := ui.film_of_run():
            play(film)
            ui.film_sheet(film)
        return
    sides = ui.chosen_sides()
    by_depth = ui.layers_go(sides)
    if part == "pictures":
        rows = ui.shown_rows()
        pictures(sides, rows, by_depth, ui.compared_look(sides, rows))
        if "prediction" in rows:
            ui.prediction_table(sides)
    elif len(sides) == 1:
        ui.nothing_to_compare()
    elif part == "numbers":
        numbers(sides, by_depth)
    else:
        ui.many_photos(sides, by_depth)


def compare_texts(part: str) -> None:
    """The part of the page, on the text that is typed."""
    view = ui.current_text()
    if part == "film":
        ui.text_film(view)
        return
    sides = ui.text_sides(view)
    if part == "pictures":
        ui.text_side_by_side(sides)
    elif len(sides) == 1:
        ui.nothing_to_compare()
    else:
        text_numbers(view, sides)


ui.title("Compare")
if ui.reads_text():
    compare_texts(ui.page_part("comparison", OF_TEXT))
else:
    compare_photos(ui.page_part("comparison", PARTS))
ui.glossary()
