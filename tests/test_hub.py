"""The hub, with a stand-in for its two calls: the real ones need a network."""

import hashlib
from types import SimpleNamespace

import huggingface_hub
import pytest

from explorer import hub
from explorer.errors import ExplorerError

DATA = b"the bytes of a checkpoint"
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def repository(monkeypatch, tmp_path):
    """A repository of a few files, and the calls that were made to fetch them."""
    calls = []
    siblings = [
        SimpleNamespace(rfilename="torch/big.pth", size=900, lfs=SimpleNamespace(sha256=SHA256)),
        SimpleNamespace(rfilename="small.safetensors", size=10, lfs=None),
        SimpleNamespace(rfilename="README.md", size=1, lfs=None),
        SimpleNamespace(rfilename="config.json", size=1, lfs=None),
        SimpleNamespace(rfilename="tokenizer.json", size=1 << 40, lfs=None),
        SimpleNamespace(rfilename="torch/tokenizer.json", size=1, lfs=None),
    ]

    def model_info(self, name, files_metadata, timeout):
        calls.append((name, files_metadata))
        return SimpleNamespace(sha="c0ffee", siblings=siblings)

    def hf_hub_download(name, path, revision):
        calls.append((name, path, revision))
        (tmp_path / "file").write_bytes(DATA)
        return str(tmp_path / "file")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hf_hub_download)
    return calls


def test_checkpoints_are_listed_smallest_first_and_pinned(repository):
    files = hub.list_files("owner/name")
    assert [file.path for file in files] == ["small.safetensors", "torch/big.pth"]
    assert {file.revision for file in files} == {"c0ffee"}


def test_a_reference_is_downloaded_at_its_commit_and_checked(repository):
    path = hub.download(hub.find_file("hub:owner/name/torch/big.pth"))
    assert path.read_bytes() == DATA
    assert repository[-1] == ("owner/name", "torch/big.pth", "c0ffee")


def test_companions_of_its_folder_come_with_a_file(repository):
    hub.download(hub.find_file("hub:owner/name/small.safetensors"))
    assert [path for _, path, *_ in repository[1:]] == ["config.json", "small.safetensors"]
    del repository[:]
    hub.download(hub.find_file("hub:owner/name/torch/big.pth"))
    assert [path for _, path, *_ in repository[1:]] == ["torch/tokenizer.json", "torch/big.pth"]


def test_a_damaged_download_is_refused(repository):
    file = hub.HubFile("owner/name", "c0ffee", "torch/big.pth", 900, "0" * 64)
    with pytest.raises(ExplorerError, match="arrived damaged"):
        hub.download(file)


def test_a_file_that_is_not_there_names_those_that_are(repository):
    with pytest.raises(ExplorerError, match=r"has no x\.pth: it has small"):
        hub.find_file("hub:owner/name/x.pth")


@pytest.mark.parametrize("reference", ["hub:", "hub:owner", "hub:owner/name"])
def test_an_incomplete_reference_is_refused(reference):
    with pytest.raises(ExplorerError, match="OWNER/NAME/PATH"):
        hub.find_file(reference)


@pytest.mark.parametrize("problem", [OSError("no route"), ValueError("bad name"), None])
def test_an_unreachable_hub_is_one_sentence(monkeypatch, problem):
    from huggingface_hub.errors import HfHubHTTPError

    def fail(self, name, files_metadata, timeout):
        raise problem or HfHubHTTPError.__bases__[0]("connection lost")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", fail)
    with pytest.raises(ExplorerError, match="did not give owner/name"):
        hub.list_files("owner/name")
