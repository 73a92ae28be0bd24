"""Codes as a coloured map: tokens × entries, the tokens grouped by their subspace."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from explorer.figures import quantities, style
from explorer.figures.checks import finite
from explorer.trace import Array

MAX_TOKENS, MAX_ENTRIES = 64, 192


def code_map(codes: Array, labels: Array, tokens: Array, *, top: float, title: str = "", blocks: int = 1) -> go.Figure:
    """A sample of codes as colours: rows are tokens, columns are entries. Zero is clear, whatever the background.

    codes: (n ≤ 64, m ≤ 192), not negative. labels: (n,), the subspace of each row, from 0, ascending; a line parts two
    subspaces. tokens: (n,), their true indices. top: where the scale ends; figures that are compared get the same.
    blocks: the equal blocks in which the entries come, parted by lines too.
    Raises ValueError for NaN, larger arrays, labels that do not fit, or top <= 0.
    """
    codes = finite(codes, 2, "codes")
    if codes.shape[0] > MAX_TOKENS or codes.shape[1] > MAX_ENTRIES:
        raise ValueError(f"at most {MAX_TOKENS}×{MAX_ENTRIES} codes can be told apart, got {codes.shape}: sample them")
    if not len(labels) == len(tokens) == len(codes) or (np.diff(labels) < 0).any():
        raise ValueError("labels and tokens must name every row, sorted by label")
    if not 0 < top < np.inf:
        raise ValueError(f"top must be positive, got {top}")
    look, (rows, columns) = style.look_of(quantities.CODE_LABEL), codes.shape
    present, first = np.unique(labels, return_index=True)
    ends = np.append(first, rows)
    heat = {
        "type": "heatmap", "z": codes.astype(np.float32), "x0": 1, "dx": 1, "zmin": 0.0, "zmax": top,
        "colorscale": style.CODE_SCALE, "colorbar": style.colorbar(look),
        "customdata": np.broadcast_to(np.stack([tokens, labels + 1], axis=1)[:, None], (rows, columns, 2)),
        "hovertemplate": "token %{customdata[0]} of subspace %{customdata[1]}, entry %{x}: "
        f"{style.hover('z', look)}<extra></extra>",
    }  # fmt: skip
    frame = {"showline": True, "mirror": True, "linecolor": style.CONTROL_COLOR, "showgrid": False, "zeroline": False}
    layout = {
        "xaxis": {**frame, "title": {"text": "entry of the code"}, "nticks": 12, "range": [0.5, columns + 0.5]},
        "yaxis": {
            **frame, "title": {"text": "tokens of each subspace"}, "ticks": "", "range": [rows - 0.5, -0.5],
            "tickvals": (ends[:-1] + ends[1:] - 1) / 2, "ticktext": [f"U<sub>{label + 1}</sub>" for label in present],
        },
        "shapes": [_line("y", at - 0.5) for at in first[1:]]
        + [_line("x", block * columns / blocks + 0.5) for block in range(1, blocks)],
    }  # fmt: skip
    figure = style.finish(go.Figure(heat, layout), title, style.MAP_HEIGHT)
    figure.layout.margin.pad = 0  # pyright: ignore[reportAttributeAccessIssue] (the frame would stand off the cells)
    return figure


def _line(axis: str, at: float) -> dict[str, object]:
    """A thin line across the map where `axis` has this value."""
    other = "y" if axis == "x" else "x"
    line = {"width": 1, "dash": "dot", "color": style.CONTROL_COLOR}
    return {
        "type": "line", f"{axis}0": at, f"{axis}1": at, f"{other}0": 0, f"{other}1": 1, f"{other}ref": "paper",
        "line": line,
    }  # fmt: skip
