"""CRATE-α (UCSC-VLAA/CRATE-alpha, torch_inference/model/crate_alpha.py)."""

from explorer.families.crate import AS_DERIVED, CODES, CODES_FORMULA, CODES_STEP, HEADS, LAYERS, MSSA_FORMULA, TENSORS
from explorer.families.record import Family, Formulas, Shapes, Training

CRATE_ALPHA = Family(
    name="crate_alpha",
    label="CRATE-α",
    modality="image",
    attention="shared",
    second_half="odl",
    norm="layer",
    norm_eps=1e-6,
    rotary=False,
    atoms_in_rows=False,
    soft_cap=0.0,
    signature=r"\.fn\.D$",
    released=HEADS,
    unused=(),
    tied=False,
    biases="all",
    reads_config=False,
    shapes=Shapes(
        layer=r"^transformer\.layers\.(\d+)\.",
        positions="pos_embedding",
        projections=f"{LAYERS}.0.fn.qkv.weight",
        classes="mlp_head.1.weight",
        patches="conv1.weight",
        atoms=f"{LAYERS}.1.fn.D",
    ),
    weights={
        "subspaces": f"{LAYERS}.0.fn.qkv.weight",
        "mssa_out": f"{LAYERS}.0.fn.to_out.0.weight",
        "mssa_norm": f"{LAYERS}.0.norm",
        "ista_norm": f"{LAYERS}.1.norm",
        "dictionary": f"{LAYERS}.1.fn.D",
        "decoder": f"{LAYERS}.1.fn.D1",
    },
    tensors=TENSORS,
    steps=(("compress", "MSSA"), ("sparsify", "ODL")),
    formulas=Formulas(
        attention=MSSA_FORMULA,
        square="",
        overcomplete=rf"Z^{{<l+1>}} = Z^{{<l>+\frac12}} + D_1 {CODES},\quad {CODES_FORMULA}",
        last="",
        threshold="",
        threshold_overcomplete=CODES_STEP,
    ),
    notes=AS_DERIVED,
    network="explorer.models.crate_alpha:CrateAlpha",
    sizes="explorer.export.identify:picture_size",
    graph="explorer.export.graphs.pictures:crate_alpha",
    training=Training(arch="CRATE-alpha", wrapper="bare", ending=".pth", head="mlp_head.1."),
)
