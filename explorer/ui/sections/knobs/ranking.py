"""Which heads matter: silence every head in turn, and rank them by what that changes."""

from __future__ import annotations

import numpy as np
import streamlit as st

from explorer import figures, verdicts
from explorer.knobs import Turn
from explorer.measures.pairs import HeadEffect, ranked
from explorer.studies.ablate import effect_rows
from explorer.tables import csv_text
from explorer.ui.frame.widgets import download, heading, plot, show_problem
from explorer.ui.jobs.ablation import known_effects, start_ablation
from explorer.ui.jobs.job import Job
from explorer.ui.jobs.progress import show_progress
from explorer.ui.state import caches
from explorer.ui.state.knobs import turn
from explorer.ui.view.photo import View
from explorer.words import EFFECTS, meaning, whole_photo

JOB = "ablation_job"
"""Session state: the running or ended ablations."""
BARS = 10
COLUMNS = {
    "layer": st.column_config.NumberColumn("ℓ", width=40, help="Layer"),
    "head": st.column_config.NumberColumn("k", width=40, help="Head"),
    **{
        key: st.column_config.NumberColumn(EFFECTS[key][0], width=width, format=form, help=EFFECTS[key][1])
        for key, width, form in (
            ("kl_nats", 75, "%.3f"),
            ("top1_change", 75, "%+.1f pp"),
            ("feature_change", 75, "%.3f"),
            ("mask_change", 65, "%.2f"),
        )
    },
    "top1_without": st.column_config.TextColumn(EFFECTS["top1_without"][0]),
}


def head_ranking(view: View, layer: int) -> None:
    """One click silences the heads of a layer, or of all layers, one at a time, and ranks them."""
    heading(
        "Which heads matter here?",
        "Each head of the network as trained is silenced alone, all else left as it is. The longer the bar, the more "
        f"{'the prediction depends' if view.card.has_head else 'the features depend'} on that head for this photo.",
    )
    trained = view.trained
    every = range(1, view.card.layers + 1)
    _start_buttons(trained, layer, every)
    job: Job[HeadEffect] | None = st.session_state.get(JOB)
    if job and job.key == trained.key:
        if job.running:
            show_progress(job, lambda: f"Silencing one head at a time: {job.share:.0%}", job.cancel, "ablate_cancel")
        elif job.error:
            show_problem(job.error)
    known = known_effects(trained.key, every)
    if effects := [effect for layer_effects in known.values() for effect in layer_effects]:
        _results(trained, ranked(effects), len(known))


def _start_buttons(trained: View, layer: int, every: range) -> None:
    job: Job[HeadEffect] | None = st.session_state.get(JOB)
    busy = bool(job and job.running and job.key == trained.key)
    missing = [one for one in every if not known_effects(trained.key, [one])]
    with st.container(horizontal=True):
        for key, label, layers in (
            ("ablate_layer", f"Test the heads of layer {layer}", [layer] if layer in missing else []),
            ("ablate_all", "Test all heads", missing),
        ):
            clicked = st.button(label, key=key, disabled=busy or not layers, icon=":material/troubleshoot:")
            if clicked:
                if job:
                    job.cancel()  # of another photo or model; its whole layers are kept
                model = caches.open_model(trained.card)
                stride = trained.knobs.stride
                st.session_state[JOB] = start_ablation(model, trained.prepared, stride, layers, trained.key)
                st.rerun()


def _results(trained: View, effects: list[HeadEffect], layers: int) -> None:
    names = [f"layer {e.layer}, head {e.head}" for e in effects[:BARS]]
    values = np.array([e.size for e in effects[:BARS]])
    label = figures.DIVERGENCE_LABEL if trained.card.has_head else figures.FEATURES_LABEL
    of = f"{len(effects)} heads of {layers} layer{'s' if layers > 1 else ''}"
    title = (
        f"{of}, the most important first" if len(names) == len(effects) else f"The {len(names)} most important of {of}"
    )
    every = [f"layer {e.layer}, head {e.head}" for e in effects]
    said = verdicts.ranking(every, np.array([e.size for e in effects]), label)
    plot(figures.ranked_bars(names, values, label=label, title=title), "ranking", verdict=said)
    rows = effect_rows(trained.card, effects)
    shown = [
        row if effect.top_change is None else {**row, "top1_change": 100 * effect.top_change}
        for row, effect in zip(rows, effects, strict=True)
    ]
    event = st.dataframe(
        shown, column_config=COLUMNS, hide_index=True, key="ranking_table", on_select="rerun",
        selection_mode="multi-row",
    )  # fmt: skip
    chosen = [effects[i] for i in event["selection"]["rows"] if i < len(effects)]
    with st.container(horizontal=True):
        st.button(
            f"Mute {_named(chosen)}" if chosen else "Mute the selected heads", key="mute_selected",
            disabled=not chosen, on_click=turn, icon=":material/volume_off:",
            args=(trained.card, [Turn("g", one.layer, one.head, 0.0) for one in chosen]),
        )  # fmt: skip
        download("Effects (CSV)", lambda: csv_text(rows), f"{trained.file_stem}_heads.csv")
    of_answer = (
        f"{meaning('KL')} Δ top-1: what the class named as trained loses or gains."
        if trained.card.has_head
        else "1 − cos: how far the features turn away from those as trained; 0 = the same direction, 2 = opposite."
    )
    st.caption(
        f"{of_answer} 1 − IoU: how much of the mask moves, the patches that hold 60 % of the attention of "
        f"{whole_photo(trained.card.prefix)} in the last layer (quick, and read before that layer's own heads act, so "
        "it is 0 for them)."
    )


def _named(chosen: list[HeadEffect]) -> str:
    return ", ".join(f"{one.layer}:{one.head}" for one in chosen) if len(chosen) < 4 else f"{len(chosen)} heads"
