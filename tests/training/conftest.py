"""Tiny prepared pictures: three classes that differ in colour, 16 pixels wide."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from explorer.training.prepare import prepare
from explorer.training.recipe import PictureRecipe, parse_recipe

COLOURS = {"blue": (30, 40, 220), "green": (30, 200, 40), "red": (220, 40, 30)}


def write_pictures(folder: Path, count: int = 8, names: dict[str, tuple[int, int, int]] | None = None) -> Path:
    """An image folder with count noisy pictures of each colour, 24×16."""
    draw = np.random.default_rng(0)
    for name, colour in (names or COLOURS).items():
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = np.array(colour) + draw.integers(-20, 21, (16, 24, 3))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name / f"{i}.png")
    return folder


def tiny_recipe(family: str = "crate", stages: list[dict] | None = None, **changes) -> PictureRecipe:
    values = {
        "family": family, "dim": 8, "layers": 2, "heads": 2, "patch": 4, "image_size": 16, "positions_std": 0.02,
        "ema": 0.5, "stages": stages or [{"data": "colours", "size": 16, "epochs": 2, "batch": 6, "lr": 0.01}],
    }  # fmt: skip
    recipe = parse_recipe(values | changes, "tiny", "tiny.toml")
    assert isinstance(recipe, PictureRecipe)
    return recipe


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny tensors are slower on two threads, and waiting threads disturb what runs beside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def prepared_data(tmp_path_factory) -> Path:
    """Folders colours (three classes) and warm (two classes), as `prepare` makes them."""
    folder = tmp_path_factory.mktemp("data")
    prepare([write_pictures(folder / "raw")], folder / "colours", size=16, hold_out=0.25)
    two = {"orange": (230, 120, 20), "red": (220, 40, 30)}
    prepare([write_pictures(folder / "raw2", names=two)], folder / "warm", size=16, hold_out=0.25)
    return folder
