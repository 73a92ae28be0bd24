"""The card file: its values land in the model's card, its errors name the field."""

import contextlib
import json
from pathlib import Path

import pytest

from explorer import zoo
from explorer.card import ModelCard, Preprocessing
from explorer.errors import ExplorerError
from explorer.export import card as room
from explorer.export.card import CardFile, read_card
from explorer.export.checkpoint import read_checkpoint
from explorer.export.identify import identify
from explorer.export.importer import describe, import_file

FULL = {
    "heads": 4, "classes": ["cat", "dog", "owl"], "mean": [0.1, 0.2, 0.3], "std": [1, 2, 0.5], "image_size": 16,
    "resize": 20, "crop": 16, "interpolation": "bicubic", "patch_size": 4, "eta": [0.2, 0.3], "lambda": 0.05,
    "top1": 66.5, "top1_epochs": None, "dataset": "three animals", "notes": {"seed": 3},
}  # fmt: skip


def write(folder: Path, values) -> Path:
    path = folder / "card.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    return path


def described(checkpoint: Path, card_path: Path) -> ModelCard:
    """The card that an import would write, without the graph."""
    read, file = read_checkpoint(checkpoint), read_card(card_path)
    return describe("tiny", read, identify(read.weights, file.heads, file.eta, file.lam), file)


def test_every_value_lands_in_the_model_card(checkpoints, tmp_path, quick_reader):
    card = import_file(
        checkpoints["crate.pth.tar"], name="tiny", card_path=write(tmp_path, FULL), directory=tmp_path / "zoo"
    )
    assert (card.name, card.heads, card.head_dim, card.patch, card.image_size) == ("tiny", 4, 2, 4, 16)
    assert card.classes == ("cat", "dog", "owl")
    assert (card.eta, card.lam) == ((0.2, 0.3), (0.05, 0.05))
    assert card.preprocessing == Preprocessing((0.1, 0.2, 0.3), (1.0, 2.0, 0.5), 20, 16, "bicubic")
    assert card.measured == {"top1": 66.5}
    assert card.provenance["dataset"] == "three animals"
    assert card.provenance["notes"] == {"seed": 3}
    assert card.provenance["trained_size"] == 12
    assert card.provenance["epoch"] == 7


def test_without_a_card_the_released_defaults_hold(cards):
    card = cards["crate"]
    assert (card.eta, card.lam, card.classes, card.image_size) == ((0.1, 0.1), (0.1, 0.1), (), 12)
    assert card.preprocessing == Preprocessing(resize=round(12 * 256 / 224), crop=12)
    assert CardFile().preprocessing(224) == Preprocessing()
    assert cards["vit"].eta == cards["vit"].lam == ()


def test_heads_of_the_call_win_over_those_of_the_card(checkpoints, tmp_path, quick_reader):
    card = import_file(
        checkpoints["crate.pth.tar"], heads=1 + 1, card_path=write(tmp_path, {"heads": 4}), directory=tmp_path / "zoo"
    )
    assert card.heads == 2


def test_zero_heads_are_refused_and_not_ignored(checkpoints, tmp_path, quick_reader):
    with pytest.raises(ExplorerError, match="0 heads"):
        import_file(
            checkpoints["crate.pth.tar"], heads=0, card_path=write(tmp_path, {"heads": 4}), directory=tmp_path / "zoo"
        )


def test_labels_by_number(tmp_path):
    names = {str(i): f"class {i}" for i in range(12)}
    assert read_card(write(tmp_path, {"labels": names})).labels == tuple(names.values())


def test_labels_by_something_else_than_a_number(tmp_path):
    """Refused or sorted to the end, but no traceback: ² is a digit to str.isdigit and no number to int."""
    with contextlib.suppress(ExplorerError):
        assert read_card(write(tmp_path, {"labels": {"²": "dog", "0": "cat"}})).labels == ("cat", "dog")


