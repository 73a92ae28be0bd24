"""What the rows say in one line: whether neighbours are of one kind, beside the control and chance."""

from __future__ import annotations

import numpy as np
import streamlit as st

from explorer.measures.texts import TOKEN_KINDS, chance_agreement, kind_agreement, nearest_rows
from explorer.ui.frame.widgets import plain
from explorer.ui.sections.embeddings.rows import CONTROL, TRAINED, Rows
from explorer.ui.state import caches

NEAR = 8
"""Neighbours whose kinds are compared."""
NAMED = 5
SURE = 2.0
"""Standard errors by which a share has to be above another to be called more."""


def rows_verdict(rows: Rows) -> None:
    """Whether the neighbours of a row share its kind more often than in the control and by chance."""
    if len(rows.weights) <= NEAR:
        return
    own, control = (
        caches.once(f"{rows.key}|{who}", kind_agreement, rows.of[who], rows.kinds, count=NEAR)
        for who in (TRAINED, CONTROL)
    )
    chance = chance_agreement(rows.kinds)
    error = np.sqrt(own.var() / len(own) + control.var() / len(control))
    sorted_out = own.mean() > max(control.mean(), chance) + SURE * error
    st.markdown(
        f"**{'Neighbours are of one kind' if sorted_out else 'Neighbours are not of one kind'}**: of the {NEAR} rows "
        f"nearest to a token {own.mean():.0%} are of its kind, in the control {control.mean():.0%}, by chance "
        f"{chance:.0%}."
    )
    st.caption(f"Kinds: {', '.join(TOKEN_KINDS)}. Nearest by the cosine of all {rows.card.dim} numbers of a row, "
               f"not on the map; mean of {len(own):,} tokens.")  # fmt: skip


def token_verdict(rows: Rows, token: int) -> None:
    """The nearest tokens of one, and how many of them are of its kind."""
    if len(rows.weights) <= NEAR:
        return
    near, cosines = nearest_rows(rows.of[TRAINED], rows.of[TRAINED][token], NEAR + 1)
    others = near != token
    near, cosines = near[others][:NEAR], cosines[others][:NEAR]
    highest = float(nearest_rows(rows.of[CONTROL], rows.of[CONTROL][token], 2)[1][1])
    kind, alike = rows.kinds[token], int((rows.kinds[near] == rows.kinds[token]).sum())
    expected = ((rows.kinds == kind).sum() - 1) / (len(rows.kinds) - 1) * NEAR
    named = ", ".join(plain(rows.names[other]) for other in near[:NAMED])
    closer = "nearer than" if cosines[0] > highest else "no nearer than"
    st.markdown(
        f"**{plain(rows.names[token])}** ({TOKEN_KINDS[kind]}) lies nearest to {named}, {closer} anything in the "
        f"control (cosine {cosines[0]:.2f}, there {highest:.2f}). {alike} of its {NEAR} nearest are of its kind; by "
        f"chance {expected:.1f} would be."
    )
