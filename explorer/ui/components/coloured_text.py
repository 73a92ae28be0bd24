"""A text whose tokens lie on colours."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from explorer.trace import Array

STRONGEST = 0.8
"""Opacity of the fullest colour."""


def tinted_text(pieces: Sequence[str], values: Array, most: float, tint: str, hints: Sequence[str]) -> None:
    """Tokens that are the more coloured the larger their value; `most` is at full strength. tint: "r g b"."""
    shares = (STRONGEST * values / max(most, 1e-12)).tolist()
    coloured_text(pieces, [f"rgb({tint} / {share:.1%})" for share in shares], hints)


def coloured_text(pieces: Sequence[str], colours: Sequence[str], hints: Sequence[str], before: str = "") -> None:
    """Tokens by their characters, each on a background (CSS, "" = none) and with a hint under the pointer.

    before: text in front of them, in plain.
    """
    spans = "".join(
        f'<span title="{html.escape(hint)}" style="background:{colour or "none"};border-radius:3px">'
        f"{html.escape(piece)}</span>"
        for piece, colour, hint in zip(pieces, colours, hints, strict=True)
    )
    look = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.8"
    st.html(f'<div style="{look}">{html.escape(before)}{spans}</div>')
