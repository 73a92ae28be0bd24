"""The families of networks: one record each, and which of them a state dict is.

A new family is a record here, a torch module in models/ and a graph in export/graphs/, and its line in KNOWN.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from explorer.families.crate import CRATE
from explorer.families.crate_alpha import CRATE_ALPHA
from explorer.families.crate_lm import CRATE_LM
from explorer.families.crate_lm_rotary import CRATE_LM_ROTARY
from explorer.families.gpt import GPT
from explorer.families.gpt_rotary import GPT_ROTARY
from explorer.families.nanochat_crate import NANOCHAT_CRATE
from explorer.families.others import OTHER_VISION
from explorer.families.record import Family, Formulas, Notes, Shapes, Training, Unsupported, fill, resolve
from explorer.families.vit import VIT

__all__ = [
    "KNOWN",
    "Family",
    "Formulas",
    "Notes",
    "Shapes",
    "Training",
    "Unsupported",
    "family_named",
    "fill",
    "labels",
    "recognised",
    "resolve",
    "supported",
]

KNOWN: tuple[Family | Unsupported, ...] = (
    Unsupported(label="CRATE-α CLIPA", signature=r"^visual\..*\.fn\."),
    Unsupported(label="CLIP, SigLIP or CLIPA", signature=r"^visual\.|^vision_model\.|^text_model\."),
    NANOCHAT_CRATE,
    CRATE_LM_ROTARY,
    CRATE_LM,
    Unsupported(label="ToST language", signature=r"denom_bias$"),
    Unsupported(label="XCiT", signature=r"\.attn\.temperature$"),
    Unsupported(label="ToST vision", signature=r"^cls_attn_blocks\."),
    Unsupported(label="CRATE-MAE", signature=r"^decoder_blocks\..*fn\.qkv"),
    CRATE_ALPHA,
    Unsupported(label="CRATE-BERT", signature=r"encoder\.layer\..*\.self\.qkv"),
    Unsupported(label="BERT", signature=r"encoder\.layer\.\d+\.attention\.self\."),
    *OTHER_VISION,
    GPT_ROTARY,
    GPT,
    VIT,
    CRATE,
)
"""In this order: the first whose signature some tensor's name has, and whose `lacks` none has, is the family of a state
dict."""


def supported() -> tuple[Family, ...]:
    """Every family with a record."""
    return tuple(one for one in KNOWN if isinstance(one, Family))


def family_named(name: str) -> Family | None:
    """The record of a name in a card or a recipe, None for one that this version does not know."""
    return next((family for family in supported() if family.name == name), None)


def labels() -> str:
    """All supported families in words, for messages."""
    return ", ".join(sorted(one.label for one in supported()))


def recognised(names: Iterable[str]) -> Family | Unsupported | None:
    """The family of a state dict with tensors of these names, None where no signature is found."""
    names = list(names)
    return next((one for one in KNOWN if _fits(one, names)), None)


def _fits(one: Family | Unsupported, names: list[str]) -> bool:
    lacks = one.lacks if isinstance(one, Family) else ""
    return lacks not in names and any(re.search(one.signature, name) for name in names)
