"""How do the tokens lie in the subspaces of a layer, what do its weights look like, and does the theory hold?"""

import streamlit as st

from explorer import ui

PARTS = {"tokens": "Tokens of the photo", "weights": "Geometry of the weights", "theory": "Fit to the theory"}
OF_TEXT = {"tokens": "Tokens of the text", "weights": PARTS["weights"]}

ui.title("Subspaces")
view = ui.current_text() if ui.reads_text() else ui.current_view()
st.markdown(
    "Each layer projects every token into K small subspaces $U_k$, its heads, and compares tokens only there. See how "
    "the tokens lie in them, and what the learned directions themselves look like"
    + ("." if ui.reads_text() else "; and whether both fit the theory.")
)
part = ui.page_part("about", OF_TEXT if ui.reads_text() else PARTS)


def cloud_of_photo(view: ui.View) -> None:
    """Patches as points, linked to the photo."""
    st.markdown(
        "Each token is a point. Points that lie together are tokens that the layer treats alike: **point at one** to "
        "see its patch, **draw a line around some** to light them on the photo, or **drag a rectangle on the photo** "
        "to find them in the cloud. A selection stays while you move through the layers."
    )
    settings = ui.cloud_settings(view)
    tokens = ui.cloud_tokens(view, settings)
    ui.cloud_note(view, tokens)
    places, axes = ui.cloud_layout(tokens, settings)
    ui.linked_cloud(view, tokens, settings, places, axes)
    ui.cloud_caption(settings)


@ui.fragment
def cloud_of_text(view: ui.TextView) -> None:
    """Words as points; a selection reruns only this."""
    ui.text_cloud(view, ui.layer_slider(view))


if part == "weights":
    ui.weight_geometry(view, ui.layer_slider(view))
elif isinstance(view, ui.TextView):
    cloud_of_text(view)
elif part == "theory":
    ui.theory_fit(view, ui.layer_slider(view))
else:
    cloud_of_photo(view)
ui.take_away(view)
ui.glossary()
