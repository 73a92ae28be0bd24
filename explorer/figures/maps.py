"""Coloured maps with a scale: tokens × dimensions, and quantities on the patch grid."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from explorer.figures import style
from explorer.figures.checks import finite
from explorer.figures.pictures import jpeg_bytes
from explorer.trace import Array

MAX_TOKENS, MAX_DIMENSIONS = 64, 192
DRAWN_OPACITY = 0.7


def token_heatmap(
    z: Array,
    zmax: float | None = None,
    title: str = "",
    *,
    signed: bool | None = None,
    label: str = style.ENTRY_LABEL,
    tokens: Sequence[int] | None = None,
    dimensions: Sequence[int] | None = None,
    column: str = "dimension",
) -> go.Figure:
    """A sample of a token matrix as colours: rows are tokens, columns are dimensions.

    z: (n ≤ 64, m ≤ 192). zmax: end of the scale; give the same one to figures that are compared (default: the largest
    |entry|). signed: diverging scale centred on zero (default: if any entry is negative), else sequential from 0.
    tokens, dimensions: the true indices of a sample. column: what a column is. Raises ValueError for NaN, larger arrays
    or zmax <= 0.
    """
    z = finite(z, 2, "z")
    if z.shape[0] > MAX_TOKENS or z.shape[1] > MAX_DIMENSIONS:
        raise ValueError(f"at most {MAX_TOKENS}×{MAX_DIMENSIONS} entries can be told apart, got {z.shape}: sample them")
    if zmax is not None and not 0 < zmax < np.inf:
        raise ValueError(f"zmax must be positive, got {zmax}")
    signed = bool(z.min() < 0) if signed is None else signed
    top = zmax or float(np.abs(z).max()) or 1.0
    look = style.quantity(label)
    figure = go.Figure(
        go.Heatmap(
            z=z.astype(np.float32),
            x=_names(dimensions, z.shape[1], "dimensions"),
            y=_names(tokens, z.shape[0], "tokens"),
            zmin=-top if signed else 0.0,
            zmax=top,
            colorscale=style.SIGNED_SCALE if signed else style.ENTRY_SCALE,
            colorbar=style.colorbar(look),
            hovertemplate=f"token %{{y}}, {column} %{{x}}: {style.hover('z', look)}<extra></extra>",
        )
    )
    figure.update_xaxes(title=column, type="category", nticks=12, showgrid=False)
    figure.update_yaxes(title="token", type="category", nticks=8, autorange="reversed", showgrid=False)
    return style.finish(figure, title, style.MAP_HEIGHT)


def patch_map(
    values: Array,
    title: str = "",
    label: str = style.TOKEN_RATE_LABEL,
    scale: style.Scale | None = None,
    *,
    limits: tuple[float, float] | None = None,
    picture: Array | None = None,
) -> go.Figure:
    """A quantity on the patch grid, row 0 on top, with its colour bar.

    values: (rows,cols). scale: style's, the one for rates by default. limits: ends of the scale, the same for maps
    that are compared. picture: uint8 (H,W,3), the photo to draw it on. Raises ValueError for NaN or other shapes.
    """
    values = finite(values, 2, "values")
    look = style.quantity(label)
    low, high = limits or (float(values.min()), float(values.max()))
    figure = go.Figure(
        go.Heatmap(
            z=values.astype(np.float32),
            zmin=low,
            zmax=high if high > low else low + 1.0,
            colorscale=scale or style.RATE_SCALE,
            colorbar=style.colorbar(look),
            hovertemplate=f"patch row %{{y}}, column %{{x}}: {style.hover('z', look)}<extra></extra>",
            x=np.arange(1, values.shape[1] + 1),
            y=np.arange(1, values.shape[0] + 1),
        )
    )
    if picture is not None:
        rows, cols = values.shape
        encoded = base64.b64encode(jpeg_bytes(picture)).decode()
        place = {"x": 0.5, "y": 0.5, "sizex": cols, "sizey": rows, "xref": "x", "yref": "y", "sizing": "stretch"}
        figure.add_layout_image(source=f"data:image/jpeg;base64,{encoded}", layer="below", **place)
        figure.update_traces(opacity=DRAWN_OPACITY)
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, autorange="reversed", scaleanchor="x", constrain="domain")
    return style.finish(figure, title, style.MAP_HEIGHT)


def _names(indices: Sequence[int] | None, count: int, name: str) -> list[str]:
    if indices is not None and len(indices) != count:
        raise ValueError(f"{name} must name all {count} of them, got {len(indices)}")
    return [str(index) for index in (range(count) if indices is None else indices)]
