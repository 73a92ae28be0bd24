"""What does the network attend to, and which objects does it separate?"""

from explorer import figures, ui

ui.title("Segment")
view = ui.current_view()


@ui.fragment
def look() -> None:
    """What depends on layer, heads and patch: a choice in the lens reruns only this."""
    settings = ui.segment_settings(view)
    ui.segment_lens(view, settings)
    ui.segment_downloads(view, settings)
    ui.mask_comparison(view, settings)


look()
ui.heading("Prediction", ui.prediction_caption(view))
ui.plot(figures.prediction_bars(*view.top_classes()), "predictions")
ui.take_away(view)
ui.glossary()
