"""What does the network attend to, and which objects does it separate?"""

from explorer import figures
from explorer.ui.frame.page import glossary, title
from explorer.ui.frame.widgets import fragment, heading, plot
from explorer.ui.panels.prediction import prediction_caption
from explorer.ui.sections.segment import (
    mask_comparison,
    segment_downloads,
    segment_lens,
    segment_settings,
)
from explorer.ui.view.photo import current_view
from explorer.ui.view.take_away import take_away

title("Segment")
view = current_view()


@fragment
def look() -> None:
    """What depends on layer, heads and patch: a choice in the lens reruns only this."""
    settings = segment_settings(view)
    segment_lens(view, settings)
    segment_downloads(view, settings)
    mask_comparison(view, settings)


look()
heading("Prediction", prediction_caption(view))
plot(figures.prediction_bars(*view.top_classes()), "predictions")
take_away(view)
glossary()
