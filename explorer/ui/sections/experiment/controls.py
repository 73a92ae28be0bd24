"""Widgets of the Experiment page: presets, settings and steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import streamlit as st

from explorer.constructed.experiment import ExperimentRun, Setting, run_experiment
from explorer.constructed.synthetic import subspaces_fit
from explorer.errors import ExplorerError
from explorer.ui.frame.widgets import options_expander, tick
from explorer.ui.state import caches
from explorer.ui.state.settings import set_next, url_setting

MAX_RUNS = 32
"""A run keeps its tokens and codes of every step, 3 MB at most: fewer are kept than of other results."""
SECONDS_PER_STEP = 0.9
AT_RANDOM = 0
"""In the angle's widget; a widget takes None for "nothing chosen"."""
PREFIX = "x_"
"""How the settings of this page begin in the URL, so that no other page's has the same name."""
DICTIONARY_NAMES = {
    "bases": "the subspaces' bases, + and −",
    "orthogonal": "a random orthogonal matrix",
    "identity": "identity",
}
OPERATOR_NAMES = {"mssa": "MSSA (attention)", "gradient": "exact gradient of R^c"}


@dataclass(frozen=True)
class Control:
    """One setting: the field of Setting that it sets, its label, what it may be and what it does."""

    field: str
    label: str
    options: Sequence[Any]
    help: str
    name: Callable[[Any], str] = str


UP_FRONT = (
    Control("count", "Subspaces K", range(2, 9), "How many subspaces the tokens come from."),
    Control("dim", "Dimension p", range(1, 9), "Dimension of each subspace."),
    Control(
        "noise", "Noise σ", (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0),
        "Length of the noise that is added to each token, relative to the token.",
    ),
    Control(
        "kappa", "Step size κ", (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5),
        "How far one compression step goes: at 1 a token would become what its attention returns.",
    ),
    Control(
        "lam", "Threshold λ", (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2),
        "The price of an entry in a code: higher is sparser, and loses more.",
    ),
)  # fmt: skip
OPTIONS = (
    Control(
        "width", "Width d", (3, 4, 6, 8, 12, 16, 24, 32, 48, 64),
        "Dimension of the space. At d = 3 you see the tokens themselves.",
    ),
    Control(
        "angle", "Between subspaces", (90, 60, 45, 30, AT_RANDOM),
        "Angle between every two subspaces; drawn at random they may be at any angle, and more of them fit.",
        lambda angle: "at random" if angle == AT_RANDOM else f"{angle}°",
    ),
    Control("tokens", "Tokens N", (40, 80, 120, 160), "How many tokens there are."),
    Control(
        "length", "Length of a token", (1.0, 1.5, 2.0, 2.5, 3.0, 4.0),
        "The theory's attention has no temperature: longer tokens attend to fewer others.",
    ),
    Control("steps", "Steps of each half", (2, 4, 6, 8, 10, 12, 16), "So many steps compress, as many sparsify."),
    Control("operator", "Compress with", tuple(OPERATOR_NAMES), "Attention only approximates the gradient step.",
            OPERATOR_NAMES.__getitem__),
    Control(
        "wrong", "Subspaces of the steps", (False, True),
        "What the steps know: the subspaces of the data, or others drawn from the same law.",
        lambda wrong: "wrong ones" if wrong else "the data's",
    ),
    Control("dictionary", "Dictionary D", tuple(DICTIONARY_NAMES), "What tokens are described with.",
            DICTIONARY_NAMES.__getitem__),
    Control("eta", "Step size η", (0.05, 0.1, 0.2, 0.3, 0.5, 0.8), "How far one sparsification step goes."),
    Control(
        "eps_squared", "Distortion ε²", (0.01, 0.03, 0.1, 0.3, 1.0),
        "How exactly the rates code the tokens: smaller costs more nats. It changes the rates and the gradient step.",
    ),
    Control("seed", "Draw", range(10), "Another number draws other subspaces and tokens."),
)  # fmt: skip


@dataclass(frozen=True)
class Preset:
    """A named setting, and what to look for in it."""

    name: str
    setting: Setting
    text: str


