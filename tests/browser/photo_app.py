"""Photos to pick from: `plain` has 3×4 patches of 16 px, `dense` the same at stride 8, `told` sets a widget."""

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

left, right, told = st.columns(3)
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
with told:
    wanted = st.number_input("wanted", 0, 12, key="wanted")
    pick_patch(
        photo, 3, 4, 16, 16, wanted or None, "told photo", "told",
        on_pick=lambda token: st.session_state.update(wanted=token or 0),
    )  # fmt: skip
    st.text(f"wanted is {wanted}")
