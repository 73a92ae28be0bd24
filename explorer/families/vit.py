"""ViT under timm's names: the black box that CRATE is compared with."""

from explorer.families.record import Family, Formulas, Notes, Shapes, Training

BLOCKS = "blocks.{l}"
MLP_FORMULA = r"Z^{<l+1>} = Z^{<l>+\frac12} + \mathrm{MLP}\big(\mathrm{LN}\,Z^{<l>+\frac12}\big)"
BLACK_BOX = Formulas(
    attention=r"\mathrm{MHSA}\big(\mathrm{LN}\,Z^{<l>}\big)", square=MLP_FORMULA, overcomplete=MLP_FORMULA, last="",
    threshold="", threshold_overcomplete="",
)  # fmt: skip


def black_box_notes(label: str) -> Notes:
    """What the pages mean for a transformer with keys of its own and an MLP."""
    return Notes(
        layers=f"A {label} has no threshold: its second half is an MLP with a residual, so no entry becomes exactly "
        "zero.",
        ledger=f"A {label} was not derived from this objective. Its keys stand in for the projections into subspaces, "
        "its second half step is an MLP, and no entry is ever exactly zero: read the numbers as those of a black box.",
        tokens=f"A {label} has no subspaces U_k: its keys play their part here, with a bias where they have one. Query "
        "and value are other projections, which this page leaves out.",
        weights=f"A {label} has no subspaces: in their place stand its key matrices, one for each head.",
        theory=f"A {label} was not derived from this model. Its keys stand where the subspaces would, for comparison.",
        whiteness=f"A {label} was not derived from this objective: it has no shared subspaces and no dictionary. Its "
        "keys stand in for the projections on the left, and the curve says what a black box scores. The rest does not "
        "apply.",
    )


VIT = Family(
    name="vit",
    label="ViT",
    modality="image",
    attention="query_key",
    second_half="mlp",
    norm="layer",
    norm_eps=1e-6,
    rotary=False,
    relative=False,
    atoms_in_rows=False,
    soft_cap=0.0,
    signature=r"^blocks\.(?:\d+\.)?\d+\.attn\.qkv\.weight$|(?:^|\.)embeddings\.patch_embeddings\.projection\.weight$",
    lacks="",
    released={192: 3, 320: 5, 384: 6, 512: 8, 640: 10, 768: 12, 1024: 16, 1280: 16},
    unused=("mask_token", "pooler.dense.*", "decoder*"),  # of DINOv2, Hugging Face's ViT, MAE
    tied=False,
    biases="all",
    reads_config=True,
    shapes=Shapes(
        layer=r"^blocks\.(\d+)\.",
        positions="pos_embed",
        projections="",  # as wide as the tokens
        classes="head.weight",
        patches="patch_embed.proj.weight",
        atoms="",
    ),
    weights={
        "qkv": f"{BLOCKS}.attn.qkv.weight",
        "mssa_out": f"{BLOCKS}.attn.proj.weight",
        "mssa_norm": f"{BLOCKS}.norm1",
        "ista_norm": f"{BLOCKS}.norm2",
    },
    tensors={
        "norm1": "norm 1",
        "attn.qkv": "query, key, value",
        "attn.proj": "output",
        "norm2": "norm 2",
        "mlp.fc1": "MLP in",
        "mlp.fc2": "MLP out",
    },
    steps=(("attend", "MHSA"), ("transform", "MLP")),
    formulas=BLACK_BOX,
    notes=black_box_notes("ViT"),
    network="explorer.models.vit:ViT",
    sizes="explorer.export.identify_vit:vit_size",
    graph="explorer.export.graphs.vit:vit",
    training=Training(arch="ViT", wrapper="timm", ending=".pth", head="head."),
)
