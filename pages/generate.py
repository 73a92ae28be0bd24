"""How does the model go on with a text, and what happens inside while it does?"""

import streamlit as st

from explorer import ui

ui.title("Generate")
st.markdown(
    "The model foretells the next token, one is **drawn**, and it begins again with a text that is one token longer."
)
view = ui.current_text()
sampling, wanted = ui.sampling_settings()
whole = ui.generation(view, sampling, wanted)


@ui.fragment
def look() -> None:
    """The lens on the whole text, and the codes of the token it looks at: a choice in it reruns only this."""
    if whole is not None:
        ui.codes_in_lens(whole, ui.text_lens(whole))


look()
ui.glossary()
