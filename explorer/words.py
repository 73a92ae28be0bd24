"""Names, letters and scales in plain words: each notion is worded here, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GLOSSARY: dict[str, str] = {
    "**token**": "a vector of d numbers that stands for one patch of a photo, or one piece of a text",
    "$Z^\\ell$": "the tokens that enter layer ℓ, one row each (N × d)",
    "$Z^{\\ell+1/2}$": "the tokens after the compression step (MSSA) of layer ℓ",
    "$U_k$": "the k-th learned subspace of a layer, which is its **head** k: p directions in the d-dimensional space",
    "$U_k^\\top Z$": "the tokens **projected** into subspace k; query, key and value of head k at once",
    "$D$": "the learned dictionary of a layer, in which the tokens should become sparse",
    "$X$": "the tokens as a step reads them, behind its norm LN",
    "$A$, **codes**": "how much of each atom a token has; sparse where few are above 0",
    "**atom**": "one direction of the dictionary $D$, a column of it",
    "**coherence**": "how far directions that should be apart point the same way: |cos| of two of them, 0 to 1; of "
    "subspaces, the nearest angle between them",
    "**residual**": "what a step's output is added to: the tokens that entered the step, kept whole",
    "**MSSA**": "multi-head subspace self-attention: compresses the tokens towards the subspaces",
    "**ISTA**": "one shrinkage-thresholding step: sparsifies the tokens against D",
    "$R$": "coding rate: **nats** (units of information, 1.44 bits) needed to encode all tokens up to the distortion ε",
    "$R^c$": "coding rate of the tokens in the K subspaces, summed; compression should lower it",
    "**official Rᶜ**": "Rᶜ as the released code measures it: every token scaled to length 1 in each head, ε² = 0.01",
    "**rate of a token**": "what Rᶜ would lose without it, exactly, in nats; high: few others point its way",
    "$\\|Z\\|_0$": "number of entries that are not zero; sparsification should lower it",
    "$\\varepsilon^2$": "squared distortion allowed for each token in the rates",
    "$\\eta, \\lambda$": "step size and threshold weight of the network's own ISTA step",
    "$\\mu$": "the price of a non-zero entry in the objective of the ledger, in nats; the papers write λ for it, too",
    "**evenness**": "entropy of attention over the most that it can be; 0 = all on one token, 1 = even, all the same",
    "**× even**": "a share of attention, times the number of tokens that can be looked at; even attention gives each 1",
    "**random-init control**": "the same network with weights drawn as before training; only what differs was learned",
    "**epoch**": "one pass over the training data; epoch 0 is the start of a run, the very weights it began with; "
    "the random-init control is another draw by the same laws",
    "**surprise**": "−log of the probability that the model gave to what came, in nats; its mean is the cross-entropy",
    "**logit lens**": "the head reads tokens of an earlier layer as if they were the last ones",
    "**KL**": "how far the probabilities of one prediction are from another's, in nats; 0 = the same, no upper limit",
    "**JS**": "how far two distributions are apart (Jensen–Shannon divergence), in bits; 0 = the same, 1 = no overlap",
    "**CKA**": "likeness of two sets of tokens up to rotation and scale; 0 = unrelated, 1 = equal",
    "**Procrustes distance**": "what is left between two sets of tokens after the best rotation and scale; 0 to 2",
    "**principal angles**": "angles between two subspaces, direction by direction; 0° = shared, 90° = orthogonal",
    "**zoo, card**": "the models at hand, and what each says of itself: sizes, classes, origin, measured accuracy",
}
"""Symbols and words of all pages in plain words."""
PHOTO_GLOSSARY: dict[str, str] = {
    "**CLS**": "the class token, in front of the patches; it stands for the whole photo, and most heads read it alone",
    "**registers**": "tokens of no place in front of the patches, where some ViTs keep what belongs to no patch",
    "**MaskCut**": "cuts the patches into object and background where they are least alike, without labels",
    "**PCA-RGB**": "the three strongest directions among the projections of the foreground, as red, green and blue",
    "**IoU**": "overlap of two masks over their union; 1 is a perfect match",
    "**CorLoc**": "share of photos on which the box around what was found and the true box have an IoU of ½ or more",
    "**stride**": "pixels between two neighbouring patches; below the patch's side they overlap and the maps get finer",
}
"""Those of the pages that show photos."""
TEXT_GLOSSARY: dict[str, str] = {
    "**␣, ⏎, <0xE7>**": "in the names of tokens: a blank, the end of a line, and a byte that is no character alone",
    "**logits, scores**": "what the model gives every token before the softmax makes probabilities of it",
    "**top-k, top-p**": "draw the next token from the k most probable alone, or from the fewest that make up a share p",
    "**Kneser–Ney**": "a model that only counts pairs or triples of tokens in the training text: the bar to beat",
    "**effective rank**": "how many directions the tokens really use: exp of the entropy of their spectrum",
    "**LASSO**": "the loss that one ISTA step should lower: squared error plus λ times the sum of the codes",
}
"""Those of the pages that show texts."""
TOKEN_RATE = "What a token adds to Rᶜ"
"""Its rate, in a title."""
_EVEN = "0: all on one token, 1: the same on all that it can look at."
PHOTO_HEADS = {
    "evenness": ("evenness", f"How evenly a patch spreads its attention; {_EVEN}"),
    "distance": ("distance", "How far a patch is from the patches that it looks at (mean attention distance)."),
    "itself": ("share on itself", "How much of its attention a patch gives to itself."),
    "cls": ("share on CLS", "How much of its attention a patch gives to CLS."),
    "cls_evenness": ("evenness of CLS", f"How evenly CLS spreads its attention; {_EVEN}"),
    "objects": (
        "CLS on the objects",
        "How much of CLS's attention to the patches lies on MaskCut's objects of the layer before the last.",
    ),
}
"""A number of a head on a photo (measures.patches.PHOTO_NUMBERS) → its name and what it is."""
TEXT_HEADS = {
    "evenness": ("evenness", f"How evenly a token spreads its attention; {_EVEN}"),
    "distance": ("distance", "How many tokens back a token looks."),
    "itself": ("share on itself", "How much of its attention a token gives to itself."),
    "before": ("share on the one before", "How much of its attention a token gives to the one right before it."),
    "last": ("share on the last eight", "How much of its attention a token gives to the eight right before it."),
    "first": ("share on the first", "How much of its attention a token gives to the first of the text."),
}
"""A number of a head on a text (measures.patches.TEXT_NUMBERS) → its name and what it is."""
METHODS = {
    "attention": "Where most attention goes",
    "maskcut": "Objects (MaskCut)",
    "pca": "Parts (PCA-RGB)",
    "kmeans": "Clusters (k-means)",
    "subspace": "Strongest subspace",
}
"""A way to segment a photo (measures.patches.METHODS) → what it shows."""
NO_HEAD = "This model has no head: it gives features alone, so it predicts no class."
EPOCH_NOTE = (
    "Epochs are passes over the training data. Epoch 0 is the very start of a run: the weights that training began "
    "with. The random-init control is another draw by the same laws, in the build of the model in view."
)
"""Where a start of a run and a control can be seen together."""
COMPRESSION, SPARSITY = "Compression: Rᶜ", "Sparsity: non-zero entries"
"""The titles of the two published curves."""
COMPRESSION_CAPTION = (
    "Compression: nats that the tokens take in the subspaces of their layer; lower is more compressed. Early layers "
    "may rise: look where the curve falls below the grey control, the same network before training."
)
SPARSITY_CAPTION = (
    "Sparsity: the share of entries that are not zero. A network gets sparser in its first layers even untrained: only "
    "what differs from the grey control was learned."
)


@dataclass(frozen=True)
class Scale:
    """How a difference is told. of, whose: what differs; number: by what, and unit, empty where it has none; ends: what
    the ends of its scale mean."""

    of: str
    number: str
    unit: str
    ends: str
    whose: str = ""

    @property
    def measure(self) -> str:
        """The number with its unit: "KL (nats)"."""
        return f"{self.number} ({self.unit})" if self.unit else self.number

    @property
    def name(self) -> str:
        """All of it: "attention of all patches: JS (bits)"."""
        return f"{f'{self.of} {self.whose}'.strip()}: {self.measure}"

    @property
    def head(self) -> str:
        """Of a narrow column: "attention JS (bits)"."""
        return f"{self.of} {self.measure}"


SCALES = {
    "kl_nats": Scale("prediction", "KL", "nats", "0: the same; no limit"),
    "rank": Scale("prediction", "rank of A's first class", "", "1: first there, too"),
    "attention_js_bits": Scale("attention", "JS", "bits", "0: the same places, 1: none shared", "of all patches"),
    "cls_attention_js_bits": Scale("attention", "JS", "bits", "0: the same places, 1: none shared", "of CLS"),
    "mask_iou": Scale("objects", "IoU", "", "0: no overlap, 1: the same pixels", "of MaskCut"),
    "cka": Scale("tokens", "CKA", "", "0: unrelated, 1: equal up to rotation, scale"),
    "procrustes": Scale("tokens", "Procrustes distance", "", "0: equal up to rotation, scale, 2: unrelated"),
    "head_overlap": Scale("subspaces", "overlap of matched heads", "", "0: orthogonal, 1: the same spans"),
    "atom_cosine": Scale("dictionary", "|cos| of matched atoms", "", "0: orthogonal, 1: equal up to sign"),
    "weight_change": Scale("weights", "median relative change", "", "0: the same, √2: independent; no limit"),
}
"""The differences of photos by their keys."""
TEXT_SCALES = {
    "foretold_kl_nats": Scale("next tokens", "mean KL", "nats", "0: the same; no limit"),
    "agreement": Scale("next tokens", "the same first choice", "", "0: never, 1: at every place"),
    "surprise_nats": Scale("the text", "change of its surprise", "nats per token", "below 0: expected more than by A"),
    "token_attention_js_bits": Scale("attention", "JS", "bits", "0: the same tokens, 1: none shared", "of all tokens"),
    **{key: SCALES[key] for key in ("cka", "procrustes", "head_overlap", "atom_cosine", "weight_change")},
}
"""Those of texts."""
EFFECTS = {
    "kl_nats": (SCALES["kl_nats"].measure, "KL(trained ‖ without the head) of the predicted probabilities"),
    "top1_change": ("Δ top-1", "change of the probability of the class that is the most probable as trained"),
    "feature_change": ("1 − cos", "between the features as trained and without the head; 0: the same direction"),
    "mask_change": (
        "1 − IoU",
        "of the patches that hold 60 % of the attention in the last layer: of CLS, or without one of all",
    ),
    "top1_without": ("says without it", "the most probable class without the head"),
}
"""What silencing a head changes: key → the head of its column, and what that is."""


def in_front(prefix: Sequence[str]) -> str:
    """What stands in front of a picture's patches: "CLS", "CLS and 4 registers"; empty for nothing.

    prefix: the names of these tokens, as in a card.
    """
    registers = sum(name.startswith("register") for name in prefix)
    said = [name if name == "CLS" else f"the {name} token" for name in prefix if not name.startswith("register")]
    said += [f"{registers} register{'s' if registers > 1 else ''}"] if registers else []
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)


def whole_photo(prefix: Sequence[str]) -> str:
    """Whose attention is that of the whole photo: CLS, or without a class token all patches'."""
    return "CLS" if "CLS" in prefix else "all patches on average"


def not_taken(origin: Mapping[str, Any]) -> list[str]:
    """What an import left in its checkpoint, from the card's provenance: other sets of weights, tensors without use."""
    notes = []
    if others := origin.get("other_weights"):
        notes.append(
            f"{origin.get('weights')} was taken; the file holds {listed(others)}, too: --weights picks another."
        )
    if ignored := origin.get("ignored_tensors"):
        notes.append(f"Left out, as the network does not read them: {listed(ignored)}.")
    return notes


def listed(names: Sequence[str], most: int = 3) -> str:
    """The first names, and how many more there are."""
    more = len(names) - most
    return ", ".join(map(str, names[:most])) + (f" and {more} more" if more > 0 else "")


def meaning(word: str) -> str:
    """A word of the glossaries and what it means, as a sentence: "IoU: overlap of two masks over their union; …"."""
    return f"{word[:1].upper()}{word[1:]}: {(GLOSSARY | PHOTO_GLOSSARY | TEXT_GLOSSARY)[f'**{word}**']}."
