"""Importing beside the app: progress, errors, cancelling, and nothing left behind."""

import time
from pathlib import Path

import pytest

from explorer import zoo
from explorer.errors import ExplorerError
from explorer.ui.jobs import checkpoint_import as import_job
from explorer.ui.jobs.checkpoint_import import ImportJob, Upload, look_inside, start_import

PATIENCE_S = 90


@pytest.fixture
def scene(monkeypatch, tmp_path) -> Path:
    """A zoo of its own, and a folder in which every temporary file of a job lies."""
    (tmp_path / "zoo").mkdir()
    (tmp_path / "jobs").mkdir()
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path / "zoo"))
    monkeypatch.setattr(import_job.tempfile, "tempdir", str(tmp_path / "jobs"))
    return tmp_path


def wait(job: ImportJob, scene: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while (job.running or any((scene / "jobs").iterdir())) and time.monotonic() < end:
        time.sleep(0.05)


def test_an_upload_is_imported_with_its_card(scene, checkpoints):
    upload = Upload("crate.pth.tar", checkpoints["crate.pth.tar"].read_bytes())
    job = start_import(upload, "mine", None, b'{"heads": 2, "classes": ["a", "b", "c"]}')
    wait(job, scene)
    assert job.error is None
    assert job.installed == "mine"
    assert job.share == 1.0
    assert zoo.find_model("mine").classes == ("a", "b", "c")
    assert not any((scene / "jobs").iterdir())


def test_what_cannot_be_imported_is_one_sentence(scene):
    job = start_import(Upload("notes.pth", b"only text"), None, 2)
    wait(job, scene)
    assert job.installed is None
    assert job.error
    assert "notes.pth" in job.error
    assert "\n" not in job.error
    assert not any((scene / "zoo").iterdir())
    assert not any((scene / "jobs").iterdir())


def test_a_cancelled_import_installs_nothing(scene, checkpoints):
    job = start_import(str(checkpoints["crate.pth.tar"]), "mine", 2)
    job.cancel()
    wait(job, scene)
    assert not job.running
    assert "cancelled" in (job.error or "")
    assert not any((scene / "zoo").iterdir())
    assert not any((scene / "jobs").iterdir())


def test_a_name_that_is_taken_is_kept(scene, checkpoints, cards):
    (scene / "zoo" / "mine.onnx").write_bytes(cards["vit"].path.read_bytes())
    job = start_import(str(checkpoints["crate.pth.tar"]), "mine", 2, replace=False)
    wait(job, scene)
    assert "already: choose another name" in (job.error or "")
    assert zoo.find_model("mine").sha256 == cards["vit"].sha256


def test_only_so_many_imports_run_at_once(scene, checkpoints, monkeypatch):
    monkeypatch.setattr(import_job, "MAX_IMPORTS", 1)
    first = start_import(str(checkpoints["crate.pth.tar"]), "mine", 2)
    with pytest.raises(ExplorerError, match="1 imports are running"):
        start_import(str(checkpoints["crate.pth.tar"]), "other", 2)
    first.cancel()
    start_import(str(checkpoints["crate.pth.tar"]), "other", 2).cancel()


def test_what_a_file_holds_is_listed_before_it_is_imported(scene, checkpoints, tmp_path):
    import torch

    state = torch.load(checkpoints["vit.pth"], weights_only=True)["model"]
    torch.save({"student": state, "teacher": dict(state)}, tmp_path / "two.pth")
    for source in (str(tmp_path / "two.pth"), Upload("two.pth", (tmp_path / "two.pth").read_bytes())):
        sets = look_inside(source)
        assert [(one["name"], one["family"], one["average"]) for one in sets] == [
            ("student", "ViT", False), ("teacher", "ViT", True),
        ]  # fmt: skip
    with pytest.raises(ExplorerError, match=r"^my\.h5 cannot be imported: it is an HDF5 file"):
        look_inside(Upload("my.h5", b"\x89HDF\r\n\x1a\n"))
    with pytest.raises(ExplorerError, match=r"^m-00001-of-00002\.safetensors cannot be .* one part of a model"):
        look_inside(Upload("m-00001-of-00002.safetensors", checkpoints["crate.safetensors"].read_bytes()))
    assert not any((scene / "jobs").iterdir())


def test_a_file_name_cannot_leave_its_folder(scene):
    job = start_import(Upload("../../evil.pth", b"x", {"../evil.json": b"{}"}), None, None)
    wait(job, scene)
    assert not [*scene.parent.glob("evil.*"), *scene.glob("evil.*")]


def test_an_uploaded_language_model_takes_the_tokenizer_beside_it(scene, word_card):
    folder = word_card.path.parent
    checkpoint, tokenizer = (folder / name for name in ("words.pt", "tokenizer.json"))
    job = start_import(Upload("words.pt", checkpoint.read_bytes(), {"tokenizer.json": tokenizer.read_bytes()}), None, 2)
    wait(job, scene)
    assert job.error is None
    card = zoo.find_model("words")
    assert card.tokenizer == word_card.tokenizer
    assert card.vocabulary == word_card.vocabulary
