"""Which part of a photo a model sees: the size it is resized to, and what is cut off or laid around it.

A framing is a text, so that links, the command line and cache keys carry it: "crop", the middle as in training;
"crop@0" … "crop@100", a crop that lies from the left or upper end to the right or lower one; "whole"; "pad".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from PIL import Image

from explorer.card import Preprocessing
from explorer.errors import ExplorerError
from explorer.inputs.decode import MAX_PIXELS

Size = tuple[int, int]  # width, height, as in PIL
MAX_WHOLE = 3  # longer side over shorter side of a photo that is shown whole
MIDDLE = 50
MUCH_SEEN = 0.5  # of a photo: a square crop of 3:2 with the margins of the usual training sees 51 %
FRAMINGS = "'crop', 'crop@0' to 'crop@100', 'whole' or 'pad'"


@dataclass(frozen=True)
class Frame:
    """A photo of that size, resized, and the window of the model on it: its corner, negative where it is padded, and
    its size, in pixels of the resized photo."""

    photo: Size
    resized: Size
    corner: tuple[int, int]
    size: Size

    @property
    def seen(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the photo within the model's picture; around it is padding."""
        ends = zip(self.corner, self.resized, self.size, strict=True)
        (left, right), (top, bottom) = ((max(-at, 0), min(length - at, size)) for at, length, size in ends)
        return left, top, right, bottom

    @property
    def padded(self) -> bool:
        """Whether there is padding."""
        return self.seen != (0, 0, *self.size)

    @property
    def share(self) -> float:
        """The part of the photo that the model sees, 0 to 1."""
        left, top, right, bottom = self.seen
        return (right - left) * (bottom - top) / (self.resized[0] * self.resized[1])

    @property
    def window(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what is seen, as parts of the photo's sides."""
        left, top, right, bottom = self.seen
        (x, y), (width, height) = self.corner, self.resized
        return (left + x) / width, (top + y) / height, (right + x) / width, (bottom + y) / height

    def apply(self, image: Image.Image, resample: Image.Resampling, fill: int | tuple[int, ...] = 0) -> Image.Image:
        """The model's picture of an image that shows what the photo shows."""
        left, top, right, bottom = self.seen
        x, y = self.corner
        resized = image.resize(self.resized, resample).crop((left + x, top + y, right + x, bottom + y))
        if not self.padded:
            return resized
        picture = Image.new(resized.mode, self.size, fill)
        picture.paste(resized, (left, top))
        return picture

    def sentence(self) -> str:
        """What of the photo is not seen, or is added to it; empty where nothing is."""
        (width, height), (left, top, right, bottom) = self.photo, self.window
        if self.padded:
            added = 1 - (self.seen[2] - self.seen[0]) * (self.seen[3] - self.seen[1]) / (self.size[0] * self.size[1])
            return f"The whole {width} × {height} pixels, padded to a square: {added:.0%} of the input is padding."
        if self.share == 1:
            return ""
        seen = f"{round((right - left) * width)} × {round((bottom - top) * height)}"
        return f"The model sees {self._place()} {seen} of {width} × {height} pixels: {self.share:.0%} of the picture."

    @property
    def note(self) -> str:
        """The sentence where it should be told unasked: for padding, and where most of the photo is not seen."""
        return self.sentence() if self.padded or self.share < MUCH_SEEN else ""

    def _place(self) -> str:
        """Where the window lies, in a word."""
        along = 0 if self.photo[0] >= self.photo[1] else 1
        free = self.resized[along] - self.size[along]
        off = self.corner[along] - free / 2
        if abs(off) < 1:
            return "the middle"
        return f"{self.corner[along] / free:.0%} from the {('left', 'top')[along]},"


def check_framing(framing: str) -> tuple[str, int]:
    """A framing's kind and the place of its crop in per cent. Raises ExplorerError for one that there is not."""
    if framing in ("crop", "whole", "pad"):
        return framing, MIDDLE
    if (found := re.fullmatch(r"crop@(\d{1,3})", framing)) and int(found[1]) <= 100:
        return "crop", int(found[1])
    raise ExplorerError(f"The framing {framing!r} is unknown: choose {FRAMINGS}.")


def frame_of(photo: Size, preprocessing: Preprocessing, patch: int, size: int, framing: str, name: str) -> Frame:
    """What of a photo a model sees at a size.

    crop: torchvision's Resize(r) and CenterCrop(size), with r = size · resize / crop; at another place than the middle
    the window moves along the photo's longer side. whole: the shorter side becomes size, the longer one the nearest
    multiple of the patch. pad: the longer side becomes size, and the shorter one is filled up.
    Raises ExplorerError for an unknown framing and for a photo that is too long for it.
    """
    kind, place = check_framing(framing)
    width, height = photo
    short, long = sorted(photo)
    if kind == "crop":
        new_short = round(size * preprocessing.resize / preprocessing.crop)
        new_long = int(new_short * long / short)  # cut down, as torchvision does
    elif kind == "pad":
        new_short, new_long = max(round(size * short / long), 1), size
    else:
        new_short, new_long = size, round(size * long / short / patch) * patch
        if new_long > MAX_WHOLE * size:
            raise ExplorerError(
                f"{name} has {width} × {height} pixels: expected sides of at most {MAX_WHOLE}:1 to be shown whole: "
                "choose the framing pad, or a crop, which you can move."
            )
    if new_short * new_long > MAX_PIXELS:
        raise ExplorerError(
            f"{name} is too long ({width} × {height}) for the size {size}: crop it or choose a smaller one."
        )
    resized = (new_short, new_long) if width <= height else (new_long, new_short)
    if kind == "whole":
        return Frame(photo, resized, (0, 0), resized)
    along = 0 if width > height else 1
    moved = [MIDDLE, MIDDLE]
    moved[along] = place
    left, top = (
        round((side - size) * at / 100) if at != MIDDLE else round((side - size) / 2.0)  # ties to even, as torchvision
        for side, at in zip(resized, moved, strict=True)
    )
    return Frame(photo, resized, (left, top), (size, size))
