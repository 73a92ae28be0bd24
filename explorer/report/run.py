"""A report without the app: a picture through a model and through its random-init control."""

from __future__ import annotations

from datetime import date

from explorer import lens, runtime, zoo
from explorer.card import ModelCard
from explorer.inputs.image import prepare_photo
from explorer.inputs.shown import shown_picture
from explorer.measures.patches import default_layer
from explorer.measures.prediction import top_classes
from explorer.measures.rates import measure_layers
from explorer.report.page import PhotoReport
from explorer.trace import Knobs, Prepared


def about_run(card: ModelCard, name: str, prepared: Prepared, stride: int, framing: str) -> dict[str, str]:
    """What a report says of its run, label → text."""
    licence = card.provenance.get("licence")
    return {
        "Model": f"{card.name}: {card.summary}" + (f"; {licence}" if licence else ""),
        "Digest of the model": card.sha256,
        "Photo": name,
        "Input": f"{prepared.height} × {prepared.width} pixels, patches of {card.patch} at stride {stride}, {framing}",
        **({"Framing": prepared.note} if prepared.note else {}),
        "Made on": date.today().isoformat(),
    }


def run_report(
    data: bytes, name: str, card: ModelCard, size: int | None, stride: int | None, framing: str
) -> PhotoReport:
    """The subject of a report on a picture's bytes. Raises ExplorerError as the runtime does."""
    prepared = prepare_photo(data, card.preprocessing, card.patch, size, framing, name)
    picture, scale = shown_picture(data, card, prepared, size, framing)
    knobs, drawn = Knobs(stride=stride), zoo.draw_control(card)
    trace = runtime.run(runtime.open_model(card), prepared, None, knobs)
    control = runtime.run(runtime.open_model(card, drawn), prepared, None, knobs)
    return PhotoReport(
        title=f"{name} through {card.name}",
        file_stem=f"{name.rsplit('.', 1)[0]}_{card.name}",
        about=about_run(card, name, prepared, trace.stride, framing),
        trace=trace,
        picture=picture,
        scale=scale,
        rows=measure_layers(trace, zoo.layer_weights(card)),
        control=measure_layers(control, zoo.layer_weights(card, drawn)),
        top=top_classes(trace),
        choice=lens.LensChoice(default_layer(card.layers, "maskcut"), (), 0),
        look=lens.LensLook(),
        heads=lens.photo_heads(trace, control),
    )
