"""CRATE-LM with rotary positions: projections of one length, relative values, a residual around ISTA."""

from dataclasses import replace

from explorer.families.crate import CODES, CODES_FORMULA
from explorer.families.crate_lm import CRATE_LM
from explorer.families.record import Training

CRATE_LM_ROTARY = replace(
    CRATE_LM,
    name="crate_lm_rotary",
    label="Rotary CRATE-LM",
    rotary=True,
    relative=True,
    lacks="transformer.wpe.weight",
    shapes=replace(CRATE_LM.shapes, positions=""),
    formulas=replace(
        CRATE_LM.formulas,
        attention=r"\mathrm{MSSA}_{\mathrm{rot}}\big(\mathrm{LN}\,Z^{<l>} \mid "
        r"\underbrace{U_{[<K>]}}_{<K> \times <p>}\big)",
        square="",
        overcomplete=rf"Z^{{<l+1>}} = Z^{{<l>+\frac12}} + D {CODES},\quad {CODES_FORMULA}",
        threshold="",
    ),
    notes=replace(
        CRATE_LM.notes,
        ledger="In a rotary CRATE-LM the sparse things are the codes, not the tokens: a residual stands around the "
        "dictionary, so ‖Z‖₀ never falls here.",
    ),
    network="explorer.models.crate_lm_rotary:CrateLMRotary",
    sizes="explorer.export.identify_text:rotary_size",
    graph="explorer.export.graphs.rotary:crate_lm_rotary",
    training=Training(arch="CRATE-LM rotary", wrapper="nanogpt", ending=".pt", head=""),
)
