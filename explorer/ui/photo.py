import streamlit as st


def pick_patch(picture, rows, cols, patch, stride, selected, key, alt, on_pick=None):
    st.image(picture, alt=alt)
