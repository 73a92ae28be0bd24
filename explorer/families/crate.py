"""CRATE (Ma-Lab-Berkeley/CRATE, model/crate.py)."""

from explorer.families.record import Family, Formulas, Notes, Shapes, Training

LAYERS = "transformer.layers.{l}"
MSSA_FORMULA = r"\mathrm{MSSA}\big(\mathrm{LN}\,Z^{<l>} \mid \underbrace{U_{[<K>]}}_{<K> \times <p>}\big)"
ISTA_FORMULA = (
    r"\underbrace{Z^{<l+1>}}_{\text{non-zeros }<nonzeros>} = \mathrm{ReLU}\big(X + \underbrace{\eta}_{<eta>} "
    r"D^\top (X - D X) - \eta\underbrace{\lambda}_{<lambda>}\big),\quad X = \mathrm{LN}\,Z^{<l>+\frac12}"
)
CODES_FORMULA = (
    r"A_{i+1} = \mathrm{ReLU}\big(A_i - \underbrace{\eta}_{<eta>} D^\top (D A_i - X) "
    r"- \eta\underbrace{\lambda}_{<lambda>}\big)"
)
CODES = r"\underbrace{A_2}_{\text{non-zeros }<nonzeros>}"
ISTA_STEP = (
    r"$Z^{\ell+1} = \mathrm{ReLU}(X + \eta D^\top(X - DX) - \eta\lambda)$: what lies under $\eta\lambda$ becomes 0."
)
CODES_STEP = (
    r"$A_{i+1} = \mathrm{ReLU}(A_i - \eta D^\top(DA_i - X) - \eta\lambda)$: what lies under $\eta\lambda$ becomes 0."
)
AS_DERIVED = Notes(layers="", ledger="", tokens="", weights="", theory="", whiteness="")
TENSORS = {
    "0.norm": "norm 1", "0.fn.qkv": "U", "0.fn.to_out.0": "output", "1.norm": "norm 2", "1.fn.weight": "D",
    "1.fn.D": "D", "1.fn.D1": "D, read-out",
}  # fmt: skip
HEADS = {384: 6, 576: 12, 768: 12, 1024: 16}

CRATE = Family(
    name="crate",
    label="CRATE",
    modality="image",
    attention="shared",
    second_half="ista",
    norm="layer",
    norm_eps=1e-5,
    rotary=False,
    relative=False,
    atoms_in_rows=False,
    soft_cap=0.0,
    signature=r"^to_patch_embedding\.|^transformer\.layers\.\d+\.0\.fn\.qkv",
    lacks="",
    released=HEADS,
    unused=("head.weight", "head.bias"),  # of the emergence notebook's demo model
    tied=False,
    biases="all",
    reads_config=False,
    shapes=Shapes(
        layer=r"^transformer\.layers\.(\d+)\.",
        positions="pos_embedding",
        projections=f"{LAYERS}.0.fn.qkv.weight",
        classes="mlp_head.1.weight",
        patches="to_patch_embedding.1.weight",
        atoms="",
    ),
    weights={
        "subspaces": f"{LAYERS}.0.fn.qkv.weight",
        "mssa_out": f"{LAYERS}.0.fn.to_out.0.weight",
        "mssa_norm": f"{LAYERS}.0.norm",
        "ista_norm": f"{LAYERS}.1.norm",
        "dictionary": f"{LAYERS}.1.fn.weight",
    },
    tensors=TENSORS,
    steps=(("compress", "MSSA"), ("sparsify", "ISTA")),
    formulas=Formulas(
        attention=MSSA_FORMULA,
        square=ISTA_FORMULA,
        overcomplete="",
        last="",
        threshold=ISTA_STEP,
        threshold_overcomplete="",
    ),
    notes=AS_DERIVED,
    network="explorer.models.crate:Crate",
    sizes="explorer.export.identify:picture_size",
    graph="explorer.export.graphs.pictures:crate",
    training=Training(arch="CRATE", wrapper="crate", ending=".pth.tar", head="mlp_head.1."),
)
