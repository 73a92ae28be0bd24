"""What a model says of a photo, beside what the gallery calls it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from explorer.trace import Array

RIGHT, WRONG = "✓", "✗"


def answer(label: str, classes: Sequence[str], shares: Array) -> str:
    """The most probable class, and whether it is what the gallery calls the photo.

    label: empty where nobody says what the photo shows. classes: of the model, empty where they have no names. shares:
    (C,) their probabilities. "panda ✗, English springer 45 %"; where no class has that name, neither ✓ nor ✗.
    """
    best = int(np.argmax(shares))
    said = f"{classes[best] if classes else f'class {best}'} {_percent(shares[best])}"
    if not label:
        return said
    if not classes:
        return f"{label}: the model says {said}, and its classes have no names"
    own = next((i for i, name in enumerate(classes) if _plain(name) == _plain(label)), None)
    if own is None:
        return f"{label}: none of the model's {len(classes)} classes has that name; it says {said}"
    if own == best:
        return f"{label} {RIGHT} {_percent(shares[own])}"
    return f"{label} {WRONG} {_percent(shares[own])}, {said}"


def _plain(name: str) -> str:
    return name.replace("_", " ").strip().casefold()


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.005 or share == 0 else "<1 %"
