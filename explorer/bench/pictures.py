"""The pictures of the README, of the real app in light and dark: `make pictures`.

Every setting of the app stands in its address, so a picture is an address and what is cut out of the page. The command
writes docs/pictures/NAME-light.webp and NAME-dark.webp, and the parts of the README that show them; followed by names,
as in `make pictures NAMES="knobs text"`, it takes only those anew.
"""

from __future__ import annotations

import html
import io
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from explorer.bench.chromium import ROOT, app, chromium, settle
from explorer.errors import ExplorerError

README, FOLDER = ROOT / "README.md", ROOT / "docs" / "pictures"
THEMES = ("light", "dark")
WINDOW = {"width": 1280, "height": 3400}
"""CSS pixels; as high as a whole page, so that nothing has to be scrolled into it."""
SHARPNESS, QUALITY = 1.5, 72
"""Pixels of the file for each CSS pixel, and WebP's quality."""
MOST_BYTES, MOST_BYTES_IN_ALL = 150_000, 1_500_000
"""Of one file and of all of them: Git keeps every version."""
MARGIN = 14
MOST_SHOTS, PAUSE_MS = 20, 700
"""A picture is taken again until two in a row are the same, at most so often."""
PART = re.compile(r"(<!-- pictures: (\w+) -->\n).*?(<!-- end of pictures -->)", re.DOTALL)


@dataclass(frozen=True)
class Picture:
    """name: of its files. page: as the menu calls it. address: the view, a link into the app. cut: CSS selectors; the
    picture is the least rectangle around what they find, down to `height` CSS pixels if that is less. says: the one
    sentence beside it. alt: what is on it, for who cannot see it."""

    name: str
    page: str
    address: str
    cut: Sequence[str]
    height: int
    says: str
    alt: str

    def path(self, theme: str) -> Path:
        return FOLDER / f"{self.name}-{theme}.webp"

    def shown(self) -> str:
        """The HTML that shows it in the reader's theme."""
        light, dark = (self.path(theme).relative_to(ROOT).as_posix() for theme in THEMES)
        return (
            f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
            f'<img src="{light}" alt="{html.escape(self.alt)}"></picture>'
        )


PICTURES = (
    Picture(
        "segment", "Segment", "segment?photo=flamingo", ("[data-testid=stApp]",), 836,
        "What the network attends to, and which objects it separates: nobody ever showed it a mask.",
        "The page Segment: a flamingo, the attention, the object and the parts found in it, and every head of a layer",
    ),
    Picture(
        "layers", "Layers", "layers?photo=flamingo", (".st-key-heads_lens",), 800,
        "What each layer does, as equations with their measured numbers, as curves, and as every head of every layer "
        "at once; a click opens one.",
        "Small pictures of attention, a row for each layer and a column for each head, beside one large picture",
    ),
    Picture(
        "knobs", "Knobs", "knobs?photo=flamingo&knobs=g7:6=0", (":text('Heads of layer 7')", ".st-key-knob_lens"), 900,
        "What each part is good for: silence a head, move the threshold, and see at once what changes.",
        "A fader for each head, one of them at 0, beside attention and objects as trained and now",
    ),
    Picture(
        "subspaces", "Subspaces", "subspaces?photo=flamingo&colour=clusters&paint=True", (".st-key-token_cloud",), 600,
        "How the tokens lie in the subspaces: every patch a point, linked to the photo in both directions.",
        "The patches of a photo as a cloud of points; clusters have the same colours in the cloud and on the photo",
    ),
    Picture(
        "ledger", "Ledger", "ledger?photo=flamingo",
        (".st-key-verdict_ledger_curve", "li:has-text('Both together')"), 700,
        "Whether each layer does what the theory says: the objective at every half step, with a verdict, beside the "
        "same network before training.",
        "A curve of the objective over the half steps of all layers, above it a sentence that says where it got worse",
    ),
    Picture(
        "film", "Compare", "compare?photo=flamingo&comparison=film",
        (":text('Every epoch, every layer')", "[data-testid=stImage]"), 900,
        "How networks differ, side by side under one pointer, and how one came about: its training as a film.",
        "Attention on a photo, a row for each saved epoch of a training run and a column for each layer",
    ),
    Picture(
        "text", "Text", "text?layer=6&head=5&place=54",
        (".st-key-text_lens .toolbar", ".st-key-text_lens .heads"), 800,
        "What a language model makes of a text that you type: whom each token attends to, and what every layer would "
        "say comes next.",
        "A sentence with the tokens coloured by the attention of one of them, the next tokens by probability, and a "
        "row for each head",
    ),
    Picture(
        "features", "Features", "features?features=word&word=would, could, should&layer=6&code=708",
        (".st-key-features", ".st-key-found_codes_fires", ".st-key-code_histogram"), 808,
        "What the atoms of the dictionaries stand for: find a code by words, see where it fires and what it speaks "
        "for.",
        "A list of the codes that fire on some words, beside one of them: how strongly it fires, and on what",
    ),
)  # fmt: skip


