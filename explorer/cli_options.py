"""Options of the command line that need more than a type: read here, refused in one sentence."""

from __future__ import annotations

import math

import numpy as np

from explorer.errors import ExplorerError
from explorer.trace import Array, ModelCard


def gains(card: ModelCard, settings: list[str]) -> Array | None:
    """L:K=V … → (L,K), None if nothing is set."""
    if not settings:
        return None
    gains = np.ones((card.layers, card.heads), np.float32)
    for setting in settings:
        try:
            place, value = setting.split("=")
            layer, head = (int(part) for part in place.split(":"))
            number = float(value)
        except ValueError as error:
            raise ExplorerError(f"--mssa-gain {setting} should be L:K=V, such as 3:2=0.5.") from error
        if not (1 <= layer <= card.layers and 1 <= head <= card.heads):
            raise ExplorerError(f"--mssa-gain {setting}: {card.name} has layers 1–{card.layers}, heads 1–{card.heads}.")
        gains[layer - 1, head - 1] = number
    return gains


def steps(card: ModelCard, name: str, settings: list[str] | None) -> Array | None:
    """[L=]V … → (L,), None if nothing is set."""
    if not settings:
        return None
    option = "--" + name.replace("_", "-")
    if not card.has_ista:
        raise ExplorerError(f"{card.name} is a {card.family_label} and has no {name}: leave {option} out.")
    values = np.array(card.lam if name == "ista_lambda" else card.eta, np.float32)
    for setting in settings:
        layer, _, value = setting.rpartition("=")
        try:
            number, index = float(value), int(layer) if layer else None
        except ValueError as error:
            raise ExplorerError(f"{option} {setting} should be a number, or L=V for layer L.") from error
        if index is None:
            values[:] = number
        elif 1 <= index <= card.layers:
            values[index - 1] = number
        else:
            raise ExplorerError(f"{option} {setting}: {card.name} has layers 1–{card.layers}.")
    return values


def entry_price(lam: float) -> float:
    """--lambda: a finite number that is not negative."""
    if not (math.isfinite(lam) and lam >= 0):
        raise ExplorerError(f"--lambda {lam:g} should be 0 or more nats for each non-zero entry.")
    return lam


def distortion(eps_squared: float) -> float:
    """--eps-squared: a finite number above 0."""
    if not (math.isfinite(eps_squared) and eps_squared > 0):
        raise ExplorerError(f"--eps-squared {eps_squared:g} should be a number above 0, such as 0.01.")
    return eps_squared
