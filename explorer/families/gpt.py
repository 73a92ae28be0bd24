"""GPT under nanoGPT's names: the language model that CRATE-LM is compared with. Its neurons stand in for codes."""

from explorer.families.crate_lm import BLOCKS, HEAD_WIDTH
from explorer.families.record import Family, Shapes, Training
from explorer.families.vit import BLACK_BOX, black_box_notes

GPT = Family(
    name="gpt",
    label="GPT",
    modality="text",
    attention="query_key",
    second_half="mlp",
    norm="layer",
    norm_eps=1e-5,
    rotary=False,
    relative=False,
    atoms_in_rows=False,
    soft_cap=0.0,
    signature=r"^transformer\.h\.\d+\.mlp\.c_fc\.weight$",
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
        atoms=f"{BLOCKS}.mlp.c_fc.weight",
    ),
    weights={
        "qkv": f"{BLOCKS}.attn.c_attn.weight",
        "mssa_out": f"{BLOCKS}.attn.c_proj.weight",
        "mssa_norm": f"{BLOCKS}.ln_1",
        "ista_norm": f"{BLOCKS}.ln_2",
        "decoder": f"{BLOCKS}.mlp.c_proj.weight",
        "embedding": "transformer.wte.weight",
    },
    tensors={
        "ln_1": "norm 1",
        "attn.c_attn": "query, key, value",
        "attn.c_proj": "output",
        "ln_2": "norm 2",
        "mlp.c_fc": "MLP in",
        "mlp.c_proj": "MLP out",
    },
    steps=(("attend", "MHSA"), ("transform", "MLP")),
    formulas=BLACK_BOX,
    notes=black_box_notes("GPT"),
    network="explorer.models.gpt:GPT",
    sizes="explorer.export.identify_text:text_size",
    graph="explorer.export.graphs.texts:gpt",
    training=Training(arch="GPT", wrapper="nanogpt", ending=".pt", head=""),
)
