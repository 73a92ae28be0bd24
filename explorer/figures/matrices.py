"""Matrices as coloured maps: pairs of columns with the heads as blocks, one map for each layer, pairs of heads."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from explorer.figures import quantities, style
from explorer.figures.checks import finite
from explorer.trace import Array

MAX_SIDE = 192
MAX_CELLS = 30_000
"""Cells of the maps of all layers together: as float32 in base64 they take 160 kB, and the axes 40 kB."""
MAX_NUMBERS = 12
"""Rows and columns up to which a cell has room for its number."""
MAPS_IN_A_ROW = 4
ROW_HEIGHT = 240
MAP_WIDTH = 400
"""A square map with its colour bar beside it; in a wider figure the bar would stand far away."""
BLOCK_LINE = {"color": "rgba(138,143,153,0.9)", "width": 1}


def matrix_map(
    matrix: Array, *, label: str, top: float, title: str = "", heads: int | None = None, cell: int = 1
) -> go.Figure:
    """A square matrix that is not negative as colours, heads outlined and named.

    matrix: (m,m), m <= 192. top: where the scale ends; give figures that are compared the same. Larger entries get the
    last colour. heads: number of equal blocks, None where the columns belong to none. cell: how many columns one cell
    stands for, for the hover text. Raises ValueError for NaN, negative entries, larger or other shapes, or top <= 0.
    """
    matrix = _square(matrix, MAX_SIDE)
    figure = go.Figure(_heat(matrix, style.look_of(label), top, cell))
    figure.update_traces(colorbar=style.colorbar(style.look_of(label)), showscale=True)
    figure.update_layout(_frame(len(matrix) * cell), shapes=_blocks(len(matrix) * cell, heads))
    if heads:
        width = len(matrix) * cell / heads
        ticks = {"tickvals": [(head + 0.5) * width + 0.5 for head in range(heads)], "ticktext": _names(heads)}
        figure.update_layout(xaxis=ticks, yaxis=ticks)
    figure.update_xaxes(title=quantities.HEAD_LABEL if heads else "column")
    figure.update_yaxes(title=quantities.HEAD_LABEL if heads else "column")
    return style.finish(figure, title, style.MAP_HEIGHT).update_layout(width=MAP_WIDTH)


def matrix_row(
    matrices: Sequence[Array],
    *,
    label: str,
    top: float,
    title: str = "",
    heads: int | None = None,
    cell: int = 1,
    selected: int = 0,
) -> go.Figure:
    """One small map for each layer on one scale, four in a row. matrices: L times (m,m), not negative; layer 1 first.

    selected: layer whose name is marked, 0 for none. Raises ValueError as matrix_map does, or for more than 30,000
    cells in all.
    """
    maps = [_square(matrix, MAX_SIDE) for matrix in matrices]
    if not maps or sum(matrix.size for matrix in maps) > MAX_CELLS:
        raise ValueError(f"expected 1 … {MAX_CELLS} cells, got {sum(matrix.size for matrix in maps)}: reduce them")
    columns = min(MAPS_IN_A_ROW, len(maps))
    rows = -(-len(maps) // columns)
    names = [f"<b>layer {n}</b>" if n == selected else f"layer {n}" for n in range(1, len(maps) + 1)]
    axes = [f"{n}" if n > 1 else "" for n in range(1, len(maps) + 1)]
    figure = make_subplots(
        rows, columns, subplot_titles=names, horizontal_spacing=0.03, vertical_spacing=0.34 / (rows + 2)
    )
    layout: dict[str, Any] = {}
    blocks: list[dict[str, Any]] = []
    for index, (matrix, axis) in enumerate(zip(maps, axes, strict=True)):
        heat = _heat(matrix, style.look_of(label), top, cell, f"layer {index + 1}, ")
        figure.add_trace(heat.update(xaxis=f"x{axis}", yaxis=f"y{axis}"))
        layout |= _frame(len(matrix) * cell, axis)
        blocks += _blocks(len(matrix) * cell, heads, axis)
    figure.update_layout(layout, shapes=blocks)  # at once: each add_shape checks all that are there
    figure.update_traces(colorbar=style.colorbar(style.look_of(label)))
    figure.update_traces(showscale=True, selector=0)
    figure.update_xaxes(showticklabels=False, ticks="")
    figure.update_yaxes(showticklabels=False, ticks="")
    style.finish(figure, title, ROW_HEIGHT * rows + 30)
    return figure.update_layout(margin_t=style.title_room(title) + 22)


def pair_matrix(
    values: Array,
    *,
    label: str,
    limits: tuple[float, float],
    title: str = "",
    text: str = ".2f",
) -> go.Figure:
    """A number for every two heads, written into its cell; the diagonal, a head with itself, stays empty.

    values: (K,K), entry [0,1] is the pair of heads 1 and 2. limits: ends of the scale. text: Python's format of the
    numbers. Raises ValueError for NaN, other shapes or limits that are not in order.
    """
    values = finite(values, 2, "values")
    if values.shape[0] != values.shape[1] or not limits[0] < limits[1]:
        raise ValueError(f"expected K×K values and limits in order, got {values.shape} and {limits}")
    own = np.eye(len(values), dtype=bool)
    axes = (quantities.HEAD_LABEL, quantities.HEAD_LABEL)
    return _numbers(values, own, label, limits, axes, "heads %{y} and %{x}", text, title)


def cross_matrix(
    values: Array,
    *,
    label: str,
    limits: tuple[float, float],
    axes: tuple[str, str],
    title: str = "",
    text: str = ".2f",
    marked: Sequence[tuple[int, int]] = (),
) -> go.Figure:
    """A number for every row of one run and column of another, written into its cell: layers with layers, heads with
    heads.

    values: (n,m), entry [0,0] is 1 with 1. limits: ends of the scale. axes: what rows and columns are. marked: pairs
    (row, column) from 1 that are outlined. Raises ValueError for NaN, an empty array or limits that are not in order.
    """
    values = finite(values, 2, "values")
    if not values.size or not limits[0] < limits[1]:
        raise ValueError(f"expected values (n,m) and limits in order, got {values.shape} and {limits}")
    where = f"{axes[0]} %{{y}}, {axes[1]} %{{x}}"
    figure = _numbers(values, np.zeros(values.shape, bool), label, limits, axes, where, text, title)
    outline = {"type": "rect", "line": {"color": style.SELECTED_COLOR, "width": 3}}
    places = [{"x0": column - 1.5, "x1": column - 0.5, "y0": row - 1.5, "y1": row - 0.5} for row, column in marked]
    return figure.update_layout(shapes=[outline | place for place in places])


def _numbers(
    values: Array, empty: Array, label: str, limits: tuple[float, float], axes: tuple[str, str], where: str, text: str,
    title: str,
) -> go.Figure:  # fmt: skip
    """Numbers as colours with the number in each cell, but for the empty ones; rows and columns count from 1."""
    look = style.look_of(label)
    figure = go.Figure(
        go.Heatmap(
            z=np.where(empty, np.nan, values),
            x=_names(values.shape[1]),
            y=_names(values.shape[0]),
            zmin=limits[0],
            zmax=limits[1],
            colorscale=style.RATE_SCALE,
            colorbar=style.colorbar(look),
            text=np.where(empty, "", np.vectorize(partial(_inked, text=text, limits=limits))(values)),
            texttemplate="%{text}" if max(values.shape) <= MAX_NUMBERS else None,
            textfont={"size": min(13, 110 / max(values.shape))},  # Plotly's own choice would count the tags as letters
            xgap=1,
            ygap=1,
            hovertemplate=f"{where}: {style.hover('z', look)}<extra></extra>",
            hoverongaps=False,
        )
    )
    shared = {"type": "category", "constrain": "domain", "showgrid": False}
    figure.update_xaxes(title=axes[1], **shared)
    figure.update_yaxes(title=axes[0], autorange="reversed", scaleanchor="x", **shared)
    return style.finish(figure, title, style.MAP_HEIGHT).update_layout(width=MAP_WIDTH)


def _inked(value: float, text: str, limits: tuple[float, float]) -> str:
    """A cell's number, black or white, whichever stands out more from the cell's colour."""
    share = (value - limits[0]) / (limits[1] - limits[0])
    return f'<span style="color:{style.ink_on(style.RATE_SCALE, share)}">{format(value, text)}</span>'


def _square(matrix: Array, largest: int) -> Array:
    matrix = finite(matrix, 2, "matrix")
    if matrix.shape[0] != matrix.shape[1] or len(matrix) > largest:
        raise ValueError(f"expected a square matrix of at most {largest} rows, got shape {matrix.shape}: reduce it")
    if (matrix < 0).any():
        raise ValueError("the matrix must not be negative: take absolute values")
    return matrix


def _heat(matrix: Array, look: quantities.Quantity, top: float, cell: int, where: str = "") -> go.Heatmap:
    if not 0 < top < np.inf:
        raise ValueError(f"top must be positive, got {top}")
    return go.Heatmap(
        z=_three_digits(matrix),
        zmin=0.0,
        zmax=top,
        colorscale=style.RATE_SCALE,
        showscale=False,
        x0=1 + (cell - 1) / 2,
        dx=cell,
        y0=1 + (cell - 1) / 2,
        dy=cell,
        hovertemplate=f"{where}{_columns(cell)}: {style.hover('z', look)}<extra></extra>",
    )


def _three_digits(values: Array) -> Array:
    """float32 rounded to 10 bits after the first: zeros travel well, other digits become JSON escapes in base64."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x1000) & 0xFFFFE000).view(np.float32)


def _columns(cell: int) -> str:
    return "columns %{y} and %{x}" if cell == 1 else f"{cell}×{cell} entries around columns %{{y:.0f}} and %{{x:.0f}}"


def _frame(side: int, axis: str = "") -> dict[str, Any]:
    """Axes of a map in a layout: square cells, row 0 on top, columns counted from 1."""
    shared = {"constrain": "domain", "showgrid": False, "zeroline": False}
    return {
        f"xaxis{axis}": shared | {"range": [0.5, side + 0.5]},
        f"yaxis{axis}": shared | {"range": [side + 0.5, 0.5], "scaleanchor": f"x{axis}"},
    }


def _blocks(side: int, heads: int | None, axis: str = "") -> list[dict[str, Any]]:
    """An outline around each head's own block, as shapes of a layout."""
    place = {"type": "rect", "xref": f"x{axis}", "yref": f"y{axis}", "line": BLOCK_LINE}
    ends = itertools.pairwise(np.linspace(0.5, side + 0.5, (heads or 0) + 1))
    return [place | {"x0": low, "x1": high, "y0": low, "y1": high} for low, high in ends]


def _names(heads: int) -> list[str]:
    return [str(head) for head in range(1, heads + 1)]
