"""How do the tokens lie in the subspaces of a layer, and which patches lie together?"""

import streamlit as st

from explorer import ui

ui.title("Subspaces")
view = ui.current_view()
st.markdown(
    "Each layer projects every token into K small subspaces $U_k$, its heads, and compares tokens only there. Here "
    "each token is a point. Points that lie together are tokens that the layer treats alike: **point at one** to see "
    "its patch, **draw a line around some** to light them on the photo, or **drag a rectangle on the photo** to find "
    "them in the cloud. A selection stays while you move through the layers."
)
settings = ui.cloud_settings(view)
tokens = ui.cloud_tokens(view, settings)
ui.cloud_note(view, tokens)
places, axes = ui.cloud_layout(tokens, settings)
ui.linked_cloud(view, tokens, settings, places, axes)
ui.cloud_caption(settings)

ui.weight_geometry(view, settings.layer)
ui.theory_fit(view, settings.layer)
ui.take_away(view)
ui.glossary()
