"""The tokens whose rows point most like one's, beside those of the control."""

from __future__ import annotations

import streamlit as st

from explorer import figures
from explorer.inputs import quoted
from explorer.measures.texts import nearest_rows
from explorer.ui.frame.widgets import fragment, heading, plain, plot
from explorer.ui.sections.embeddings.rows import CONTROL, TRAINED, Rows, token_in_view
from explorer.ui.sections.embeddings.verdict import token_verdict

NEIGHBOURS = 14


@fragment
def token_neighbours(rows: Rows) -> None:
    """The tokens whose rows point most like one's, beside those of the control."""
    token = token_in_view(rows)
    name = plain(quoted(rows.names[token]))
    heading(
        f"What lies near {name}?",
        "Cosines of the centred rows. Grey is the same embedding before training: there neighbours are chance, so a "
        "cosine that is no higher says nothing.",
    )
    token_verdict(rows, token)
    near = {who: nearest_rows(rows.of[who], rows.of[who][token], NEIGHBOURS + 1) for who in (TRAINED, CONTROL)}
    most = max(float(cosines[1]) for _, cosines in near.values())
    for place, (who, (tokens, cosines)) in zip(st.columns(2), near.items(), strict=True):
        others = tokens != token
        names = [rows.names[one] for one in tokens[others][:NEIGHBOURS]]
        title = rows.card.name if who == TRAINED else who.capitalize()
        figure = figures.ranked_bars(
            names,
            cosines[others][:NEIGHBOURS],
            label=figures.TOKEN_COSINE_LABEL,
            title=title,
        )
        if who == CONTROL:
            figure.update_traces(marker_color=figures.CONTROL_COLOR)
        with place:
            plot(figure.update_xaxes(range=[0, 1.05 * max(most, 0.1)]), f"near_{who}")
