"""nanochat-crate (modularflow/nanochat-crate-a): rotated, normalised projections; a learned threshold of each atom."""

from explorer.families.crate_lm import BLOCKS
from explorer.families.record import Family, Formulas, Notes, Shapes

RESULT = r"Z^{<l>+\frac12} + D_{\mathrm{dec}} \underbrace{A}_{\text{non-zeros }<nonzeros>}"
STEP = (
    r"A = \mathrm{ReLU}\big(\underbrace{\eta}_{<eta>} (D_{\mathrm{enc}}\,\mathrm{RMS}\,Z^{<l>+\frac12} "
    r"- \underbrace{\lambda}_{<lambda>} \theta)\big)"
)
"""A layer's input has the embedding Y⁰ mixed in again, the output has not."""


def _gathered(result: str) -> str:
    return rf"\begin{{gathered}} Z^{{<l+1>}} = {result} \\ {STEP} \end{{gathered}}"


NANOCHAT_CRATE = Family(
    name="nanochat_crate",
    label="nanochat-crate",
    modality="text",
    attention="shared",
    second_half="odl",
    norm="rms",
    norm_eps=1e-5,
    rotary=True,
    relative=False,
    atoms_in_rows=True,
    soft_cap=15.0,
    signature=r"\bodl\.",
    lacks="",
    released=128,
    unused=(),
    tied=False,
    biases="all",
    reads_config=True,
    shapes=Shapes(
        layer=r"^transformer\.h\.(\d+)\.",
        positions="",
        projections="",
        classes="transformer.wte.weight",
        patches="",
        atoms=f"{BLOCKS}.odl.D_enc.weight",
    ),
    weights={
        "subspaces": f"{BLOCKS}.mssa.qkv.weight",
        "mssa_out": f"{BLOCKS}.mssa.c_proj.weight",
        "dictionary": f"{BLOCKS}.odl.D_enc.weight",
        "decoder": f"{BLOCKS}.odl.D_dec.weight",
        "threshold": f"{BLOCKS}.odl.threshold",
        "embedding": "transformer.wte.weight",
        "head": "lm_head.weight",
    },
    tensors={
        "mssa.qkv": "U",
        "mssa.c_proj": "output",
        "odl.D_enc": "D, in",
        "odl.D_dec": "D, read-out",
        "odl.threshold": "threshold",
    },
    steps=(("compress", "MSSA"), ("sparsify", "ODL")),
    formulas=Formulas(
        attention=r"\mathrm{MSSA}\big(\mathrm{RMS}\,Z^{<l>} \mid \underbrace{U_{[<K>]}}_{<K> \times <p>}\big)",
        square="",
        overcomplete=_gathered(rf"a_{{<l+1>}} \big({RESULT}\big) + b_{{<l+1>}} Y^0"),
        last=_gathered(RESULT),
        threshold="",
        threshold_overcomplete=r"$A = \mathrm{ReLU}(\eta(D_{\mathrm{enc}}X - \lambda\theta))$: what lies under "
        r"$\lambda\theta$ becomes 0. $\theta$ was learned, one for each atom; $\lambda = 1$ leaves it as it is.",
    ),
    notes=Notes(
        layers="",
        ledger="In nanochat-crate the sparse things are the codes, not the tokens: ‖Z‖₀ never falls here. Its "
        "thresholds are learned one by one and belong to no LASSO, so that column stays empty. What enters a layer has "
        "the embedding mixed in again, which counts with the second half step before it.",
        tokens="",
        weights="",
        theory="",
        whiteness="",
    ),
    network="explorer.models.nano_crate:NanoCrate",
    sizes="explorer.export.identify_text:nano_size",
    graph="explorer.export.graphs.nanochat:nanochat_crate",
    training=None,
)
