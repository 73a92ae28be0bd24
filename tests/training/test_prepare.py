"""From what users have to arrays: image folders, parquet with its two forms of labels, texts."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from explorer.errors import ExplorerError
from explorer.training.prepare import prepare, squared
from explorer.training.sources import Item
from tests.training.conftest import write_pictures


def encoded(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def read(folder):
    about = json.loads((folder / "about.json").read_text("utf-8"))
    return np.load(folder / "images.npy"), np.load(folder / "labels.npy"), about


def test_the_centre_is_cropped_and_the_box_moves_along():
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 2:6] = 200  # the centre square
    image, box = squared(Item(encoded(pixels), "x", (1, 0, 4, 3)), 4)
    assert (image == 200).all()
    assert box == (0, 0, 2, 3)  # two pixels to the left, cut at the border
    image, box = squared(Item(encoded(pixels), "x", (2, 1, 6, 4)), 8)
    assert image.shape == (8, 8, 3)
    assert box == (0, 2, 8, 8)


def test_an_image_folder_is_split_by_class(tmp_path):
    raw = write_pictures(tmp_path / "raw")
    about = prepare([raw], tmp_path / "out", size=16, hold_out=0.25, licence="made for a test")
    images, labels, train = read(tmp_path / "out" / "train")
    _, held, val = read(tmp_path / "out" / "val")
    assert about == {"train": train, "val": val}
    assert (images.shape, images.dtype) == ((18, 16, 16, 3), np.uint8)
    assert np.bincount(labels).tolist() == [6, 6, 6]
    assert np.bincount(held).tolist() == [2, 2, 2]
    assert train["classes"] == val["classes"] == ["blue", "green", "red"]
    assert (train["sources"], train["licence"], train["size"]) == (["raw"], "made for a test", 16)
    assert [images[labels == i].mean((0, 1, 2)).argmax() for i in range(3)] == [2, 1, 0]
    again = prepare([raw], tmp_path / "again", size=16, hold_out=0.25)
    assert again["train"]["count"] == 18
    np.testing.assert_array_equal(np.load(tmp_path / "again" / "train" / "images.npy"), images)


def test_train_and_val_folders_are_kept(tmp_path):
    write_pictures(tmp_path / "raw" / "train", 3)
    write_pictures(tmp_path / "raw" / "val", 1, {"red": (220, 40, 30)})
    prepare([tmp_path / "raw"], tmp_path / "out", size=16)
    assert len(read(tmp_path / "out" / "train")[1]) == 9
    assert read(tmp_path / "out" / "val")[1].tolist() == [2]


@pytest.mark.parametrize("form", ["bytes", "struct"])
def test_parquet_with_names_or_numbers(tmp_path, form):
    """Names as text with plain bytes; numbers with the names in the schema, as the datasets library writes them."""
    pictures = [encoded(np.full((8, 8, 3), 80 * i, np.uint8)) for i in range(3)]
    if form == "bytes":
        table = pa.table({"image": pictures, "label": ["b", "a", "b"], "box": [[0, 0, 4, 4]] * 3})
    else:
        features = {"label": {"names": ["a", "b"], "_type": "ClassLabel"}, "image": {"_type": "Image"}}
        table = pa.table({"image": [{"bytes": one, "path": None} for one in pictures], "label": [1, 0, 1]})
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, tmp_path / "a.parquet")
    about = prepare([tmp_path / "a.parquet"], tmp_path / "out", [tmp_path / "a.parquet"], size=8)
    images, labels, _ = read(tmp_path / "out" / "train")
    assert about["train"]["classes"] == ["a", "b"]
    assert labels.tolist() == [1, 0, 1]
    assert images[:, 0, 0, 0].tolist() == [0, 80, 160]
    boxes = tmp_path / "out" / "train" / "boxes.npy"
    assert boxes.exists() == (form == "bytes")
    assert form == "struct" or np.load(boxes).tolist() == [[0, 0, 4, 4]] * 3


def test_texts_are_joined(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "b.txt").write_text("zwei\r\nTeile\f", "utf-8")
    (tmp_path / "raw" / "a.txt").write_text("größer\n\n", "utf-8")
    about = prepare([tmp_path / "raw"], tmp_path / "out")
    assert (tmp_path / "out" / "text.txt").read_bytes().decode() == "größer\n\f\nzwei\nTeile\n"
    assert (about["text"]["count"], about["text"]["characters"]) == (2, 16)
    pq.write_table(pa.table({"work": ["w"], "text": ["einer"]}), tmp_path / "t.parquet")
    prepare([tmp_path / "t.parquet"], tmp_path / "table")
    assert (tmp_path / "table" / "text.txt").read_text("utf-8") == "einer\n"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda raw: write_pictures(raw) / "red" / "0.png", "one folder or .parquet files"),
        (lambda raw: raw / "nothing", "one folder or .parquet files"),
        (lambda raw: write_pictures(raw) / "red", "folders of classes"),
        (lambda raw: (write_pictures(raw) / "red" / "0.png").write_bytes(b"no") and raw, "0.png is not a picture"),
        (lambda raw: (raw.write_bytes(b"no"), raw.rename(raw.with_suffix(".parquet")))[1], "not a whole .parquet"),
    ],
)
def test_what_cannot_be_read_is_said_and_nothing_is_made(tmp_path, make, sentence):
    source = make(tmp_path / "raw")
    before = set(tmp_path.iterdir())
    with pytest.raises(ExplorerError, match=sentence):
        prepare([source], tmp_path / "out", size=16)
    assert set(tmp_path.iterdir()) == before


def test_classes_that_only_validation_has_are_refused(tmp_path):
    raw, other = write_pictures(tmp_path / "raw", 2), write_pictures(tmp_path / "other", 1, {"pink": (250, 150, 150)})
    with pytest.raises(ExplorerError, match="'pink'"):
        prepare([raw], tmp_path / "out", [other], size=16)


def test_a_folder_that_exists_is_not_overwritten(tmp_path, prepared_data):
    with pytest.raises(ExplorerError, match="exists"):
        prepare([write_pictures(tmp_path / "raw")], prepared_data / "colours")
