"""Tokens in three dimensions among the subspaces that they belong to."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from explorer.figures import style
from explorer.figures.checks import finite
from explorer.trace import Array

FLAT = 0.15
"""A direction of a subspace that is shorter than this in the three shown dimensions is not drawn."""
CLOUD_HEIGHT = 420


def subspace_cloud(
    points: Array, labels: Array, bases: Array, *, limit: float, title: str = "", names: tuple[str, str, str]
) -> go.Figure:
    """Tokens as points coloured by their subspace, and each subspace as a line, a plane or nothing.

    points: (N,3). labels: (N,), subspaces from 0. bases: (K,3,p), the subspaces' bases seen in the same three
    dimensions: rank 1 is drawn as a line, rank 2 as a plane. limit: where the axes end on both sides of 0; give the
    same one to figures that are compared; points beyond it are not seen. names: of the axes.
    Raises ValueError for NaN, for shapes that do not fit or limit <= 0.
    """
    points, bases = finite(points, 2, "points"), finite(bases, 3, "bases")
    if points.shape[1] != 3 or bases.shape[1] != 3 or len(labels) != len(points):
        raise ValueError(f"points {points.shape}, labels {len(labels)} and bases {bases.shape} do not fit in 3-D")
    if not 0 < limit < np.inf:
        raise ValueError(f"limit must be positive, got {limit}")
    figure = go.Figure()
    for k, basis in enumerate(bases):
        _add_subspace(figure, basis, limit, style.head_color(k))
        mine = points[labels == k]
        figure.add_scatter3d(
            x=mine[:, 0],
            y=mine[:, 1],
            z=mine[:, 2],
            mode="markers",
            name=f"U<sub>{k + 1}</sub>",
            marker={"size": 3.5, "color": style.head_color(k), "line": {"width": 0}},
            hovertemplate=f"token of subspace {k + 1}<br>(%{{x:.2f}}, %{{y:.2f}}, %{{z:.2f}})<extra></extra>",
        )
    axis = {"range": [-limit, limit], "nticks": 5, "showbackground": False, "zeroline": True, "showspikes": False}
    scene = {f"{letter}axis": {**axis, "title": {"text": name}} for letter, name in zip("xyz", names, strict=True)}
    camera = {"eye": {"x": 1.85, "y": 1.5, "z": 0.87}, "center": {"x": 0, "y": 0, "z": -0.1}}
    figure.update_layout(scene={**scene, "aspectmode": "cube", "camera": camera})
    return style.finish(figure, title, CLOUD_HEIGHT, legend=True).update_layout(legend_itemsizing="constant")


def _add_subspace(figure: go.Figure, basis: Array, limit: float, color: str) -> None:
    directions, lengths, _ = np.linalg.svd(basis)
    rank = int(np.count_nonzero(lengths > FLAT))
    if rank == 1:
        x, y, z = np.outer(directions[:, 0] / np.abs(directions[:, 0]).max(), [-limit, limit])
        figure.add_scatter3d(
            x=x, y=y, z=z, mode="lines", line={"color": color, "width": 4}, hoverinfo="skip", showlegend=False
        )  # fmt: skip
    elif rank == 2:
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * limit / np.sqrt(2)
        x, y, z = directions[:, :2] @ corners.T
        figure.add_mesh3d(
            x=x, y=y, z=z, i=[0, 0], j=[1, 2], k=[2, 3], color=color, opacity=0.22, hoverinfo="skip", showlegend=False
        )  # fmt: skip
