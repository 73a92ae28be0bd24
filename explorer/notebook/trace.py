"""A trace that is asked directly: numbers, curves and pictures of one run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from explorer import figures, zoo
from explorer.errors import ExplorerError
from explorer.inputs.shown import DISPLAY_SIDE
from explorer.knobs import turned_weights, write_knobs
from explorer.measures.patches import (
    EDGES,
    Heads,
    Segments,
    attention_rows,
    carried,
    coloured_pixels,
    guide_of,
    head_indices,
    on_pixels,
    segment_trace,
    trace_attention,
    upsample_smooth,
)
from explorer.measures.rates import (
    OFFICIAL_EPS_SQUARED,
    LayerMeasures,
    measure_layers,
    nonzero_fraction,
    subspace_coding_rate_official,
)
from explorer.measures.texts import NextTokens, logit_lens
from explorer.notebook.table import html_table
from explorer.report import layer_curves
from explorer.studies.predict import likeliest
from explorer.tables import report_rows, segment_picture
from explorer.trace import Array, Knobs, LayerWeights, Prepared, Trace

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from explorer.notebook.model import Model


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class NotebookTrace(Trace):
    """A trace that knows its model, its input and its knobs: explorer.trace.Trace, and what is asked of one at once.

    z(ℓ), z_half(ℓ), projections(ℓ), query_key(ℓ), codes(ℓ) and logits are arrays; layers count from 1, image is the
    place in a batch, from 0.
    """

    model: Model
    prepared: Prepared
    knobs: Knobs
    larger: Callable[[], tuple[Array, int]] | None = None
    """Makes the photo as it is shown (inputs.shown.shown_picture) from what was given; None for what had no file."""

    def point(self, name: str, image: int = 0) -> Array:
        """A trace point of one image by its name, such as z.3. Raises ExplorerError for what this trace has not."""
        if name not in self.points:
            has = ", ".join(f"{kind}.{layers[0]} … {kind}.{layers[-1]}" for kind, layers in self._kinds().items())
            raise ExplorerError(f"The trace has no {name}: it has {has or f'the {self.card.answer} alone'}.")
        return super().point(name, image)

    @cached_property
    def control(self) -> NotebookTrace:
        """The same input under the same knobs through the random-init control."""
        want = [name for name in self.points if name != self.card.answer]
        return self.model.control().trace(self.prepared, knobs=self.knobs, want=want)

    @cached_property
    def weights(self) -> tuple[LayerWeights, ...]:
        """The weights of every layer, with η and λ as they are turned: what measures of a trace take beside it."""
        return turned_weights(self.model._weights, self.knobs, self.card)

    def predict(self, count: int = 5, image: int = 0) -> list[tuple[str, float]]:
        """The most probable classes, or tokens that may follow the text, each with its probability, falling.

        Raises ExplorerError for a model without a head.
        """
        self.card.need_head()
        return likeliest(self, count, image)

    def measures(self, image: int = 0, eps_squared: float = OFFICIAL_EPS_SQUARED) -> list[LayerMeasures]:
        """The numbers of every layer: R, R^c by head before and after MSSA (nats), non-zeros, effective rank.

        Takes a second or more at small strides; explorer.measures.rates.measure_layers, which has the formulas.
        """
        return measure_layers(self, self.weights, image, eps_squared)

    def table(self, image: int = 0) -> list[dict[str, Any]]:
        """The main numbers of every layer beside the control's, one row each: pandas.DataFrame(trace.table())."""
        return report_rows(self.measures(image), self.control.measures(image))

    def curve(self, name: str = "compression", image: int = 0) -> go.Figure:
        """A curve over the layers beside the control: "compression", the official R^c of what enters MSSA; "sparsity",
        the share of non-zeros of what the layer leaves; or "heads", what each head adds to R^c."""
        found = layer_curves(self.card, self._curve_numbers(image), self.control._curve_numbers(image))
        if name not in found:
            raise ExplorerError(f"There is no curve {name}: choose {', '.join(found)}.")
        return found[name]

    def attention(self, layer: int, head: Heads = None, token: int | None = None) -> Array:
        """What a token attends to, by default CLS (without a class token the mean over the patches) or the last
        token of a text; 1 + i is patch i: softmax of ⟨q,k_n⟩/√p, one head's, or the mean over several or all. Of a
        picture on the grid of patches (rows,cols), what is in front left out; of a text (N,)."""
        if not self.card.reads_text:
            return trace_attention(self, layer, head, token or 0)
        query, key = self.query_key(layer)
        rows = attention_rows(query, key, query.shape[1] - 1 if token is None else token, causal=True)
        return rows[head_indices(self, head)].mean(axis=0)

    def segment(
        self,
        method: str = "maskcut",
        layer: int | None = None,
        head: Heads = None,
        rule: str = "mass",
        keep: float = 0.6,
        objects: int = 3,
        token: int = 0,
        swap: bool = False,
        edges: str | None = None,
        parts: bool = False,
    ) -> Segments:
        """A segmentation: labels (H,W), 0 is background.

        method: attention, maskcut, pca, kmeans or subspace. layer: by default the last for attention, else the one
        before. edges: "photo", the photo's own edges on the pixels of `picture`; "patches", blocks on the pixels of the
        model's input; None: the photo's where there is one, but for attention, of whose patches the rule keeps a share.
        parts: every segment is split into its connected parts
        (measures.patches.connected_parts). The rest as in explorer.measures.patches.segment_trace, which segments the
        grid of patches. Raises ExplorerError for what there is not, and for models of text.
        """
        self.card.must_read("image", "segment")
        usual = "patches" if method == "attention" or self.prepared.picture is None else "photo"
        edges = edges or usual
        if edges not in EDGES:
            raise ExplorerError(f"There are no edges {edges!r}: choose {' or '.join(EDGES)}.")
        found = segment_trace(self, method, layer, head, rule, keep, objects, token, swap)
        if edges == "photo":
            picture, scale = self.picture
            patch, stride = scale * self.card.patch, scale * self.stride
            return coloured_pixels(carried(found, guide_of(picture, patch), patch, stride, parts), patch, stride)
        return on_pixels(carried(found, None, 1, 1, parts), self, self.prepared.height, self.prepared.width)

    @cached_property
    def picture(self) -> tuple[Array, int]:
        """The photo as the model sees it, uint8 (H,W,3), with a shorter side of at least 448 pixels, and how many times
        as large as the model's input it is: from the photo's file where there was one, else enlarged.

        Raises ExplorerError where there is no photo."""
        if self.prepared.picture is None:
            raise ExplorerError(f"{self.prepared.label} is no picture, so there is nothing to draw on.")
        if self.larger is not None:
            return self.larger()
        height, width = self.prepared.height, self.prepared.width
        scale = max(1, -(-DISPLAY_SIDE // min(height, width)))
        large = Image.fromarray(self.prepared.picture).resize((scale * width, scale * height), Image.Resampling.BICUBIC)
        return np.asarray(large), scale

    def draw(self, what: Segments | Array | None = None) -> Image.Image:
        """`picture` with a segmentation or a map (rows,cols) on the grid of patches, such as attention, over it. Raises
        ExplorerError where there is no photo."""
        picture, scale = self.picture
        if what is None:
            return Image.fromarray(picture)
        if isinstance(what, Segments):
            what = what if what.edges == "photo" else _enlarged(what, scale)
            return segment_picture(what, picture, overlay=True)
        height, width = picture.shape[:2]
        place = (height, width, scale * self.card.patch, scale * self.stride)
        return Image.fromarray(figures.heat_overlay(picture, upsample_smooth(np.asarray(what, float), *place)))

    def logit_lens(self, count: int = 5, text: int = 0) -> list[NextTokens]:
        """What Z¹ … Z^{L+1} say comes next when the head reads them at once: tokens, surprise in nats, ranks; the last
        is the model's output. Raises ExplorerError for models of pictures."""
        self.card.must_read("text", "logit_lens")
        readout = zoo.load_readout(self.card, self.model._drawn)
        return logit_lens(self, readout, self.prepared.data[text], count, text)

    def _curve_numbers(self, image: int) -> tuple[Array, Array]:
        """Official R^c by head (L,K), and the share of non-zeros (L,)."""
        layers = range(1, self.card.layers + 1)
        heads = [subspace_coding_rate_official(self.projections(layer, image)) for layer in layers]
        return np.stack(heads), np.array([nonzero_fraction(self.codes(layer, image)) for layer in layers])

    def __repr__(self) -> str:
        turned = write_knobs(self.knobs, self.card)
        place = "" if self.card.reads_text else f", {self.grid[0]} × {self.grid[1]} patches at stride {self.stride}"
        return f"<{self.prepared.label} through {self.model.name}{place}{f', knobs {turned}' if turned else ''}>"

    def _repr_html_(self) -> str:
        """The shapes, without copying an array from the device: of the layers' points one row each."""
        card, answer, tokens = self.card, self.points[self.card.answer], _tokens(self)
        batch = len(answer)
        sizes = {"z": (tokens, card.dim), "z_half": (tokens, card.dim), "codes": (tokens, card.codes_dim)}
        inner = (card.heads, tokens, card.head_dim)
        rows = [
            (f"{kind}.{layers[0]} … {kind}.{layers[-1]}", (batch, *sizes.get(kind, inner)))
            for kind, layers in self._kinds().items()
        ]
        return html_table(repr(self)[1:-1], [(card.answer, answer.shape), *rows], self.prepared.note)

    def _kinds(self) -> dict[str, list[int]]:
        """Kinds of points, and the layers that have one, rising."""
        kinds: dict[str, list[int]] = {}
        for name in self.points:
            kind, _, layer = name.partition(".")
            if layer:
                kinds.setdefault(kind, []).append(int(layer))
        return {kind: sorted(layers) for kind, layers in kinds.items()}


def _tokens(trace: Trace) -> int:
    return trace.grid[0] * trace.grid[1] + trace.front


def _enlarged(segments: Segments, scale: int) -> Segments:
    labels, colours = (
        None if one is None else one.repeat(scale, axis=0).repeat(scale, axis=1)
        for one in (segments.labels, segments.colours)
    )
    return replace(segments, labels=labels, colours=colours)
