"""A layer as a short film of one token: places, attention and entries as bytes, and its words.

Drawn by ui/components/web/walk*.js.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image

from explorer.card import ModelCard
from explorer.figures import jpeg_bytes, style
from explorer.lens.packing import pack_arrays
from explorer.lens.scene import grid
from explorer.measures.patches import LayerWalk
from explorer.trace import Array, Trace

PHOTO_SIDE, PHOTO_QUALITY = 448, 80
"""Pixels of the photo's longer side at most, and quality of its JPEG: it is drawn small."""


@dataclass(frozen=True)
class Stage:
    """One of the film's stages. formula: in it ^{…} and _{…} are set high and low. caption: stands in the picture."""

    title: str
    formula: str
    sentence: str
    caption: str


def walk_feed(name: str, walk: LayerWalk, trace: Trace, picture: Array, scale: int = 1) -> bytes:
    """All that the browser draws and says of a walk. name: of this very walk. picture, scale: as in lens.grid.

    Places, attention and entries go in half precision: to a thousandth of what they are.
    """
    header = {
        "name": name, "grid": grid(trace, picture, scale), "token": walk.token, "threshold": walk.threshold,
        "heads": [
            {"name": f"head {head}", "color": style.head_color(head - 1), "distances": walk.distances[:, i].tolist()}
            for i, head in enumerate(walk.heads.tolist())
        ],
        "stages": [asdict(stage) for stage in stages(walk, trace)],
    }  # fmt: skip
    jpeg = np.frombuffer(jpeg_bytes(_small(picture), PHOTO_QUALITY), np.uint8)
    numbers = ("places", "before", "after", "attention", "entries")
    halves = {name: getattr(walk, name).astype(np.float16) for name in numbers}
    return pack_arrays(header, {"jpeg": jpeg, "drawn": walk.drawn.astype(np.int32)} | halves)


def stages(walk: LayerWalk, trace: Trace) -> list[Stage]:
    """The stages in words, with the numbers of this photo; the fourth is left out where the layer has no such step."""
    card, (rows, cols) = trace.card, trace.grid
    first = Stage(
        "Tokens",
        f"Z^{{ℓ}} ∈ ℝ^{{N×{card.dim}}}",
        f"The photo is cut into {rows} × {cols} patches. Each is a token, a vector of {card.dim} numbers: a row "
        f"of Z^{{ℓ}}, here as it enters layer ℓ = {walk.layer} of {card.layers}. What the network takes for alike lies "
        "close together.",
        f"Z^{{ℓ}}, by its 2 strongest directions ({walk.explained:.0%} of the variance)",
    )
    return [first, _heads(walk, card), _attention(walk, card), *_second_half(walk, card)]


def _heads(walk: LayerWalk, card: ModelCard) -> Stage:
    fewer = len(walk.heads) < card.heads
    drawn = f" Drawn: the {len(walk.heads)} in which the marked token's attention is most uneven." if fewer else ""
    if card.has_subspaces:
        return Stage(
            "Subspaces",
            "U_{k}^{⊤} LN(Z^{ℓ}),  k = 1 … K",
            f"Each of the K = {card.heads} heads is a subspace U_{{k}} with {card.head_dim} of the {card.dim} "
            f"directions, and sees the tokens only as their projections into it.{drawn}",
            "U_{k}^{⊤} LN(Z^{ℓ})",
        )
    return Stage(
        "Heads",
        "W_{k} LN(Z^{ℓ}),  k = 1 … K",
        f"A {card.family_label} has no subspaces: each of its K = {card.heads} heads has queries, keys and values of "
        f"its own. Here are the keys.{drawn}",
        "keys of LN(Z^{ℓ})",
    )


def _attention(walk: LayerWalk, card: ModelCard) -> Stage:
    before, after = walk.rates
    changed, called = ("falls", "compressed") if after < before else ("rises", "not compressed")
    moved = (
        f"below, its mean distance to that. Then all tokens move: {walk.nearer:.0%} of a sample end nearer to what "
        f"they attend to, and R^{{c}} {changed} from {before:.1f} to {after:.1f} nats: {called}."
    )
    if card.has_subspaces:
        return Stage(
            "Compression",
            "Z^{ℓ+½} = Z^{ℓ} + MSSA(LN Z^{ℓ} | U_{[K]})",
            f"Lines: what the marked token attends to, a softmax of how alike projections are; {moved}",
            "Z^{ℓ} → Z^{ℓ+½}, in the same directions",
        )
    return Stage(
        "Attention",
        "Z^{ℓ+½} = Z^{ℓ} + MHSA(LN Z^{ℓ})",
        f"Lines: what the marked token attends to, a softmax of its query with all keys; {moved}",
        "Z^{ℓ} → Z^{ℓ+½}, as keys, in the same directions",
    )


def _second_half(walk: LayerWalk, card: ModelCard) -> list[Stage]:
    """The threshold or the MLP, if the layer has one."""
    share = f"{walk.kept} of {walk.entries.shape[1]}"
    if not walk.entries.size:
        return []
    if walk.threshold is None:
        sentence = (
            f"A {card.family_label} has no threshold: an MLP adds to the token, and {share} entries are not zero after "
            "it. That is a row of Z^{ℓ+1}, which the next layer reads."
        )
        return [Stage("MLP", "Z^{ℓ+1} = Z^{ℓ+½} + MLP(LN Z^{ℓ+½})", sentence, f"{share} entries are not zero")]
    formula, kept, then = (
        ("A_{2} = ReLU(A_{1} − ηD^{⊤}(DA_{1} − X) − ηλ)", "codes stay", "D_{1} reads them out and adds to the token")
        if card.codes_dim
        else ("Z^{ℓ+1} = ReLU(X + ηD^{⊤}(X − DX) − ηλ)", "entries stay", "They are the token's row of Z^{ℓ+1}")
    )
    sentence = (
        f"The marked token, its row of X = LN(Z^{{ℓ+½}}), is written in a learned dictionary D. What lies under the "
        f"threshold ηλ = {walk.threshold:.2g} becomes 0: {share} {kept}. {then}; the next layer begins."
    )
    return [Stage("Sparsification", formula, sentence, f"{share} {kept}")]


def _small(picture: Array) -> Array:
    """A picture of at most PHOTO_SIDE pixels a side."""
    image = Image.fromarray(picture)
    image.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
    return np.asarray(image)
