"""What does each layer do to the tokens: how far does it compress them, how sparse does it make them?"""

import streamlit as st

from explorer import figures, ui

ui.title("Layers")
view = ui.current_view()
layer = ui.layer_player(view)
rows, control = view.layer_measures(), view.layer_measures(control=True)
now, other = rows[layer - 1], control[layer - 1]

ui.equations(view, now)

position = ui.rate_position()
compression, sparsity = st.columns(2)
with compression:
    st.plotly_chart(ui.rate_figure(view, layer, position), key="rate", config=ui.PLOT_CONFIG)
    st.caption(position.explanation)
with sparsity:
    st.plotly_chart(ui.sparsity_figure(view, layer), key="sparsity", config=ui.PLOT_CONFIG)
    st.caption(ui.sparsity_caption(view.card))

heads, histogram = st.columns(2)
with heads:
    title = f"R<sup>c</sup> of layer {layer}, head by head"
    per_head = (position.per_head(now), position.per_head(other))
    st.plotly_chart(figures.head_bars(*per_head, title=title), key="heads", config=ui.PLOT_CONFIG)
with histogram:
    ui.threshold_histogram(view, layer)

ui.heading(f"The tokens of layer {layer}", "A sample of tokens (rows) and dimensions, compressed and then sparsified.")
compressed, sparsified = st.columns(2)
with compressed:
    st.plotly_chart(ui.token_figure(view, layer, half=True), key="tokens_half", config=ui.PLOT_CONFIG)
with sparsified:
    st.plotly_chart(ui.token_figure(view, layer, half=False), key="tokens_next", config=ui.PLOT_CONFIG)

ui.heading("The same tokens on the photo", "What each patch adds to the rate, exactly, and how long its token is.")
rate, norm = st.columns(2)
with rate:
    st.plotly_chart(ui.token_rate_figure(view, layer), key="token_rate", config=ui.PLOT_CONFIG)
with norm:
    st.plotly_chart(ui.token_norm_figure(view, layer), key="token_norm", config=ui.PLOT_CONFIG)

ui.layer_downloads(view)
ui.glossary()
