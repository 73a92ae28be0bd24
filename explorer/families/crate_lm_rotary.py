"""CRATE-LM with rotary positions: projections of one length, relative values, a residual around ISTA."""

import dataclasses

from explorer.families.crate import AS_DERIVED, CODES, CODES_FORMULA, CODES_STEP
from explorer.families.crate_lm import BLOCKS, HEAD_WIDTH
from explorer.families.record import Family, Formulas, Shapes, Training

CRATE_LM_ROTARY = Family(
    name="crate_lm_rotary",
    label="Rotary CRATE-LM",
    modality="text",
    attention="shared",
    second_half="ista",
    norm="layer",
    norm_eps=1e-5,
    rotary=True,
    relative=True,
    atoms_in_rows=True,
    soft_cap=0.0,
    signature=r"\bista\.weight$",
    lacks="transformer.wpe.weight",
    released=HEAD_WIDTH,
    unused=(),
    tied=True,
    biases="optional",
    reads_config=False,
    shapes=Shapes(
        layer=r"^transformer\.h\.(\d+)\.",
        positions="",
        projections="",
        classes="transformer.wte.weight",
        patches="",
        atoms=f"{BLOCKS}.ista.weight",
    ),
    weights={
        "subspaces": f"{BLOCKS}.attn.c_attn.weight",
        "mssa_out": f"{BLOCKS}.attn.c_proj.weight",
        "mssa_norm": f"{BLOCKS}.prenorm_1",
        "ista_norm": f"{BLOCKS}.prenorm_2",
        "dictionary": f"{BLOCKS}.ista.weight",
        "embedding": "transformer.wte.weight",
    },
    tensors={
        "prenorm_1": "norm 1",
        "attn.c_attn": "U",
        "attn.c_proj": "output",
        "prenorm_2": "norm 2",
        "ista.weight": "D",
    },
    steps=(("compress", "MSSA"), ("sparsify", "ISTA")),
    formulas=Formulas(
        attention=r"\mathrm{MSSA}_{\mathrm{rot}}\big(\mathrm{LN}\,Z^{<l>} \mid "
        r"\underbrace{U_{[<K>]}}_{<K> \times <p>}\big)",
        square="",
        overcomplete=rf"Z^{{<l+1>}} = Z^{{<l>+\frac12}} + D {CODES},\quad {CODES_FORMULA}",
        last="",
        threshold="",
        threshold_overcomplete=CODES_STEP,
    ),
    notes=dataclasses.replace(
        AS_DERIVED,
        ledger="In a rotary CRATE-LM the sparse things are the codes, not the tokens: a residual stands around the "
        "dictionary, so ‖Z‖₀ never falls here.",
    ),
    network="explorer.models.crate_lm_rotary:CrateLMRotary",
    sizes="explorer.export.identify_text:rotary_size",
    graph="explorer.export.graphs.rotary:crate_lm_rotary",
    training=Training(arch="CRATE-LM rotary", wrapper="nanogpt", ending=".pt", head=""),
)
