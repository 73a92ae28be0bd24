"""Colours of text."""

from __future__ import annotations

import numpy as np

from explorer.trace import Array

BLUE = "91 141 239"
FAINTEST, STRONGEST = 0.06, 0.75


def share_colours(shares: Array) -> list[str]:
    """A background for each probability (n,), that lets the text on it be read in light and dark: the more opaque, the
    more probable; by the square root, so that small ones can be told apart."""
    opacities = FAINTEST + (STRONGEST - FAINTEST) * np.sqrt(np.clip(shares, 0.0, 1.0))
    return [f"rgb({BLUE} / {opacity:.0%})" for opacity in opacities]
