"""Is each layer doing what the theory says? The objective, half step by half step."""

import streamlit as st

from explorer.ui.frame.page import glossary, title
from explorer.ui.frame.widgets import fragment, heading, page_part, plot
from explorer.ui.sections.ledger.accounts import (
    BOUNDS_CAPTION,
    bounds_figure,
    distortion,
    heads_figure,
    ledger_accounts,
    ledger_note,
)
from explorer.ui.sections.ledger.on_photo import ledger_lens
from explorer.ui.sections.ledger.table import ledger_table
from explorer.ui.sections.ledger.whiteness import distortion_curves, whiteness_curves
from explorer.ui.view.layer import layer_slider
from explorer.ui.view.photo import current_view
from explorer.ui.view.take_away import take_away

PARTS = {
    "accounts": "Every half step",
    "photo": "Where on the photo",
    "white": "How near to the theory's steps",
    "distortion": "What ε² decides",
}

title("Ledger")
st.markdown(
    "CRATE is derived from one objective: tokens should carry much information as a whole (a high $R$), little "
    "within the subspaces (a low $R^c$), in few entries that are not zero: "
    "$\\;\\max\\; R(Z) - R^c(Z;\\,U) - \\mu\\|Z\\|_0$ (the papers write λ for the price μ). Compression should lower "
    "$R^c$, sparsification should win zeros and keep $R$. This page keeps the accounts."
)
view = current_view()
ledger_note(view.card)
part = page_part("books", PARTS)


def accounts() -> None:
    """Every half step: as a curve, as a table, and head by head."""
    settings = ledger_accounts(view)
    ledger_table(view, settings)
    heading("What each head costs", "$R^c$ is exactly the sum over the heads: a tall slice spends much.")
    heads, bounds = st.columns(2)
    with heads:
        figure, said = heads_figure(view, settings.eps_squared)
        plot(figure, "ledger_heads", verdict=said)
        st.caption("Tokens that enter each layer, as they are, at the ε² chosen above. Compare layers and heads.")
    with bounds:
        figure, said = bounds_figure(view)
        plot(figure, "ledger_bounds", verdict=said)
        st.caption(BOUNDS_CAPTION)


@fragment
def on_the_photo() -> None:
    """What the tokens of a layer cost; a step runs only this part again."""
    st.markdown(
        "What the rate would lose without a patch, exactly: $R$ of all tokens, $R^c$ in the subspaces, which "
        "compression should lower, and what the first half step did to it. Each map has a scale of its own, written "
        "below it. Point at a patch to read its values; click to pin it."
    )
    _, eps_squared = layer_and_distortion()
    ledger_lens(view, eps_squared)


@fragment
def against_distortion() -> None:
    """One layer's tokens at every ε²; a step runs only this part again."""
    st.markdown("The same tokens, coded finely (left) to coarsely (right).")
    layer, eps_squared = layer_and_distortion()
    distortion_curves(view, layer, eps_squared)


def layer_and_distortion() -> tuple[int, float]:
    """The controls of the parts that look at one layer."""
    left, right = st.columns(2)
    with left:
        layer = layer_slider(view)
    with right:
        return layer, distortion()


def whiteness() -> None:
    """Every layer's steps beside those that they were derived from."""
    st.markdown("Each step against the optimisation step that it was derived from.")
    whiteness_curves(view, distortion())


{"accounts": accounts, "photo": on_the_photo, "white": whiteness, "distortion": against_distortion}[part]()
take_away(view)
glossary()
