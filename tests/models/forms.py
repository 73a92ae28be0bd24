"""Tiny ViTs of every form that is read, by what is special about them."""

import dataclasses

from explorer.models.crate import Size
from explorer.models.form import Form
from tests.conftest import SIZES

FORMS = {
    "no head": Form(head=False),
    "no bias of query, key, value": Form(qkv_bias=False),
    "layer scale": Form(layer_scale=True),
    "DINOv2: registers without positions": Form(registers=4, layer_scale=True, head=False),
    "every token in front has a position": Form(registers=2, placed=3),
    "no token in front has a position": Form(registers=2, placed=0),
    "no class token": Form(class_token=False, placed=0, pool="avg", norm=False, fc_norm=True),
    "registers alone": Form(class_token=False, registers=3, placed=0, pool="avg"),
    "no class token, no head": Form(class_token=False, placed=0, pool="avg", head=False),
    "mean of the patches": Form(pool="avg", norm=False, fc_norm=True),
    "norm in front": Form(norm_pre=True),
    "distilled": Form(distilled=True, placed=2, head_dist=True),
    "distilled, one head": Form(distilled=True, placed=2),
    "class token and mean": Form(pool="both", registers=1),
    "grid that is no square": Form(grid=(2, 5)),
    "narrow MLP": Form(hidden=20),
}
SAID = {"grid that is no square": {"grid": [2, 5]}}
"""What the shapes of a form do not tell."""


def size_of(form: str) -> Size:
    """The sizes of a tiny ViT of this form."""
    eps = 1e-5 if FORMS[form].norm_pre else 1e-6
    return dataclasses.replace(SIZES["vit"], form=FORMS[form], norm_eps=eps, classes=3 if FORMS[form].head else 0)
