"""Every quantity in one line: label, colour, number format and unit, the same on every page.

Pages and figures name a quantity by its label, and style.look_of finds what belongs to it. The colours are of the
kinds that style describes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """How one quantity looks. number: a d3 format. unit: follows the number; empty where there is none."""

    label: str
    color: str
    number: str = ",.4~g"
    unit: str = ""


QUANTITIES: dict[str, Quantity] = {}
"""Label → quantity."""


def quantity(label: str, color: str, number: str, unit: str = "") -> str:
    """Define a quantity; returns its label, under which it is found."""
    assert label not in QUANTITIES, label
    QUANTITIES[label] = Quantity(label, color, number, unit)
    return label


RATE_LABEL = quantity("R<sup>c</sup> (nats)", "#2d87d2", ",.1f", "nats")
WHOLE_RATE_LABEL = quantity("R (nats)", "#14a085", ",.1f", "nats")
REDUCTION_LABEL = quantity("R − R<sup>c</sup> (nats)", "#9669c5", ",.1f", "nats")
NONZERO_LABEL = quantity("non-zero entries (share)", "#e0730d", ".1%")
TOKEN_RATE_LABEL = quantity("what a token adds to R<sup>c</sup> (nats)", "#2d87d2", ",.2f", "nats")
NORM_LABEL = quantity("norm of a token", "#b4557f", ",.3~g")
RANK_LABEL = quantity("effective rank (directions)", "#a0782c", ",.1f", "directions")
ATTENTION_LABEL = quantity("attention (share)", "#e0730d", ".2%")
EVENNESS_LABEL = quantity("evenness of attention (1 = even)", "#14a085", ".2f")
PATCHES_LABEL = quantity("distance of attention (patches)", "#9669c5", ",.1f", "patches")
TOKENS_LABEL = quantity("distance of attention (tokens)", "#9669c5", ",.1f", "tokens")
SURPRISE_LABEL = quantity("surprise (nats per token)", "#b3446c", ",.2f", "nats")
CROSS_ENTROPY_LABEL = quantity("cross-entropy (nats)", "#b3446c", ",.3f", "nats")
PERPLEXITY_LABEL = quantity("perplexity", "#b3446c", ",.1f")
SCORE_LABEL = quantity("change of the score (logits, mean 0)", "#2d5ac3", ".3~g")
FIRING_LABEL = quantity("above 0 (share of tokens)", "#e0730d", ".1%")
WORD_SHARE_LABEL = quantity("of its sum at its first word (share)", "#1e8a3c", ".1%")
ENTRY_LABEL = quantity("entry of a token", "#2d5ac3", ".3~g")
CHANGE_LABEL = quantity("change of a token (norm)", "#b4557f", ",.3~g")
OBJECTIVE_LABEL = quantity("R − R<sup>c</sup> − μ‖Z‖<sub>0</sub> (nats)", "#2d5ac3", ",.1f", "nats")
L0_LABEL = quantity("‖Z‖<sub>0</sub> (entries)", "#e0730d", ",.0f", "entries")
L1_LABEL = quantity("‖Z‖<sub>1</sub> (sum of |entries|)", "#e0730d", ",.0f")
COSINE_LABEL = quantity("cosine", "#9a7b4f", ".3f")
PROGRESS_LABEL = quantity("share of the way", "#1e8a3c", ".1%")
BITS_LABEL = quantity("R (bits per token)", "#14a085", ",.2f", "bits")
DIRECTIONS_LABEL = quantity("directions above ε", "#a0782c", ",.1f", "directions")
OVERLAP_LABEL = quantity("share of R<sup>c</sup> told twice", "#964b9a", ".1%")
OWN_SHARE_LABEL = quantity("energy in its own subspace (share)", "#1e8a3c", ".1%")
LEFT_OVER_LABEL = quantity("left over (share of the squared norm)", "#c33c00", ".1%")
TOKEN_COSINE_LABEL = quantity("cosine with the token", "#2d87d2", ".3f")
CODE_LABEL = quantity("entry of a code", "#2d5ac3", ",.3~g")
L1_MEAN_LABEL = quantity("mean |entry|", "#2d5ac3", ",.3~g")
ERROR_LABEL = quantity("reconstruction error (share)", "#c33c00", ".1%")
COLUMN_COSINE_LABEL = quantity("|cos| of two columns", "#2d87d2", ".3f")
GRAM_LABEL = quantity("|entry| of D<sup>⊤</sup>D", "#14a085", ".3f")
ANGLE_LABEL = quantity("principal angle (degrees)", "#9669c5", ".1f", "degrees")
SPAN_OVERLAP_LABEL = quantity("overlap of two subspaces (share)", "#9669c5", ".1%")
SINGULAR_LABEL = quantity("singular value", "#14a085", ".3f")
ALIGNMENT_LABEL = quantity("axis alignment (1 = none)", "#b4557f", ".2f")
ENERGY_LABEL = quantity("energy in a subspace (share)", "#e0730d", ".1%")
SPREAD_LABEL = quantity("subspaces that a token uses", "#14a085", ".2f", "subspaces")
SUPPORT_LABEL = quantity("tokens in common (share)", "#e0730d", ".1%")
KURTOSIS_LABEL = quantity("kurtosis (1 = Gaussian)", "#2d87d2", ".3f")
DISTANCE_LABEL = quantity("squared distance from the mean", "#2d87d2", ".1f")
FEATURES_LABEL = quantity("change of the features, 1 − cosine", "#c8502f", ",.3~g")
DIVERGENCE_LABEL = quantity("change of the prediction, KL (nats)", "#c8502f", ",.3~g", "nats")
MASK_CHANGE_LABEL = quantity("change of the mask (1 − IoU)", "#7f8f22", ".1%")
CORLOC_LABEL = quantity("CorLoc (share of images)", "#1e8a3c", ".1%")
BOX_OVERLAP_LABEL = quantity("IoU of the box", "#14a085", ".3f")
BOX_KEPT_LABEL = quantity("IoU with the undisturbed box", "#14a085", ".3f")
ACCURACY_LABEL = quantity("accuracy (share)", "#2d87d2", ".1%")
APART_LABEL = quantity("divergence of the heads (share of log<sub>2</sub> K)", "#e0730d", ".1%")
CONSTANCY_LABEL = quantity("cosine with the same head elsewhere", "#9a7b4f", ".3f")
CKA_LABEL = quantity("CKA (1 = the same)", "#14a085", ".3f")
ATTENTION_CHANGE_LABEL = quantity("change of attention, JS (bits)", "#c8502f", ".3f", "bits")
WEIGHT_CHANGE_LABEL = quantity("relative change of the weights", "#b4557f", ".3f")
ATOM_LABEL = quantity("|cos| of matched atoms", "#2d87d2", ".3f")
LIFT_LABEL = quantity("attention in the box ÷ its area", "#1e8a3c", ".2f")
MASK_OVERLAP_LABEL = quantity("mIoU", "#14a085", ".3f")
COVERING_LABEL = quantity("covering of drawn regions", "#14a085", ".3f")
BOUNDARY_LABEL = quantity("F of boundaries within 2 px", "#b4557f", ".3f")
PRECISION_LABEL = quantity("average precision", "#9669c5", ".3f")

# Axes that only count are no quantities.
LAYER_LABEL = "layer"
STEP_LABEL = "step"
HEAD_LABEL = "head (subspace)"