START = Setting()
PRESETS = (
    Preset(
        "Default", START,
        "$R^c$ falls while more of each token's energy moves into its own subspace: noise goes, tokens stay. "
        "Sparsifying clears what is left in the other subspaces: non-zeros fall; 1/(2K) = 12.5 % would be perfect. "
        "In the control $R^c$ falls even faster, as every token shrinks, but no token comes nearer to its subspace.",
    ),
    Preset(
        "Clean", replace(START, noise=0.1),
        "The tokens lie in their subspaces already, so compressing only shortens them: $R^c$ falls, and the share in "
        "the own subspace stays near 100 %. The codes end close to 1/(2K) = 12.5 % non-zeros: those of one subspace.",
    ),
    Preset(
        "Noisy", replace(START, noise=2.0),
        "The noise is twice as long as the signal. **Poor compression:** $R^c$ hardly falls, because every subspace "
        "holds a part of every token, and some tokens are drawn into a wrong one. The codes stay nearly half full.",
    ),
    Preset(
        "Too many subspaces", replace(START, count=8, width=8, angle=None, eta=0.1),
        "Eight planes in eight dimensions overlap: every token lies partly in all of them, and their updates add up. "
        "**Poor compression:** $R^c$ rises, the tokens grow and leave their own subspace. Fewer subspaces, a larger "
        "width d or a smaller κ help.",
    ),
    Preset(
        "λ too high", replace(START, lam=0.8),
        "The threshold is above most coordinates of the compressed tokens. **Poor invertibility:** the codes run "
        "empty, $\\ell_1$ goes to 0, and so little is left that the error nears 100 %.",
    ),
    Preset(
        "Wrong subspaces", replace(START, wrong=True),
        "The steps use subspaces that are not the data's, so both curves are the control's. $R^c$ falls all the same, "
        "since every token shrinks: **a falling $R^c$ alone proves nothing.** The share in the own subspace does not "
        "rise, and the dictionary cannot describe the tokens: the error is large.",
    ),
)  # fmt: skip


def experiment_presets() -> None:
    """A button for each preset; it sets every control of the page and shows the last step."""
    with st.container(horizontal=True):
        for preset in PRESETS:
            if st.button(preset.name, key=f"preset {preset.name}"):
                for field in fields(Setting):
                    value = getattr(preset.setting, field.name)
                    set_next(PREFIX + field.name, AT_RANDOM if value is None else value)
                set_next(PREFIX + "step", 2 * preset.setting.steps)


def experiment_setting() -> Setting:
    """The controls, five in view and the others behind Options. Raises ExplorerError for subspaces that do not fit."""
    chosen: dict[str, Any] = {}
    for column, control in zip(st.columns(len(UP_FRONT)), UP_FRONT, strict=True):
        with column:
            chosen[control.field] = _choose(control)
    with options_expander():
        columns = st.columns(4)
        for place, control in enumerate(OPTIONS):
            with columns[place % 4]:
                chosen[control.field] = _choose(control)
    chosen["angle"] = chosen["angle"] or None
    found = Setting(**chosen)
    if not subspaces_fit(found.count, found.dim, found.width, found.angle):
        raise ExplorerError(_misfit(found))
    return found


def _choose(control: Control) -> Any:
    many = len(control.options) > 3 and control.field != "angle"
    return url_setting(
        st.select_slider if many else st.selectbox, control.label, control.options, key=PREFIX + control.field,
        default=getattr(START, control.field), valid=control.options, format_func=control.name, help=control.help,
    )  # fmt: skip


def _misfit(asked: Setting) -> str:
    if asked.dim > asked.width:
        return f"A subspace of dimension p = {asked.dim} does not fit into width d = {asked.width}: lower p or raise d."
    return (
        f"{asked.count} subspaces of dimension {asked.dim} at a fixed angle need {asked.count * asked.dim} dimensions, "
        f"but the width d is {asked.width}: choose fewer or smaller ones, a larger d, or subspaces at random (Options)."
    )


def experiment_run(chosen: Setting) -> ExperimentRun:
    """The run of a setting, computed once while it is kept."""
    return _run(repr(chosen), chosen)


def cached_figure(function: Callable[..., Any], run: ExperimentRun, **options: Any) -> Any:
    """function(run, **options), drawn once for this run's setting and these options."""
    return caches.once(f"experiment|{run.setting!r}", function, run, **options)


@st.cache_resource(max_entries=MAX_RUNS, show_spinner=False)
def _run(key: str, _setting: Setting) -> ExperimentRun:
    del key
    return run_experiment(_setting)


def what_to_look_for(chosen: Setting) -> None:
    """The text of the preset in view, or how to read any other setting."""
    text = next((preset.text for preset in PRESETS if preset.setting == chosen), None)
    hint = (
        text
        or "Compare with the grey control: where the curves part, knowing the subspaces made the difference. Attention "
        "lowers $R^c$ while tokens are short enough to average; longer ones can make it rise (the exact gradient "
        "of the Options does not, at a small κ). The presets above show how each part can fail."
    )
    with st.container(border=True):
        st.markdown(f":material/visibility: **What to look for.** {hint}")


def step_player(run: ExperimentRun) -> int:
    """The slider over all steps of both halves, and a button that plays through them. Step 0 is the data."""
    last = 2 * run.setting.steps
    slider, button = st.columns([6, 1], vertical_alignment="bottom")
    with slider:
        step = url_setting(
            st.slider, "Step", 0, last, key=PREFIX + "step", default=last, valid=range(last + 1),
            help=f"0 is the data; 1 to {last // 2} compress, {last // 2 + 1} to {last} sparsify.",
        )  # fmt: skip
    playing = button.toggle("Play", key="x_playing", help="Go through the steps, one after the other.")
    tick(PREFIX + "step", 0, last, SECONDS_PER_STEP if playing else None, toggle="x_playing")
    return step
