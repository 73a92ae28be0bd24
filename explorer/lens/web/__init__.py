"""The lens's JavaScript and CSS, as text: plain modules without a build step."""

from functools import cache
from importlib import resources

SCRIPTS = (
    "bytes.js", "attention.js", "dom.js", "choice.js", "keys.js", "store.js", "grid.js", "paint.js", "panels.js",
    "versus.js", "charts.js", "histogram.js", "overview.js", "build.js", "draw.js", "save.js", "lens.js",
)  # fmt: skip
"""The lens on photos, joined to one script: from numbers to pictures to pointers."""
TEXT_SCRIPTS = (
    "bytes.js", "attention.js", "dom.js", "choice.js", "keys.js", "text_store.js", "overview.js", "matrix.js",
    "text_build.js", "text_draw.js", "save.js", "text.js",
)  # fmt: skip
"""The lens on text."""


@cache
def asset(*names: str) -> str:
    """Files of this folder, joined."""
    return "\n".join((resources.files("explorer.lens.web") / name).read_text("utf-8") for name in names)
