"""What a ViT has, beside a plain one's patches, class token, blocks, norm and head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CLASS, DISTILLATION = "CLS", "distillation"
Pool = Literal["token", "avg", "both"]
"""What is read from Z^{L+1}: the class token; the mean of the patches; the two side by side."""


@dataclass(frozen=True)
class Form:
    """The parts of a ViT, under timm's words; the default is the plain ViT of the CRATE authors' baseline.

    class_token, distilled, registers: the tokens in front of the patches, in this order; of them the first `placed`
    have a position. grid: rows and columns of the trained positions, None for the square of the image size. norm_pre:
    a norm in front of the first layer (CLIP's), whose patches have no bias. layer_scale: a learned factor for each
    entry of both updates. hidden: width of the MLP, None for four times the tokens'. norm: behind the last layer, on
    every token; fc_norm: on what is pooled. head, head_dist: classifiers of what is pooled and of the distillation
    token; the scores of the two are averaged. Without a head the network gives its features.
    """

    class_token: bool = True
    distilled: bool = False
    registers: int = 0
    placed: int = 1
    grid: tuple[int, int] | None = None
    norm_pre: bool = False
    qkv_bias: bool = True
    layer_scale: bool = False
    hidden: int | None = None
    norm: bool = True
    fc_norm: bool = False
    pool: Pool = "token"
    head: bool = True
    head_dist: bool = False

    @property
    def prefix(self) -> tuple[str, ...]:
        """Names of the tokens in front of the patches."""
        first = (CLASS,) * self.class_token + (DISTILLATION,) * self.distilled
        return (*first, *(f"register {i + 1}" for i in range(self.registers)))

    @property
    def answer(self) -> str:
        """The output that the network ends in."""
        return "logits" if self.head else "features"


PLAIN = Form()
