"""Two photos to pick from: `plain` has a 3×4 grid of 16 px patches, `dense` the same patches at stride 8."""

import numpy as np
import streamlit as st

from explorer.ui.photo import pick_patch

rows, cols = np.mgrid[:48, :64]
photo = np.stack([rows * 5, cols * 3, (rows // 16 + cols // 16) % 2 * 120], axis=2).astype(np.uint8)
red = np.zeros((3, 4, 4), np.uint8)
red[0, 0] = (255, 0, 0, 160)

if st.button("reset"):
    st.session_state.plain = None
if st.button("choose 12"):
    st.session_state.plain = 12
st.button("rerun")

left, right = st.columns(2)
with left:
    st.session_state.plain = pick_patch(
        photo, 3, 4, 16, 16, st.session_state.get("plain"), "plain photo", 'stripes & "squares" <b>', red
    )
    st.text(f"plain is {st.session_state.plain}")
with right:
    st.session_state.dense = pick_patch(
        photo, 5, 7, 16, 8, st.session_state.get("dense"), "dense photo", "the same", crisp=False
    )
    st.text(f"dense is {st.session_state.dense}")
