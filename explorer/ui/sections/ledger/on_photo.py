"""What single tokens cost, as maps on the photo."""

from __future__ import annotations

from functools import partial

from explorer import measures
from explorer.lens import PANELS, LensLook, Panel, Section
from explorer.trace import Array
from explorer.ui.sections.ledger.accounts import step_names
from explorer.ui.view.photo import View
from explorer.ui.view.photo_lens import PhotoLens, draw_lens, lens_choice
from explorer.words import TOKEN_RATE


def ledger_lens(view: View, eps_squared: float) -> None:
    """What single tokens cost, on the photo."""
    choice = lens_choice(view)
    step = step_names(view.card)[0].split(" (")[1].rstrip(")")
    panels = [
        PANELS["photo"],
        Panel("map", "What a token adds to R", _source("whole", eps_squared),
              "high: unlike the others", scale="rate", unit="nats"),
        Panel("map", TOKEN_RATE, _source("parts", eps_squared),
              "summed over the heads", scale="rate", unit="nats"),
        Panel("map", f"What {step} changed in Rᶜ", _source("change", eps_squared),
              "blue: became cheaper, red: dearer", scale="signed", unit="nats"),
    ]  # fmt: skip
    maps = partial(token_maps, eps_squared=eps_squared)
    draw_lens(
        PhotoLens(view, choice, [Section(panels)], LensLook(), key="ledger_lens", toolbar=(), maps=maps, ahead=False)
    )()


def _source(name: str, eps_squared: float) -> str:
    """A map's name in the browser, which keeps the maps of every ε² that was looked at."""
    return f"{name}@{eps_squared:g}"


def token_maps(view: View, layer: int, eps_squared: float) -> dict[str, Array]:
    """Exact rates of every patch of a layer in nats, (rows,cols): in R(X), in R^c, and what MSSA changed in R^c."""
    weights = view.layer_weights()[layer - 1]
    x = measures.rates.layer_norm(view.trace.z(layer), weights.norm, weights.eps)
    before, after = (
        measures.rates.subspace_token_rates(measures.rates.project(z, weights), eps_squared).sum(axis=0)
        for z in (view.trace.z(layer), view.trace.z_half(layer))
    )
    rates = {"whole": measures.rates.token_rates(x, eps_squared), "parts": before, "change": after - before}
    return {_source(name, eps_squared): of[view.trace.front :].reshape(view.trace.grid) for name, of in rates.items()}
