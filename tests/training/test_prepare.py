"""From what users have to arrays: image folders, parquet with its two forms of labels, texts."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tokenizers import Tokenizer

from explorer.dataset import open_text
from explorer.errors import ExplorerError
from explorer.training.prepare import prepare, squared
from explorer.training.sources import Item
from explorer.training.texts import END, learn_tokenizer
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


WORDS = [
    "the cat sat on the mat\n",
    "the dog sat\r\non the cat\f",
    "größer ist der Hund 🐕\n\n",
    "the mat the cat " * 40,
]


def read_tokens(folder: Path) -> list[str]:
    """The documents of a part, decoded."""
    tokenizer = Tokenizer.from_file(str(folder.parent / "tokenizer.json"))
    end = tokenizer.token_to_id(END)
    tokens = np.load(folder / "tokens.npy")
    ends = np.flatnonzero(tokens == end)
    assert ends[-1] == len(tokens) - 1
    starts = [0, *(ends[:-1] + 1)]
    return [tokenizer.decode(tokens[start:stop].tolist()) for start, stop in zip(starts, ends, strict=True)]


def test_texts_become_tokens_that_are_the_texts_again(tmp_path):
    (tmp_path / "raw").mkdir()
    for i, text in enumerate([*WORDS, "  \n"]):  # the last is empty and left out
        (tmp_path / "raw" / f"{i}.txt").write_bytes(text.encode())
    about = prepare([tmp_path / "raw"], tmp_path / "out", hold_out=0.25, vocabulary=280)
    found = {name: read_tokens(tmp_path / "out" / name) for name in ("train", "val")}
    clean = [text.replace("\r\n", "\n").replace("\f", "").strip("\n") for text in WORDS]
    assert sorted(found["train"] + found["val"]) == sorted(clean)
    assert [about[name]["count"] for name in ("train", "val")] == [3, 1]
    assert sum(about[name]["bytes"] for name in found) == sum(len(text.encode()) for text in clean)
    assert about["train"]["tokens"] == len(np.load(tmp_path / "out" / "train" / "tokens.npy"))
    assert about["train"]["vocabulary"] <= 280
    for name, texts in found.items():
        part = open_text(tmp_path / "out" / name)
        assert [clean[int(called)] for called, _ in part.documents()] == texts
        starts = [start for _, start in part.documents()]
        assert starts == [0, *(np.flatnonzero(part.tokens == part.vocabulary.index(END))[:-1] + 1)]


def test_texts_of_a_table_with_their_own_validation(tmp_path):
    for name, text in (("a", WORDS[0]), ("b", WORDS[1])):
        pq.write_table(pa.table({"work": ["w"], "text": [text]}), tmp_path / f"{name}.parquet")
    prepare([tmp_path / "a.parquet"], tmp_path / "out", [tmp_path / "b.parquet"], vocabulary=300)
    assert read_tokens(tmp_path / "out" / "train") == ["the cat sat on the mat"]
    assert read_tokens(tmp_path / "out" / "val") == ["the dog sat\non the cat"]
    assert open_text(tmp_path / "out" / "val").documents() == [("w", 0)]


@pytest.mark.parametrize(
    ("name", "data", "column"),
    [
        ("a.csv", "id,review\n1,the cat sat\n2,café\n", "review"),
        ("a.jsonl", '{"text": "the cat sat", "id": 1}\n{"text": "caf\\u00e9"}\n', ""),
        ("a.tsv", "text\nthe cat sat\ncafé\n", ""),
    ],
)
@pytest.mark.parametrize("in_folder", [True, False])
def test_each_row_of_a_table_is_a_document(tmp_path, name, data, column, in_folder):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / name).write_bytes(data.encode("utf-16" if name == "a.csv" else "cp1252"))
    source = tmp_path / "raw" if in_folder else tmp_path / "raw" / name
    notes = []
    prepare([source], tmp_path / "out", hold_out=0.0, vocabulary=270, column=column, note=notes.append)
    assert read_tokens(tmp_path / "out" / "train") == ["the cat sat", "café"]
    guessed = name == "a.tsv"  # the other two are UTF-16 with its mark, and letters of ASCII alone
    assert ["Windows-1252" in note for note in notes] == [True] * guessed


def test_tables_beside_texts_are_not_read(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text("the cat")
    (tmp_path / "raw" / "about.csv").write_text("name,year\na,1851\n")
    prepare([tmp_path / "raw"], tmp_path / "out", hold_out=0.0, vocabulary=270)
    assert read_tokens(tmp_path / "out" / "train") == ["the cat"]


def test_the_tokens_are_learned_from_the_training_documents_alone():
    tokenizer = learn_tokenizer(["zebra zebra zebra zebra"], 300)
    assert tokenizer.encode("zebra").tokens == ["zebra"]
    assert len(tokenizer.encode("quagga").tokens) == 6  # bytes


@pytest.mark.parametrize(
    ("options", "words"), [({"vocabulary": 200}, "--vocabulary 200"), ({"hold_out": 1.0}, "--hold-out 1")]
)
def test_texts_refuse_what_is_out_of_range(tmp_path, options, words):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text(WORDS[0])
    with pytest.raises(ExplorerError, match=words):
        prepare([tmp_path / "raw"], tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_sources_without_a_letter_are_refused(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text(" \n")
    with pytest.raises(ExplorerError, match="no text"):
        prepare([tmp_path / "raw"], tmp_path / "out")


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
