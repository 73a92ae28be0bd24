"""Do the two steps of a layer do what the theory says? Tokens of known subspaces, compressed and then sparsified."""

import streamlit as st

from explorer.ui.frame.page import title
from explorer.ui.frame.widgets import heading, plot
from explorer.ui.sections.experiment.controls import (
    cached_figure,
    experiment_presets,
    experiment_run,
    experiment_setting,
    step_player,
    what_to_look_for,
)
from explorer.ui.sections.experiment.drawing import (
    code_maps,
    code_note,
    experiment_formulas,
    experiment_readings,
    experiment_table,
    overshoot_note,
    own_share_steps,
    rate_kind,
    rate_steps,
    sparse_steps,
    sparse_verdicts,
    token_clouds,
    whole_verdicts,
)
from explorer.ui.view.take_away import take_away

title("Experiment")
st.markdown(
    "Here the truth is known: every token is drawn from one of K subspaces, plus noise. The first steps **compress**: "
    "tokens attend to one another within each subspace, which draws them together there and lowers $R^c$, the nats "
    "that they take. The other steps **sparsify**: each token is described by few positive entries of a code, and "
    "decoded again to see what was lost."
)
experiment_presets()
run = experiment_run(experiment_setting())
what_to_look_for(run.setting)
experiment_readings(run)
step = step_player(run)

before, now = st.columns(2)
for column, cloud, key in zip(
    (before, now), cached_figure(token_clouds, run, step=step), ("cloud_before", "cloud_now"), strict=True
):
    with column:
        plot(cloud, key)
st.caption(
    "Every point is a token, coloured by the subspace that it was drawn from; lines and planes are the subspaces. Both "
    "pictures have one scale. For d above 3 you look along one basis vector of each of the first three subspaces: "
    "tokens of subspaces at a right angle to these lie near 0."
)

kind = rate_kind()
said = whole_verdicts(run, kind)
rate, share = st.columns(2)
with rate:
    plot(cached_figure(rate_steps, run, step=step, kind=kind), "x_rates", verdict=said[0])
    st.caption(
        "Nats that the tokens take in the data's subspaces ($R^c$), all together ($R$), or the difference. Shrinking "
        "every token lowers both, so compare with the grey control: the same steps, which know only wrong subspaces."
    )
with share:
    plot(cached_figure(own_share_steps, run, step=step), "x_share", verdict=said[1])
    st.caption(
        "Share of a token's energy that lies in the subspace it was drawn from, mean over the tokens; 100 % is exactly "
        "in it, whatever its length. Rising above the control means that noise was removed and the token was kept."
    )

for column, figure, key, text in zip(
    st.columns(3),
    cached_figure(sparse_steps, run, step=step),
    ("x_l0", "x_l1", "x_error"),
    sparse_verdicts(run),
    strict=True,
):
    with column:
        plot(figure, key, verdict=text)
st.caption(
    "Non-zeros and $\\ell_1$ fall as λ removes small entries; what is decoded, $A D^\\top$, then misses more of the "
    "compressed tokens. A good setting is sparse at a small error." + overshoot_note(run)
)

heading(
    "The codes",
    f"Rows are a sample of the tokens, sorted by the subspace that they were drawn from. {code_note(run)}",
)
left, right = st.columns(2)
for column, codes, key in zip(
    (left, right), cached_figure(code_maps, run, step=step), ("codes_before", "codes_now"), strict=True
):
    with column:
        plot(codes, key)

heading("The steps as formulas", "Tokens $Z$ are rows; the bases $U_k$ and the dictionary $D$ are known, not learned.")
experiment_formulas(run)
st.caption(
    "These are the operators of the theory. A trained network replaces them: a learned matrix stands for the second "
    "$U_k$ and for κ, attention is scaled by $1/\\sqrt{p}$, a LayerNorm comes before each half, and every layer takes "
    "one step of each with its own subspaces and dictionary. The sidebar's model plays no part on this page."
)
take_away(table=experiment_table(run))