def test_the_facts_of_the_file_cannot_be_faked(checkpoints, tmp_path, quick_reader):
    """The digest and the name of the file are measured; a card must not overwrite them."""
    faked = write(tmp_path, {"heads": 2, "sha256": "0" * 64, "file": "other.pth", "imported": "never"})
    card = described(checkpoints["crate.pth.tar"], faked)
    assert card.provenance["file"] == "crate.pth.tar"
    assert card.provenance["sha256"] == read_checkpoint(checkpoints["crate.pth.tar"]).sha256
    assert card.provenance["imported"] != "never"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("{", "is not JSON"),
        ("", "is not JSON"),
        ("\x00\x01", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[1, 2]", "holds a JSON list"),
        ("3", "holds a JSON int"),
        ({"heads": "six"}, "heads should be a whole number"),
        ({"heads": 0}, "heads should be a whole number"),
        ({"heads": 2.5}, "heads should be a whole number"),
        ({"heads": True}, "heads should be a whole number"),
        ({"image_size": -16}, "image_size should be"),
        ({"image_size": 10**9}, "image_size should be"),
        ({"crop": [16]}, "crop should be"),
        ({"resize": "256"}, "resize should be"),
        ({"patch_size": {}}, "patch_size should be"),
        ({"mean": [0.5, 0.5]}, "mean should be three numbers"),
        ({"mean": 0.5}, "mean should be three numbers"),
        ({"mean": [0.5, "x", 0.5]}, "mean should be three numbers"),
        ({"std": [0.5, 0, 0.5]}, "std should be above 0"),
        ({"interpolation": "lanczos"}, "interpolation should be bilinear or bicubic"),
        ({"eta": "0.1"}, "eta should be"),
        ({"eta": -0.1}, "eta should be"),
        ({"eta": []}, "eta should be"),
        ({"lambda": [0.1, None]}, "lambda should be"),
        ({"lambda": True}, "lambda should be"),
        ({"classes": "cat"}, "classes should be a list"),
        ({"classes": ["cat", 3]}, "classes should be a list"),
        ('{"eta": NaN}', "eta should be"),
        ('{"eta": Infinity}', "eta should be"),
        ('{"mean": [NaN, 0, 0]}', "mean should be"),
        ('{"std": [1, Infinity, 1]}', "std should be"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_errors_name_the_field(tmp_path, values, words):
    with pytest.raises(ExplorerError, match=words) as caught:
        read_card(write(tmp_path, values))
    assert str(caught.value).startswith("card.json")
    assert len(str(caught.value)) < 320


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"classes": ["cat", "dog"]}, "names 2 classes, but the checkpoint has 3"),
        ({"patch_size": 8}, "patches of 8, but the checkpoint has 4"),
        ({"image_size": 18}, "image size 18 is not a multiple of the patch size 4"),
        ({"crop": 10}, "size 10 is not a multiple of the patch size 4"),
        ({"heads": 3}, "3 heads do not divide"),
        ({"eta": [0.1, 0.1, 0.1]}, "one value for each of 2 layers"),
        ({"eta": [0.1]}, "one value for each of 2 layers"),
        ({"eta": [0.1] * 3, "lambda": [0.1] * 3}, "one value for each of 2 layers"),
    ],
    ids=str,
)
def test_card_that_contradicts_the_checkpoint(checkpoints, tmp_path, quick_reader, values, words):
    with pytest.raises(ExplorerError, match=words):
        described(checkpoints["crate.pth.tar"], write(tmp_path, {"heads": 2} | values))


def test_card_that_is_no_file_or_too_large(tmp_path, monkeypatch):
    with pytest.raises(ExplorerError, match="is not a file"):
        read_card(tmp_path / "absent.json")
    monkeypatch.setattr(room, "MAX_BYTES", 1)
    with pytest.raises(ExplorerError, match="larger than"):
        read_card(write(tmp_path, {}))


def test_a_run_that_started_otherwise_gets_its_own_control(checkpoints, tmp_path, quick_reader):
    path = write(tmp_path, {"heads": 2, "init": {"pos_embedding": {"constant": 0.5}}})
    card = import_file(checkpoints["crate.pth.tar"], "own", card_path=path, directory=tmp_path)
    drawn = zoo.draw_control(card)
    assert (drawn["pos_embedding"] == 0.5).all()
    assert drawn["cls_token"].std() > 0.1  # as in the released code
    assert "init" not in card.provenance


@pytest.mark.parametrize(
    ("init", "sentence"),
    [
        ([1], "laws of initialisation"),
        ({"pos_embedding": {"gamma": 1}}, "gamma"),
        ({"nothing": {"normal": 1}}, "nothing"),
    ],
)
def test_an_init_that_does_not_fit_is_refused(checkpoints, tmp_path, quick_reader, init, sentence):
    path = write(tmp_path, {"heads": 2, "init": init})
    with pytest.raises(ExplorerError, match=sentence):
        import_file(checkpoints["crate.pth.tar"], "own", card_path=path, directory=tmp_path)
