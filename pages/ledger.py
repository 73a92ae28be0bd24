"""Is each layer doing what the theory says? The objective, half step by half step."""

import streamlit as st

from explorer import ui

ui.title("Ledger")
st.markdown(
    "CRATE is derived from one objective: tokens should carry much information as a whole (a high $R$), little "
    "within the subspaces (a low $R^c$), in few entries that are not zero: "
    "$\\;\\max\\; R(Z) - R^c(Z;\\,U) - \\lambda\\|Z\\|_0$. Compression should lower $R^c$, "
    "sparsification should win zeros and keep $R$. This page keeps the accounts."
)
view = ui.current_view()
settings, layer = ui.ledger_settings(), ui.layer_slider(view)
eps_squared = settings.eps_squared
ui.ledger_note(view.card)

ui.plot(ui.ledger_figure(view, settings, layer), "ledger_curve")
st.caption(ui.LEDGER_CAPTION)
ui.verdict(view, settings)
ui.ledger_table(view, settings)
st.caption(ui.TABLE_CAPTION)

ui.heading("What each head costs", "$R^c$ is exactly the sum over the heads: a tall slice is a head that spends much.")
heads, bounds = st.columns(2)
with heads:
    ui.plot(ui.heads_figure(view, layer, eps_squared), "ledger_heads")
    st.caption("Tokens that enter each layer, as they are, at the ε² chosen above. Compare layers and heads.")
with bounds:
    ui.plot(ui.bounds_figure(view, layer), "ledger_bounds")
    st.caption(ui.BOUNDS_CAPTION)

ui.heading(
    f"Where on the photo, layer {layer}",
    "What the rate would lose without a patch, exactly: $R$ of all tokens, $R^c$ in the subspaces, which compression "
    "should lower, and what the first half step did to it. Each map has a scale of its own, written below it. Point "
    "at a patch to read its values; click to pin it.",
)
ui.ledger_lens(view, layer, eps_squared)

ui.heading("How white is each layer?", "Each step against the optimisation step that it was derived from.")
ui.whiteness_curves(view, layer, eps_squared)

ui.heading(f"What ε² decides, layer {layer}", "The same tokens, coded finely (left) to coarsely (right).")
ui.distortion_curves(view, layer, eps_squared)
ui.take_away(view)
ui.glossary()
