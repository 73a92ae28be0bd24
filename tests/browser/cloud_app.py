"""Clouds in a browser: two photos of 3×4 patches of 16 px; the points lie on the grid of the patches."""

import numpy as np
import streamlit as st

from explorer import figures
from explorer.ui.components.cloud import Sheet, token_cloud

ROWS, COLS, PATCH = 3, 4, 16
photos = int(st.number_input("photos", 1, 2, 1))
dims = 3 if st.checkbox("3-D") else 2
many = st.checkbox("many")
mirrored = st.checkbox("mirrored")
marks = "thumbnails" if st.checkbox("thumbnails") else "dots"
scale = 10 if many else 1
rows, cols, patch = ROWS * scale, COLS * scale, 4 if many else PATCH

height, width = rows * patch, cols * patch
y, x = np.mgrid[:height, :width]
picture = np.stack([y * 255 // height, x * 255 // width, (y // patch + x // patch) % 2 * 120], axis=2).astype(np.uint8)
sheet = Sheet(
    figures.jpeg_bytes(figures.contact_sheet([picture] * photos, 2 if photos == 2 else 1)),
    2 if photos == 2 else 1, (height, width), (rows, cols), patch, patch, ("left", "right <b>")[:photos],
    f"{photos}|{rows}",
)  # fmt: skip
r, c = np.mgrid[:rows, :cols]
one = np.stack([c / (cols - 1) * 2 - 1, (0.5 - r / (rows - 1)), 0 * r], axis=2).reshape(-1, 3)
places = np.concatenate([np.concatenate([[[0, 0.9, 0.5]], one * (-1 if mirrored else 1)])] * photos)
colours = figures.position_colours((rows, cols), photos)
axes = ("PC 1 (60%)", "PC 2 (20%)", "PC 3 (5%)")[:dims]
rates = np.linspace(0, 1, len(places))
chosen = token_cloud(sheet, places[:, :dims], axes, colours, rates, "cloud", "a test cloud", marks=marks)
st.text(f"chosen: {chosen.tolist() if len(chosen) < 30 else len(chosen)}")
st.button("rerun")
