"""What does one see here? One photo through one model, in four pictures and two curves; then the gallery."""

import streamlit as st

from explorer import figures, measures, ui

ui.title("Look inside a white-box transformer")
st.markdown(
    "**CRATE** is a transformer derived from an objective. Each of its layers first **compresses** the tokens of a "
    "photo towards a few learned subspaces, then **sparsifies** them against a learned dictionary. So every number "
    "inside has a meaning, and here you can look at all of them."
)
view = ui.current_view()
last, before_last = view.card.layers, measures.default_layer(view.card.layers, "maskcut")

photo, attention, objects, features = st.columns(4)
with photo:
    ui.picture("The photo", view.picture, ui.top_line(view))
with attention:
    heat = view.measured(measures.trace_attention, layer=last)
    overlay = figures.heat_overlay(view.picture, ui.enlarge_map(view, heat), alpha=0.65)
    ui.picture(
        "Its attention", overlay, f"what the network attends to: CLS attention of layer {last}, mean of the heads"
    )
with objects:
    found = ui.segments(view, "maskcut", before_last)
    overlay = figures.mask_overlay(view.picture, ui.masks(found), alpha=0.5)
    ui.picture(
        "Its objects", overlay, f"what it separates, without any mask in training: MaskCut on layer {before_last}"
    )
with features:
    overlay = figures.rgb_overlay(view.picture, *ui.parts(view, before_last), alpha=0.75)
    ui.picture(
        "Its parts", overlay, f"what it tells apart: three principal components of layer {before_last} as colours"
    )

compression, sparsity = st.columns(2)
compression.plotly_chart(ui.rate_figure(view), key="start_rate", config=ui.PLOT_CONFIG)
compression.caption(ui.COMPRESSION_CAPTION)
sparsity.plotly_chart(ui.sparsity_figure(view), key="start_sparsity", config=ui.PLOT_CONFIG)
sparsity.caption(ui.SPARSITY_CAPTION)

st.subheader("Try another photo", anchor=False)
ui.choose_photo("pages/segment.py")
ui.glossary()
