"""CRATE Explorer: page set-up, navigation, the shared sidebar, and the page."""

import streamlit as st

from explorer import ui
from explorer.errors import ExplorerError

st.set_page_config(page_title="CRATE Explorer", page_icon=ui.ICON, layout="wide")
page = ui.navigation()
ui.style()
try:
    ui.draw_sidebar()
    page.run()
except ExplorerError as problem:
    ui.show_problem(problem)
ui.warm_up()
