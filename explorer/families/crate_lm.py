"""CRATE-LM (crate-lm/crate-lm): causal MSSA, then ISTA in a tied dictionary; an older form has a square one."""

from explorer.families.crate import (
    AS_DERIVED,
    CODES,
    CODES_FORMULA,
    CODES_STEP,
    ISTA_FORMULA,
    ISTA_STEP,
    MSSA_FORMULA,
)
from explorer.families.record import Family, Formulas, Shapes, Training

BLOCKS = "transformer.h.{l}"
HEAD_WIDTH = 64

CRATE_LM = Family(
    name="crate_lm",
    label="CRATE-LM",
    modality="text",
    attention="shared",
    second_half="ista",
    norm="layer",
    norm_eps=1e-5,
    rotary=False,
    relative=False,
    atoms_in_rows=True,
    soft_cap=0.0,
    signature=r"\bista\.weight$",
    lacks="",
    released=HEAD_WIDTH,
    unused=(),
    tied=True,
    biases="optional",
    reads_config=False,
    shapes=Shapes(
        layer=r"^transformer\.h\.(\d+)\.",
        positions="transformer.wpe.weight",
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
        attention=MSSA_FORMULA,
        square=ISTA_FORMULA,
        overcomplete=rf"Z^{{<l+1>}} = D {CODES},\quad {CODES_FORMULA}",
        last="",
        threshold=ISTA_STEP,
        threshold_overcomplete=CODES_STEP,
    ),
    notes=AS_DERIVED,
    network="explorer.models.crate_lm:CrateLM",
    sizes="explorer.export.identify_text:text_size",
    graph="explorer.export.graphs.texts:crate_lm",
    training=Training(arch="CRATE-LM", wrapper="nanogpt", ending=".pt", head=""),
)
