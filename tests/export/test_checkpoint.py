"""Reading untrusted files: every official form, and every way a file can be broken or hostile."""

import hashlib
import os
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from explorer.errors import ExplorerError
from explorer.export import checkpoint
from explorer.export.checkpoint import read_checkpoint
from explorer.export.importer import import_file
from tests.conftest import state_of

CRATE_FORMS = ["crate.pth.tar", "crate-one-gpu.pth.tar", "crate-demo.pth", "crate.safetensors"]


class Payload:
    """A pickle that creates a file when it is loaded by an unsafe reader."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def refusal(path: Path, folder: Path) -> str:
    """The sentence with which an import is refused, after checking that it left nothing behind."""
    before = set(path.parent.iterdir())
    with pytest.raises(ExplorerError) as caught:
        import_file(path, heads=2, directory=folder)
    assert not folder.exists() or not list(folder.iterdir())
    assert set(path.parent.iterdir()) == before
    sentence = str(caught.value)
    assert sentence.startswith(path.name)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 320
    # torch's own text advises the unsafe loader, breaks off in mid-word or asks for a report to its authors
    assert not re.search(r"weights.only|miniz|Errno|please report|we changed", sentence, re.IGNORECASE), sentence
    return sentence


@pytest.mark.parametrize("form", CRATE_FORMS)
def test_every_form_holds_the_same_tensors(checkpoints, modules, quick_reader, form):
    read = read_checkpoint(checkpoints[form])
    expected = state_of(modules["crate"])
    assert set(read.weights) - {"head.weight", "head.bias"} == set(expected)
    for name, array in expected.items():
        assert read.weights[name].dtype == np.float32
        np.testing.assert_array_equal(read.weights[name], array)
    assert read.name == form


def test_facts_of_the_training_wrapper(checkpoints, quick_reader):
    facts = read_checkpoint(checkpoints["crate.pth.tar"]).facts
    assert facts == {
        "epoch": 7, "arch": "CRATE_tiny", "best_acc1": pytest.approx(66.7, rel=1e-6), "wrapper": "state_dict",
    }  # fmt: skip
    assert read_checkpoint(checkpoints["alpha.pth"]).facts == {}
    assert read_checkpoint(checkpoints["crate-demo.pth"]).facts == {"wrapper": "model"}


def test_digest_is_that_of_the_file(checkpoints, quick_reader):
    path = checkpoints["crate.safetensors"]
    assert read_checkpoint(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_half_precision_becomes_float32(tmp_path, quick_reader):
    torch.save(
        {"a": torch.arange(3, dtype=torch.bfloat16), "b": torch.ones(2, dtype=torch.float64)}, tmp_path / "h.pth"
    )
    weights = read_checkpoint(tmp_path / "h.pth").weights
    assert {a.dtype for a in weights.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(weights["a"], [0, 1, 2])


def test_the_child_reads_a_path_relative_to_where_the_user_stands(checkpoints, monkeypatch):
    monkeypatch.chdir(checkpoints["alpha.pth"].parent)
    assert read_checkpoint(Path("alpha.pth")).weights["cls_token"].shape == (1, 1, 8)


def test_code_in_a_pickle_never_runs(tmp_path):
    evil, mark = tmp_path / "evil.pth.tar", tmp_path / "it-ran"
    torch.save({"state_dict": {"module.a": torch.ones(1), "module.b": Payload(mark)}}, evil)
    sentence = refusal(evil, tmp_path / "zoo")
    assert not mark.exists()
    assert re.search(r"\b(io|builtins|_io)\.open\b", sentence)
    assert "could run code" in sentence


def test_code_in_a_bare_pickle_never_runs(tmp_path, quick_reader):
    evil, mark = tmp_path / "evil.pth", tmp_path / "it-ran"
    evil.write_bytes(pickle.dumps({"a": Payload(mark)}, protocol=2))
    assert "could run code" in refusal(evil, tmp_path / "zoo")
    assert not mark.exists()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="address space is limited on Linux only")
def test_the_memory_limit_holds_below_the_machines_own(tmp_path):
    """2 KB that claim 6 GB of zeros through strides of zero: the machine may have them, the child may not."""
    torch.save({"pos_embedding": torch.zeros(1).expand(1_500_000_000)}, tmp_path / "bomb.pth")
    assert (tmp_path / "bomb.pth").stat().st_size < 4096
    assert "more memory than a checkpoint of its size should" in refusal(tmp_path / "bomb.pth", tmp_path / "zoo")


def test_a_child_that_hangs_is_stopped(checkpoints, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "TIME_LIMIT_S", 0.05)
    assert "took more than 0.05 s" in refusal(checkpoints["alpha.pth"], tmp_path / "zoo")


def broken_files(good: bytes) -> dict[str, tuple[bytes, str]]:
    """Contents that are no checkpoint, by file name, and a word of the sentence that each should get."""
    return {
        "empty.pth": (b"", "empty"),
        "empty.safetensors": (b"", "empty"),
        "cut-late.pth.tar": (good[:-100], "not a whole PyTorch checkpoint"),
        "cut-half.pth.tar": (good[: len(good) // 2], "not a whole PyTorch checkpoint"),
        "cut-early.pth.tar": (good[:10], "not a whole PyTorch checkpoint|not a PyTorch checkpoint"),
        "notes.pth.tar": (b"These are my notes about CRATE.\n" * 20, "not a (whole )?PyTorch checkpoint"),
        "notes-utf8.pth": ("Zürich, ℓ₀\n".encode() * 20, "not a (whole )?PyTorch checkpoint"),
        "page.pth": (b"<!DOCTYPE html><html><body>Sign in</body></html>", "not a (whole )?PyTorch checkpoint"),
        "zeros.pth": (bytes(4096), "not a (whole )?PyTorch checkpoint"),
        "photo.pth": (b"\x89PNG\r\n\x1a\n" + bytes(200), "not a (whole )?PyTorch checkpoint"),
        "text.safetensors": (b"not a header", "not a whole .safetensors file"),
        "long-header.safetensors": (b"\xff" * 7 + b"\x7f{" + bytes(64), "not a whole .safetensors file"),
        "half.safetensors": (safetensors_bytes()[:-4], "not a whole .safetensors file"),
        "nothing.safetensors": (b"\x02" + bytes(7) + b"{}", "no tensors"),
    }


def safetensors_bytes() -> bytes:
    from safetensors.numpy import save

    return save({"a": np.ones(8, np.float32)})


@pytest.mark.parametrize("name", broken_files(b""))
def test_broken_file(checkpoints, tmp_path, quick_reader, name):
    content, words = broken_files(checkpoints["crate.pth.tar"].read_bytes())[name]
    (tmp_path / name).write_bytes(content)
    assert re.search(words, refusal(tmp_path / name, tmp_path / "zoo"))


def test_zip_that_is_not_torchs(tmp_path, quick_reader):
    with zipfile.ZipFile(tmp_path / "photos.pth", "w") as archive:
        archive.writestr("holiday/1.jpg", b"jpeg")
    assert "not a whole PyTorch checkpoint" in refusal(tmp_path / "photos.pth", tmp_path / "zoo")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([torch.ones(1)], "holds a list, not a state dict"),
        (torch.ones(3), "holds a Tensor, not a state dict"),
        ({"epoch": 3, "arch": "x"}, r"no tensors \(top-level keys: epoch, arch\)"),
        ({"state_dict": {}}, "no tensors"),
        ({}, "no tensors"),
    ],
    ids=["list", "tensor", "facts alone", "empty state dict", "empty dict"],
)
def test_tensors_that_are_no_state_dict(tmp_path, quick_reader, content, words):
    torch.save(content, tmp_path / "odd.pth")
    assert re.search(words, refusal(tmp_path / "odd.pth", tmp_path / "zoo"))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(modules, tmp_path, quick_reader, value):
    state = state_of(modules["crate"])
    state["transformer.layers.1.1.fn.weight"][3, 4] = value
    save_file(state, tmp_path / "broken.safetensors")
    sentence = refusal(tmp_path / "broken.safetensors", tmp_path / "zoo")
    assert "transformer.layers.1.1.fn.weight" in sentence
    assert "not finite" in sentence


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "absent.pth", tmp_path):
        with pytest.raises(ExplorerError, match="is not a file"):
            read_checkpoint(path)


def test_oversized_file_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "MAX_BYTES", 10)
    (tmp_path / "big.pth").write_bytes(bytes(11))
    monkeypatch.setattr(checkpoint, "_run_reader", lambda *a: pytest.fail("the file was opened"))
    with pytest.raises(ExplorerError, match="more than"):
        read_checkpoint(tmp_path / "big.pth")


def test_reader_leaves_no_temporary_folder(checkpoints, tmp_path, monkeypatch, quick_reader):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    read_checkpoint(checkpoints["alpha.pth"])
    assert not os.listdir(tmp_path)
