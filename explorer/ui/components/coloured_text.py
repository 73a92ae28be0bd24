"""A text whose tokens lie on colours."""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import pairwise

import streamlit as st

from explorer.inputs import right_to_left
from explorer.trace import Array, Piece

STRONGEST = 0.8
"""Opacity of the fullest colour."""


def tinted_text(pieces: Sequence[Piece], values: Array, most: float, tint: str, hints: Sequence[str]) -> None:
    """Tokens that are the more coloured the larger their value; `most` is at full strength. tint: "r g b"."""
    shares = (STRONGEST * values / max(most, 1e-12)).tolist()
    coloured_text(pieces, [f"rgb({tint} / {share:.1%})" for share in shares], hints)


def coloured_text(pieces: Sequence[Piece], colours: Sequence[str], hints: Sequence[str]) -> None:
    """Tokens, each on a background (CSS, "" = none) and with a hint under the pointer, as a paragraph."""
    look = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.8;unicode-bidi:plaintext;text-align:start"
    st.html(f'<div style="{look}">{coloured_boxes(pieces, colours, hints)}</div>')


def coloured_boxes(pieces: Sequence[Piece], colours: Sequence[str], hints: Sequence[str]) -> str:
    """Tokens in the boxes of their characters as HTML; those of one box lie side by side in it."""
    starts = [i for i, piece in enumerate(pieces) if piece.box]
    boxes = [slice(*ends) for ends in pairwise([*starts, len(pieces)])]
    return "".join(_box(pieces[box], colours[box], hints[box]) for box in boxes)


def _box(pieces: Sequence[Piece], colours: Sequence[str], hints: Sequence[str]) -> str:
    text, background = pieces[0].box, colours[0] or "none"
    if len(pieces) > 1:
        share, way = 100 / len(pieces), "left" if right_to_left(text) else "right"
        ends = ((f"{i * share:.4g}%", f"{(i + 1) * share:.4g}%") for i in range(len(pieces)))
        stripes = (f"{colour or 'transparent'} {a} {b}" for colour, (a, b) in zip(colours, ends, strict=True))
        background = f"linear-gradient(to {way}, {', '.join(stripes)})"
        hints = [f"{piece.label}{hint and ': '}{hint}" for piece, hint in zip(pieces, hints, strict=True)]
    hint, look = html.escape("\n".join(hints)), f"background:{background};border-radius:3px"
    return f'<span title="{hint}" style="{look}">{html.escape(text)}</span>'
