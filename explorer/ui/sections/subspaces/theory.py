"""Fit to the theory: one section of a page. Are the tokens what CRATE's derivation takes them for?"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from explorer import figures, measures, verdicts
from explorer.lens import PANELS, LensLook, Panel, Section
from explorer.measures.weights import LayerFit
from explorer.trace import Array
from explorer.ui.frame.widgets import fragment, plot
from explorer.ui.state import caches
from explorer.ui.view.layer import follow_layer
from explorer.ui.view.photo import View
from explorer.ui.view.photo_lens import PhotoLens, draw_lens, lens_choice

SUPPORT_TOP = 0.5
"""Where the colours of common tokens end: far above what chance does."""
TWO_SPREADS = 2.0
"""Standard deviations of chance that the text counts as Gaussian."""


def theory_fit(view: View, layer: int) -> None:
    """The section: energy in the subspaces, Gaussianity in each, and whether a token lives in one of them."""
    card = view.card
    st.markdown(
        "CRATE is derived for tokens that each come from one of K Gaussians, every Gaussian on a low-dimensional "
        "subspace of its own. Does this photo look like that to this layer?"
    )
    patches = view.trace.grid[0] * view.trace.grid[1]
    if patches < measures.weights.MIN_TOKENS:
        st.info(f"{patches} patches are too few to speak of a distribution: choose a larger size or a smaller stride.")
        return
    if note := card.traits.notes.theory:
        st.info(note)
    st.caption(
        f"One photo, {patches} patches, CLS left out. Numbers of a single photo: look at several before you conclude."
    )
    with st.spinner("Measuring every layer…"):
        now, other = fit(view, layer), fit(view, layer, control=True)
        curves = _curves(view, layer)
    _energy(view, now, other)
    _gaussian(view, now, other, *curves[0])
    _supports(view, now, other, *curves[1])


def fit(view: View, layer: int, control: bool = False) -> LayerFit:
    """A layer's fit on this photo, or its control's."""
    trace, weights = view.control_trace() if control else view.trace, caches.layer_weights(view.card, control)
    return caches.once(f"{view.key}|{control}", measures.weights.layer_fit, trace, weights, layer=layer)


def _energy(view: View, now: LayerFit, other: LayerFit) -> None:
    card = view.card
    bars, photo = st.columns(2)
    with bars:
        chance = card.head_dim / card.dim
        title = f"Energy of the tokens in each subspace, layer {now.layer}"
        figure = figures.head_bars(now.explained, other.explained, label=figures.ENERGY_LABEL, title=title, total=None)
        figures.reference_line(figure, chance, "random subspace", card.heads)
        figures.reference_line(figure, now.best, "best possible", card.heads, dash="longdashdot")
        said = verdicts.heads(now.explained, other.explained, label=figures.ENERGY_LABEL)
        plot(figure, "energy", verdict=said)
        st.caption(
            f"Share of the squared length of all tokens inside the span of $U_k$ ({card.head_dim} of {card.dim} "
            f"directions). A random subspace holds {chance:.1%}; no {card.head_dim} directions can hold more than "
            f"{now.best:.0%} (control {other.best:.0%}). Near the upper line the head found where the tokens lie. "
            f"{_sum_note(view, now)}"
        )
    with photo:
        spread_lens(view, now.layer)
        st.caption(
            f"1: all of the patch's energy is in one subspace, as the theory has it; {card.heads}: the same in each. "
            f"The colours span only what this photo has. Mean **{now.spread.mean():.2f}**, control "
            f"{other.spread.mean():.2f}; directions at random would have "
            f"{measures.weights.isotropic_subspaces_per_token(card.heads, card.head_dim):.2f}."
        )


@fragment
def spread_lens(view: View, layer: int) -> None:
    """How many subspaces each patch uses, on the photo; pointing and pinning a patch run only this part again."""
    follow_layer(view, layer)
    choice = lens_choice(view)
    spread = Panel("map", "Subspaces in use", "spread", scale="rate")
    section = Section([PANELS["photo"], spread], "How many subspaces each patch uses")
    draw_lens(
        PhotoLens(view, choice, [section], LensLook(), key="spread_lens", toolbar=(), maps=spread_maps, ahead=False)
    )()


def spread_maps(view: View, layer: int) -> dict[str, Array]:
    """How many subspaces each patch uses, (rows,cols)."""
    return {"spread": fit(view, layer).spread.reshape(view.trace.grid)}


def _sum_note(view: View, now: LayerFit) -> str:
    if view.card.heads * view.card.head_dim < view.card.dim:
        return f"All heads add up to {now.explained.sum():.0%}."
    return (
        f"All {view.card.heads} subspaces together fill the whole space, so nothing is ever left out; the shares add "
        f"up to **{now.explained.sum():.0%}**, and what is over 100% was counted by several heads."
    )


def _gaussian(view: View, now: LayerFit, other: LayerFit, curve: go.Figure, said: str) -> None:
    quantiles, layers = st.columns(2)
    axes = now.gaussian[0].axes
    with quantiles:
        drawn = _quantile_figure(now, other)
        if drawn is None:
            st.info("The tokens do not differ within a head: there is no distribution to look at.")
        else:
            plot(drawn[0], "quantiles", verdict=drawn[1])
            st.caption(
                f"Every token's distance from the mean, in units of the head's own spread ({axes} axes), sorted, "
                "against what a Gaussian sample of the same size has. On the dotted line: Gaussian. Above it on the "
                "right: a few tokens lie far out. Below it on the left: more tokens near the middle than a Gaussian "
                "has."
            )
    with layers:
        plot(curve, "kurtosis", verdict=said)
        spread = measures.weights.gaussian_kurtosis_spread(len(now.spread), axes) if axes else 0.0
        st.caption(
            f"Mardia's kurtosis over its mean for Gaussian samples of this size. 1 ± {TWO_SPREADS * spread:.3f}: one "
            f"Gaussian for all tokens of a head. About {view.card.heads}: each token in one of {view.card.heads} "
            "separate subspaces, as in the theory (a head then sees few tokens and many zeros). Here "
            f"**{now.kurtosis:.2f}**, control {other.kurtosis:.2f}. Few tokens for many axes pull it towards 1, so "
            "at most a quarter as many axes as tokens are measured, the strongest ones."
        )


def _quantile_figure(now: LayerFit, other: LayerFit) -> tuple[go.Figure, str] | None:
    """Heads that vary along equally many axes, so that they share the reference, and what they say; None if none
    vary."""
    axes = now.gaussian[0].axes
    heads, control = (
        np.array([g.distances for g in fitted.gaussian if g.axes == axes]) for fitted in (now, other)
    )  # fmt: skip
    if not axes:
        return None
    expected, grey = measures.weights.gaussian_quantiles(heads.shape[1], axes), control if len(control) else None
    figure = figures.quantile_plot(
        heads, expected, grey, label=figures.DISTANCE_LABEL, across="the same in a Gaussian sample",
        title=f"Are the tokens of a head Gaussian? Layer {now.layer}",
    )  # fmt: skip
    return figure, verdicts.farthest(heads, expected, grey)


def _supports(view: View, now: LayerFit, other: LayerFit, curve: go.Figure, said: str) -> None:
    pairs, layers = st.columns(2)
    with pairs:
        if view.card.heads == 1:
            st.info("There is one head, so there are no two sets of tokens to compare.")
        else:
            figure = figures.pair_matrix(
                now.support, label=figures.SUPPORT_LABEL, limits=(0, SUPPORT_TOP), text=".0%",
                title=f"Do two heads hold the same tokens? Layer {now.layer}",
            )  # fmt: skip
            plot(figure, "supports")
            top = measures.weights.TOP_TOKENS
            st.caption(
                f"Overlap (IoU) of the {top:.0%} of patches that have the largest share of their energy in each "
                f"head. 0%: each head has tokens of its own. Mean "
                f"**{measures.weights.mean_between(now.support):.0%}**, control "
                f"{measures.weights.mean_between(other.support):.0%}; sets drawn at random have {top / (2 - top):.0%}."
            )
    with layers:
        plot(curve, "spread", verdict=said)
        st.caption(
            "Over how many subspaces a patch is spread, mean of the patches. Falling towards 1: tokens settle in one "
            "subspace. Near the random line: the subspaces do not sort the tokens."
        )


def _curves(view: View, layer: int) -> tuple[tuple[go.Figure, str], tuple[go.Figure, str]]:
    """Kurtosis, and subspaces per token, against the layer, and what each says."""
    fits = [[fit(view, n, control) for n in range(1, view.card.layers + 1)] for control in (False, True)]
    kurtosis, spread = (
        [np.array([number(f) for f in rows]) for rows in fits]
        for number in (lambda f: f.kurtosis, lambda f: f.spread.mean())
    )
    first = figures.layer_curve(
        *kurtosis,
        label=figures.KURTOSIS_LABEL,
        title="Kurtosis of the tokens in a head, mean of the heads",
        selected=layer,
    )
    second = figures.layer_curve(
        *spread, label=figures.SPREAD_LABEL, title="Over how many subspaces a patch is spread", selected=layer
    )
    chance = measures.weights.isotropic_subspaces_per_token(view.card.heads, view.card.head_dim)
    layers = view.card.layers
    said = (
        verdicts.curve(*kurtosis, label=figures.KURTOSIS_LABEL, level=("a Gaussian's", 1.0)),
        verdicts.curve(*spread, label=figures.SPREAD_LABEL, level=("random directions", chance)),
    )
    return (
        (figures.reference_line(first, 1.0, "Gaussian", layers), said[0]),
        (figures.reference_line(second, chance, "random", layers), said[1]),
    )
