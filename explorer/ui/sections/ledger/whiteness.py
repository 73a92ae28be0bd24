"""Widgets of the Ledger page's lower half: how white each layer is, and what ε² decides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from explorer import figures, measures, verdicts
from explorer.measures.rates import CompressionFit, DistortionCurves, SparsityFit
from explorer.studies.layers import FITS, fit_rows
from explorer.tables import csv_text
from explorer.ui.frame.widgets import download, plot
from explorer.ui.state import caches
from explorer.ui.view.run import RunView

EPS_GRID = tuple(float(f"{value:.4g}") for value in np.logspace(-5, 1, 37))
GRADIENT = (
    "Cosine of the real update $Z^{\\ell+1/2} - Z^\\ell$ and $-\\nabla R^c$ at $\\mathrm{LN}(Z^\\ell)$, the direction "
    "in which $R^c$ falls fastest. **1**: pure compression. **Near 0**: the update does something else as well; it may "
    "still lower $R^c$, as one small part of a long step can. **Below 0**: to first order it expands."
)
REFERENCE = (
    " The dotted line is what the paper's own step from $X$ towards $\\mathrm{MSSA}(X|U)$ would score. That step also "
    "shrinks $X$, which the released code leaves out: its residual keeps $Z$ whole."
)
OPERATOR = (
    "Cosine of the same update and the paper's operator $\\sum_k U_k\\,\\mathrm{SSA}(X|U_k)$. The code keeps the "
    "attention but replaces the outer $U$ by a learned matrix and a bias. **High**: it learned $U$. **Near 0**: "
    "something unrelated. **Below 0**: $U$ with the sign turned round: it takes away what the tokens share, as "
    "descent on $R^c$ does, where the operator would add it."
)
PROXIMAL = (
    "Cosine of the step's sparse codes and the exact solution of its own problem, "
    "$\\arg\\min_{A\\ge0}\\frac12\\|X-DA\\|^2+\\lambda\\|A\\|_1$. **1**: one step is enough. **Low**: the layer stops "
    "far from the sparse code that its dictionary could give: it *transforms* more than it *codes*."
)
PROGRESS = (
    "How much of the way from the start of the step to that exact solution it goes, measured in the loss. **100 %**: "
    "arrived. **Below 0**: worse than its start. One or two small steps cannot arrive: compare with the control."
)


def compression_fits(view: RunView, eps_squared: float, control: bool) -> list[CompressionFit]:
    """The compression steps' cosines, of the run in view or of its control."""
    trace = view.control_trace() if control else view.trace
    weights = view.layer_weights(control)
    key = f"{view.key}|{control}"
    return caches.once(key, measures.rates.measure_compression, trace, weights, eps_squared=eps_squared)


def sparsity_fits(view: RunView, control: bool) -> list[SparsityFit]:
    """The sparsifying steps' cosines, of the run in view or of its control; empty for a ViT."""
    trace = view.control_trace() if control else view.trace
    weights = view.layer_weights(control)
    return caches.once(f"{view.key}|{control}", measures.rates.measure_sparsification, trace, weights)


def whiteness_curves(view: RunView, eps_squared: float) -> None:
    """Every layer's steps against what they were derived from, with the control, and as CSV."""
    with st.spinner("Solving each layer's own problem exactly…", show_time=True):
        pair = [(compression_fits(view, eps_squared, c), sparsity_fits(view, c)) for c in (False, True)]
    (ours, codes), (random, other_codes) = pair
    left, right = st.columns(2)
    with left:
        reference = ("theory", _column(ours, "reference")) if view.card.has_subspaces else None
        _curve(ours, random, "gradient", "Compression: update against −∇R<sup>c</sup>", reference)
        st.caption(GRADIENT + (REFERENCE if reference else ""))
    if not view.card.has_subspaces:
        right.info(view.card.traits.notes.whiteness)
        return
    with right:
        _curve(ours, random, "operator", "Compression: update against the paper's operator")
        st.caption(OPERATOR)
    left, right = st.columns(2)
    with left:
        _curve(codes, other_codes, "proximal", "Sparsification: codes against the exact codes")
        st.caption(PROXIMAL)
    with right:
        _curve(codes, other_codes, "progress", "Sparsification: share of the way")
        st.caption(PROGRESS)
    _fit_download(view, *pair)


def _column(fits: Sequence[CompressionFit | SparsityFit], name: str) -> np.ndarray:
    return np.array([getattr(fit, name) for fit in fits])


def _curve(ours, random, name: str, title: str, reference=None) -> None:
    label = figures.PROGRESS_LABEL if name == "progress" else figures.COSINE_LABEL
    values, control = _column(ours, name), _column(random, name)
    figure = figures.cosine_curve(values, control, label=label, title=title, reference=reference)
    plot(figure, f"white_{name}", verdict=verdicts.curve(values, control, label=label, level=("0", 0.0)))


def _fit_download(view: RunView, ours: tuple, random: tuple) -> None:
    def numbers() -> str:
        pairs = zip(fit_rows(*ours), fit_rows(*random), strict=True)
        return csv_text([a | {f"{k}_control": b[k] for k in FITS} for a, b in pairs])

    download("Cosines (CSV)", numbers, f"{view.file_stem}_whiteness.csv")


def distortion_curves(view: RunView, layer: int, eps_squared: float) -> None:
    """Bits, directions and overlap of one layer against ε², with the control."""
    ours, random = (_curves(view, layer, control) for control in (False, True))
    parts = (
        ("bits_per_token", figures.BITS_LABEL, "Bits per token",
         "$R/(N \\ln 2)$: what one token costs on average. A steep curve that starts late means structure: few "
         "directions carry the tokens."),
        ("directions", figures.DIRECTIONS_LABEL, "Directions that count",
         "How many directions of the tokens stand above the distortion (twice the slope of $R$ in "
         "$\\ln 1/\\varepsilon^2$). Fewer than the control: the layer sees simpler tokens."),
        ("overlap", figures.OVERLAP_LABEL, "Overlap of the subspaces",
         "The share of $R^c$ that one head repeats of another: $1 - R_{\\text{joint}}/R^c$, all heads coded together "
         "against one by one. 0: the heads tell different things, as the theory wants. $1 - 1/K$: all "
         "of them tell the same."),
    )  # fmt: skip
    for column, (name, label, title, caption) in zip(st.columns(3), parts, strict=True):
        with column:
            figure = figures.distortion_curve(
                ours.eps_squared, getattr(ours, name), getattr(random, name), label=label, title=title,
                chosen=eps_squared,
            )  # fmt: skip
            own, grey = (np.interp(np.log(eps_squared), np.log(EPS_GRID), getattr(c, name)) for c in (ours, random))
            said = verdicts.at_one(
                float(own), float(grey), label=label, where=f"At ε² = {eps_squared:g}",
                spread=np.concatenate([getattr(ours, name), getattr(random, name)]),
            )  # fmt: skip
            plot(figure, f"eps_{name}", verdict=said)
            st.caption(caption)


def _curves(view: RunView, layer: int, control: bool) -> DistortionCurves:
    trace = view.control_trace() if control else view.trace
    weights = view.layer_weights(control)[layer - 1]
    key = f"{view.key}|{control}|{layer}"
    return caches.once(key, measures.rates.distortion_curves, trace.z(layer), weights, eps_squared=EPS_GRID)
