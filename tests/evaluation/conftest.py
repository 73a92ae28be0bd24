"""A tiny prepared folder: 20-pixel pictures of three classes, each with a bright square and its box."""

import json
from pathlib import Path

import numpy as np
import pytest

from explorer import zoo
from explorer.card import ModelCard
from explorer.evaluation.subjects import Task, open_subjects

CLASSES = ["blue", "green", "red"]
SIDE = 20


def write_part(folder: Path, count: int, classes: list[str] | None = None, boxes: bool = True) -> None:
    """images.npy, labels.npy, boxes.npy (last pixels inside) and about.json, as `prepare` writes them."""
    rng = np.random.default_rng(count)
    folder.mkdir(parents=True)
    images = rng.integers(0, 60, (count, SIDE, SIDE, 3)).astype(np.uint8)
    corners = rng.integers(0, SIDE // 2, (count, 2))
    for image, (x, y) in zip(images, corners, strict=True):
        image[y : y + 8, x : x + 8] += 150
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", np.arange(count) % 3)
    if boxes:
        np.save(folder / "boxes.npy", np.hstack([corners, corners + 7]).astype(np.int16))
    about = {"classes": classes or CLASSES, "sources": ["made"], "licence": "made for a test"}
    (folder / "about.json").write_text(json.dumps(about))


@pytest.fixture(scope="session")
def squares(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("squares")
    write_part(folder / "train", 5)
    write_part(folder / "val", 7)
    return folder


@pytest.fixture(scope="session")
def named(cards, tmp_path_factory) -> dict[str, ModelCard]:
    """The tiny models, with the class names of the data (in another order), in a zoo of their own."""
    import dataclasses

    import onnx

    from explorer.card import METADATA_KEY

    folder = tmp_path_factory.mktemp("named")
    for family, card in cards.items():
        model = onnx.load(card.path)
        renamed = dataclasses.replace(card, classes=("red", "blue", "green"))
        next(e for e in model.metadata_props if e.key == METADATA_KEY).value = renamed.to_metadata()
        zoo.install(model.SerializeToString(), family, folder)
    return {family: zoo.find_model(family, folder) for family in cards}


def task_of(card: ModelCard, data: Path, divisor: int = 1, limit: int | None = None, against=(), size=None) -> Task:
    subjects = open_subjects(card, against, size, None, (0, divisor))
    return Task(subjects, data, limit, 0, lambda step, share: None)
