"""The README's pictures: every one there in both themes, with its sentence, small, and none that nobody shows."""

import re

import pytest
from PIL import Image

from explorer.bench.pictures import (
    FOLDER,
    MOST_BYTES,
    MOST_BYTES_IN_ALL,
    PICTURES,
    README,
    THEMES,
    make_pictures,
    with_pictures,
)
from explorer.errors import ExplorerError
from explorer.ui.frame.menu import PAGES
from tests.test_layers import ROOT

FILES = [picture.path(theme) for picture in PICTURES for theme in THEMES]


def test_the_readme_shows_the_pictures_as_the_list_says():
    text = README.read_text("utf-8")
    assert with_pictures(text) == text
    shown = re.findall(r'(?:src|srcset)="([^"]+)"', text)
    assert sorted(ROOT / path for path in shown) == sorted(FILES)
    for picture in PICTURES:
        assert text.count(picture.says) == 1
        assert picture.says.count(". ") == 0
        assert picture.says.endswith(".")
        assert f'alt="{picture.alt}"' in text


def test_the_first_picture_stands_before_the_first_heading():
    """What one sees without scrolling: what it is, the picture, how to start."""
    top = README.read_text("utf-8").split("\n## ")[0]
    assert str(PICTURES[0].path("light").name) in top
    assert top.count("<picture>") == 1


def test_the_folder_holds_the_pictures_and_nothing_else():
    assert sorted(FOLDER.iterdir()) == sorted(FILES)
    sizes = [path.stat().st_size for path in FILES]
    assert max(sizes) <= MOST_BYTES
    assert sum(sizes) <= MOST_BYTES_IN_ALL


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_picture_is_of_a_page_and_light_or_dark_as_its_name_says(picture):
    assert PAGES[picture.address.split("?")[0]].title == picture.page
    light, dark = (Image.open(picture.path(theme)).convert("L") for theme in THEMES)
    assert light.size == dark.size
    edge = (2, light.height // 2)  # of the page itself: a picture is cut out with a margin
    assert light.getpixel(edge) > 200 > 60 > dark.getpixel(edge)


def test_a_part_of_a_readme_is_written_anew_and_the_rest_kept():
    old = "a\n<!-- pictures: first -->\nold\n<!-- end of pictures -->\nb\n"
    new = with_pictures(old)
    assert new.startswith("a\n<!-- pictures: first -->\n<picture>")
    assert new.endswith(f"{PICTURES[0].says}\n<!-- end of pictures -->\nb\n")
    assert "old" not in new


def test_a_name_that_is_not_there_is_refused_before_anything_starts():
    with pytest.raises(ExplorerError, match=r"No picture nonsense; there are segment, "):
        make_pictures(["nonsense"], print)
