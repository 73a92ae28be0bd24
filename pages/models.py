"""Which models are there, where do they come from, and how is another one brought in?"""

import streamlit as st

from explorer import ui

st.title("Models", anchor=False)
ui.provider_line()
ui.zoo_table()
ui.heading(
    "Import a model", "An official checkpoint becomes a traced ONNX model, checked against torch before it is kept."
)
ui.import_form()
ui.heading("Remove a model", "Deletes the exported file; the checkpoint that it came from is not touched.")
ui.remove_form()
