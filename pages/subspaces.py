"""How do the tokens lie in the subspaces of a layer, what do its weights look like, and does the theory hold?"""

import streamlit as st

from explorer.ui.frame.menu import reads_text
from explorer.ui.frame.page import glossary, title
from explorer.ui.frame.widgets import fragment, page_part
from explorer.ui.sections.subspaces.photo_cloud import (
    cloud_caption,
    cloud_layout,
    cloud_note,
    cloud_settings,
    cloud_tokens,
    linked_cloud,
)
from explorer.ui.sections.subspaces.text_cloud import text_cloud
from explorer.ui.sections.subspaces.theory import theory_fit
from explorer.ui.sections.subspaces.weights import weight_geometry
from explorer.ui.view.layer import layer_slider
from explorer.ui.view.photo import View, current_view
from explorer.ui.view.take_away import take_away
from explorer.ui.view.text import TextView, current_text

PARTS = {"tokens": "Tokens of the photo", "weights": "Geometry of the weights", "theory": "Fit to the theory"}
OF_TEXT = {"tokens": "Tokens of the text", "weights": PARTS["weights"]}

title("Subspaces")
view = current_text() if reads_text() else current_view()
st.markdown(
    "Each layer projects every token into K small subspaces $U_k$, its heads, and compares tokens only there. See how "
    "the tokens lie in them, and what the learned directions themselves look like"
    + ("." if reads_text() else "; and whether both fit the theory.")
)
part = page_part("about", OF_TEXT if reads_text() else PARTS)


def cloud_of_photo(view: View) -> None:
    """Patches as points, linked to the photo."""
    st.markdown(
        "Each token is a point. Points that lie together are tokens that the layer treats alike: **point at one** to "
        "see its patch, **draw a line around some** to light them on the photo, or **drag a rectangle on the photo** "
        "to find them in the cloud. A selection stays while you move through the layers."
    )
    settings = cloud_settings(view)
    tokens = cloud_tokens(view, settings)
    cloud_note(view, tokens)
    places, axes = cloud_layout(tokens, settings)
    linked_cloud(view, tokens, settings, places, axes)
    cloud_caption(settings)


@fragment
def cloud_of_text(view: TextView) -> None:
    """Words as points; a selection reruns only this."""
    text_cloud(view, layer_slider(view))


if part == "weights":
    weight_geometry(view, layer_slider(view))
elif isinstance(view, TextView):
    cloud_of_text(view)
elif part == "theory":
    theory_fit(view, layer_slider(view))
else:
    cloud_of_photo(view)
take_away(view)
glossary()
