"""CRATE Explorer: page set-up, navigation, the shared sidebar, and the page."""

import streamlit as st

from explorer.errors import ExplorerError
from explorer.ui.frame.menu import navigation
from explorer.ui.frame.page import ICON, style
from explorer.ui.frame.sidebar import draw_sidebar
from explorer.ui.frame.tour import draw_tour
from explorer.ui.frame.widgets import show_problem
from explorer.ui.state.caches import warm_up

st.set_page_config(page_title="CRATE Explorer", page_icon=ICON, layout="wide")
style()
page = navigation()
try:
    draw_sidebar()
    draw_tour()
    page.run()
except ExplorerError as problem:
    show_problem(problem)
warm_up()
