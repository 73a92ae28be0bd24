"""How does the model go on with a text, and what happens inside while it does?"""

import streamlit as st

from explorer.ui.frame.page import glossary, title
from explorer.ui.frame.widgets import fragment
from explorer.ui.sections.features.lists import codes_in_lens
from explorer.ui.sections.generate import generation, sampling_settings
from explorer.ui.view.take_away import take_away
from explorer.ui.view.text import current_text
from explorer.ui.view.text_lens import text_lens

title("Generate")
st.markdown(
    "The model predicts the next token, one is **drawn**, and it begins again with a text that is one token longer."
)
view = current_text()
sampling, wanted = sampling_settings()
whole = generation(view, sampling, wanted)


@fragment
def look() -> None:
    """The lens on the whole text, and the codes of the token it looks at: a choice in it reruns only this."""
    if whole is not None:
        codes_in_lens(whole, text_lens(whole))


look()
take_away(whole or view)
glossary()
