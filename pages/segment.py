"""What does the network attend to, and which objects does it separate?"""

import streamlit as st

from explorer import figures, measures, ui

ui.title("Segment")
view = ui.current_view()
settings = ui.segment_settings(view)
layer, head, token = settings.layer, settings.head, settings.token

heat = view.measured(measures.trace_attention, layer=layer, head=head, token=token)
overlay = figures.heat_overlay(view.picture, ui.enlarge_map(view, heat), settings.alpha)
kept = ui.segments(view, "attention", layer, head, **settings.attention)
objects = ui.segments(view, "maskcut", layer, objects=settings.objects)

columns = st.columns(4)
with columns[0]:
    ui.heading("Photo")
    ui.pick_token(view, token)
    st.caption("Click a patch, or use the arrow keys, to see its attention; Escape for CLS.")
with columns[1]:
    ui.picture("Attention", overlay, f"layer {layer}, {ui.head_name(head)}, of {ui.token_name(view, token)}")
with columns[2]:
    drawn = figures.mask_overlay(view.picture, ui.masks(objects), settings.alpha)
    ui.picture("Objects (MaskCut)", drawn, f"layer {layer}, {ui.object_count(objects)}")
with columns[3]:
    drawn = figures.rgb_overlay(view.picture, *ui.parts(view, layer), settings.alpha)
    ui.picture("Parts (PCA-RGB)", drawn, f"layer {layer}, components 1–3 of the foreground")

ui.heading(
    f"Every head of layer {layer}", f"The attention of {ui.token_name(view, token)}, each head on its own scale."
)
ui.head_strip(view, layer, token, settings.alpha)

predictions, thresholded, clusters, strongest = st.columns(4)
with predictions:
    ui.heading("Prediction")
    st.plotly_chart(figures.prediction_bars(*view.top_classes()), key="predictions", config=ui.PLOT_CONFIG)
    st.caption(ui.prediction_caption(view))
with thresholded:
    drawn = figures.threshold_overlay(view.picture, kept.labels > 0, settings.alpha)
    ui.picture("Kept attention", drawn, settings.rule_name)
with clusters:
    drawn = figures.label_overlay(view.picture, ui.segments(view, "kmeans", layer).labels, settings.alpha)
    ui.picture("Clusters (k-means)", drawn, f"six clusters of the projections, layer {layer}")
with strongest:
    drawn = figures.label_overlay(view.picture, ui.segments(view, "subspace", layer).labels, settings.alpha)
    ui.picture("Strongest subspace", drawn, f"layer {layer}, relative to each subspace's mean energy")

ui.mask_comparison(view, settings)
ui.segment_downloads(view, settings, overlay)
ui.glossary()
