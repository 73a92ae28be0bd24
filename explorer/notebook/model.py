"""A model in a few words: opened by name, run on whatever a user gives, beside its random-init control."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from explorer import figures, runtime, zoo
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.inputs import Given, picture_of, prepare
from explorer.inputs.shown import shown_picture
from explorer.knobs import read_knobs
from explorer.notebook.report import ReportFile
from explorer.notebook.table import html_table
from explorer.notebook.trace import NotebookTrace
from explorer.report import report_html, run_report, run_text_report, text_report_html
from explorer.trace import Array, Knobs, LayerWeights, Prepared


def open(model: str | os.PathLike[str]) -> Model:
    """A model of the zoo by its name, or the path of an .onnx that Explorer exported.

    Raises ExplorerError for an unknown name (it says which there are) and for files that are not ours.
    """
    return Model(zoo.find_model(os.fspath(model)))


def model_names() -> list[str]:
    """The models of the zoo, which is exported_models/ or $CRATE_EXPLORER_MODELS."""
    return [card.name for card in zoo.list_models()]


@dataclass(frozen=True, repr=False, eq=False)
class Model:
    """A model. card: what it says of itself. seed: None as trained, or what its weights were drawn with (control).

    The session opens at the first run and stays, for all threads.
    """

    card: ModelCard
    seed: int | None = None
    _controls: dict[int, Model] = field(default_factory=dict, init=False)

    @property
    def name(self) -> str:
        return self.card.name if self.seed is None else f"{self.card.name}, {figures.CONTROL_NAME}"

    @property
    def layers(self) -> int:
        return self.card.layers

    @property
    def heads(self) -> int:
        return self.card.heads

    @cached_property
    def session(self) -> runtime.Model:
        """The open model as explorer.runtime and explorer.studies take it. Raises ExplorerError as open_model does."""
        return runtime.open_model(self.card, self._drawn)

    def control(self, seed: int = 0) -> Model:
        """The random-init control: the same network with weights drawn as before training. Only what differs from it
        was learned. It has no file: its weights are drawn from the laws of initialisation in the card."""
        return self._controls.setdefault(seed, Model(self.card, seed))

    def weights(self, layer: int) -> LayerWeights:
        """What layer ℓ, from 1, learned: subspaces (K·p,d), rows kp…(k+1)p are U_kᵀ; dictionary D; norms, η and λ.

        explorer.measures.weights.layer_geometry measures it. Raises ExplorerError for a layer that there is not.
        """
        if not 1 <= layer <= self.layers:
            raise ExplorerError(f"{self.card.name} has no layer {layer}: choose 1 to {self.layers}.")
        return self._weights[layer - 1]

    def prepare(self, given: Given, size: int | None = None, framing: str = "crop") -> Prepared:
        """The model's input, as explorer.inputs.prepare makes it; what reading changed is a warning."""
        prepared = prepare(given, self.card, size, framing)
        if prepared.note and prepared is not given:
            warnings.warn(f"{prepared.label}: {prepared.note}", stacklevel=3)
        return prepared

    def trace(
        self,
        given: Given,
        stride: int | None = None,
        size: int | None = None,
        framing: str = "crop",
        knobs: Knobs | str | None = None,
        want: Iterable[str] | None = None,
    ) -> NotebookTrace:
        """Run the model, and keep every step.

        given: a photo's path, a gallery photo's name, a PIL image, pixels; or a text, its path, token numbers: see
        explorer.inputs.prepare. stride: pixels between patches, by default their side; below it they overlap. size:
        pixels of the input's side, a multiple of the patch. framing: "crop" as in training, or "whole".
        knobs: explorer.Knobs, or as in the app's links: "g3:2=0,l*=0.2,e4=0.05" sets the gain of layer 3, head 2, to 0,
        λ of all layers and η of layer 4. want: trace points, such as ["z.3"]; None for all.
        Raises ExplorerError for what does not fit the model, and for a run beyond the limits of memory and time.
        """
        prepared = self.prepare(given, size, framing)
        turned = self._knobs(knobs)
        turned = turned if stride is None else replace(turned, stride=stride)
        trace = runtime.run(self.session, prepared, want, turned)
        larger = None if isinstance(given, Prepared) else self.larger(given, prepared, size, framing)
        return NotebookTrace(**vars(trace), model=self, prepared=prepared, knobs=turned, larger=larger)

    def larger(
        self, given: Given, prepared: Prepared, size: int | None, framing: str
    ) -> Callable[[], tuple[Array, int]] | None:
        """What makes the photo as it is shown, with its scale, when it is asked for; None for what is no photo."""
        if prepared.picture is None:
            return None
        return lambda: shown_picture(picture_of(given)[0], self.card, prepared, size, framing)

    def report(
        self, given: Given, stride: int | None = None, size: int | None = None, framing: str = "crop"
    ) -> ReportFile:
        """One HTML file of at most 10 MB that works offline: the lens with every layer, segmentations, curves beside
        the control, numbers. Arguments as of trace; a picture's report is made from a picture, never from an array.
        It takes some seconds, at small strides minutes: MaskCut of every layer."""
        if self.seed is not None:
            raise ExplorerError(f"{self.name} stands in the report of {self.card.name}: ask that model for it.")
        if self.card.reads_text:
            runtime.check_knobs(self.card, Knobs(stride=stride))
            subject = run_text_report(self.prepare(given, size), self.card)
            return ReportFile(subject.file_stem, text_report_html(subject))
        picture = run_report(*picture_of(given), self.card, size, stride, framing)
        return ReportFile(picture.file_stem, report_html(picture))

    @cached_property
    def _drawn(self) -> dict[str, Array] | None:
        return None if self.seed is None else zoo.draw_control(self.card, self.seed)

    @cached_property
    def _weights(self) -> tuple[LayerWeights, ...]:
        return zoo.layer_weights(self.card, self._drawn)

    def _knobs(self, knobs: Knobs | str | None) -> Knobs:
        if not isinstance(knobs, str):
            return knobs or Knobs()
        found, refused = read_knobs(knobs, self.card)
        if refused:
            raise ExplorerError(
                f"{self.card.name} has no knob {refused[0]!r}, or not that far: write g3:2=0 for the gain of layer 3, "
                "head 2, l*=0.2 for λ of every layer, e4=0.05 for η of layer 4."
            )
        return found

    def __repr__(self) -> str:
        return f"<{self.name}: {self.card.summary}>"

    def _repr_html_(self) -> str:
        card = self.card
        reads = f"text of up to {card.context:,} tokens, of {card.vocabulary:,}"
        error = card.parity.get("max_abs_error")
        pictures = f"pictures of {card.image_size} pixels, patches of {card.patch}, {len(card.classes)} classes"
        codes = f", {card.codes_dim} codes" if card.codes_dim else ""
        rows = {
            "family": card.family_label,
            "layers × heads": f"{card.layers} × {card.heads} of {card.head_dim} directions in {card.dim}{codes}",
            "reads": reads if card.reads_text else pictures,
            "parameters": f"{card.parameters:,}",
            "trained on": card.provenance.get("data"),
            "measured": ", ".join(f"{key} {value:.4g}" for key, value in card.measured.items()),
            "largest difference from PyTorch": None if error is None else f"{error:.1e}",
            "licence": card.provenance.get("licence"),
            "file": card.path,
        }
        return html_table(self.name, [(key, value) for key, value in rows.items() if value not in (None, "")])