def make_pictures(names: Sequence[str], progress: Callable[[str], None]) -> None:
    """Take the pictures of these names, all if there are none, and write them and what the README shows.

    progress: told what was written. Raises ExplorerError without playwright or a Chromium, and for a name that is not
    there, a selector that finds nothing, a page that does not come to rest, or a file that is too large.
    """
    known = {picture.name: picture for picture in PICTURES}
    if unknown := set(names) - set(known):
        raise ExplorerError(f"No picture {', '.join(sorted(unknown))}; there are {', '.join(known)}.")
    FOLDER.mkdir(exist_ok=True)
    with chromium() as browser, app() as (url, _):
        for picture in [known[name] for name in names or known]:
            for theme in THEMES:
                tab = browser.new_page(
                    viewport=WINDOW, device_scale_factor=SHARPNESS, color_scheme=theme, reduced_motion="reduce"
                )
                tab.goto(f"{url}/{picture.address}")
                data = _webp(_at_rest(tab, picture))
                tab.close()
                if len(data) > MOST_BYTES:
                    raise ExplorerError(f"{picture.name}: {len(data):,} bytes, allowed {MOST_BYTES:,}; cut out less.")
                picture.path(theme).write_bytes(data)
                progress(f"{picture.path(theme).relative_to(ROOT)}  {len(data) / 1000:.0f} kB")
    README.write_text(with_pictures(README.read_text("utf-8")), "utf-8")


def _at_rest(tab: Any, picture: Picture) -> bytes:
    """The PNG of what is cut out of the page, once two in a row are the same."""
    settle(tab)
    before = b""
    for _ in range(MOST_SHOTS):
        shot = tab.screenshot(clip=_box(tab, picture), animations="disabled")
        if shot == before:
            return shot
        before = shot
        tab.wait_for_timeout(PAUSE_MS)
    raise ExplorerError(f"{picture.name}: /{picture.address} does not come to rest.")


def _box(tab: Any, picture: Picture) -> dict[str, float]:
    """The rectangle to cut, with a margin, in whole CSS pixels of the window."""
    found = [tab.locator(selector) for selector in picture.cut]
    if missing := [selector for selector, one in zip(picture.cut, found, strict=True) if not one.count()]:
        raise ExplorerError(f"{picture.name}: /{picture.address} has no {' and no '.join(missing)}.")
    boxes = [one.first.bounding_box() for one in found]
    left, top = (max(int(min(box[side] for box in boxes)) - MARGIN, 0) for side in "xy")
    right = min(max(box["x"] + box["width"] for box in boxes) + MARGIN, WINDOW["width"])
    bottom = max(box["y"] + box["height"] for box in boxes) + MARGIN
    return {"x": left, "y": top, "width": int(right) - left, "height": min(int(bottom) - top, picture.height)}


def _webp(png: bytes) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(file, "WEBP", quality=QUALITY, method=6)
    return file.getvalue()


def with_pictures(readme: str) -> str:
    """A README with its parts between `<!-- pictures: first -->` or `<!-- pictures: others -->` and
    `<!-- end of pictures -->` as PICTURES says."""
    first, *others = PICTURES
    rows = [
        f'<tr><td width="64%">{one.shown()}</td><td><b>{one.page}</b><br>{html.escape(one.says)}</td></tr>\n'
        for one in others
    ]
    parts = {
        "first": f"{first.shown()}\n\n{first.says}\n",
        "others": f"<table>\n{''.join(rows)}</table>\n",
    }
    return PART.sub(lambda found: found[1] + parts[found[2]] + found[3], readme)


if __name__ == "__main__":
    try:
        make_pictures(sys.argv[1:], lambda line: print(line, flush=True))
    except ExplorerError as problem:
        sys.exit(str(problem))
