"""Checkpoints from the Hugging Face hub: what a repository holds, and one file of it, checked, on the local disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from explorer.errors import ExplorerError

SUFFIXES = (".pth", ".pt", ".pth.tar", ".ckpt", ".bin", ".safetensors", ".onnx")
PREFIX = "hub:"
COMPANIONS = ("config.json", "tokenizer.json", "vocab.json", "merges.txt")
"""Of a language model: what the importer looks for beside the checkpoint."""
MAX_COMPANION_BYTES = 32 << 20


@dataclass(frozen=True)
class HubFile:
    """A file that could be imported: repository, the commit it is pinned to, path, bytes, SHA-256 where known.

    beside: paths of the companions in its folder.
    """

    repository: str
    revision: str
    path: str
    size_bytes: int
    sha256: str | None
    beside: tuple[str, ...] = ()


def list_files(repository: str) -> list[HubFile]:
    """The checkpoints of a repository (owner/name), smallest first, pinned to its present commit.

    Raises ExplorerError when the hub cannot be reached or has no such repository.
    """
    from huggingface_hub import HfApi

    try:
        info = HfApi().model_info(repository, files_metadata=True, timeout=20)
    except _hub_errors() as error:
        raise _unreachable(repository, error) from error
    siblings = info.siblings or []
    small = {f.rfilename for f in siblings if (f.size or 0) <= MAX_COMPANION_BYTES}
    files = [
        HubFile(
            repository,
            info.sha or "main",
            f.rfilename,
            f.size or 0,
            f.lfs.sha256 if f.lfs else None,
            tuple(name for part in COMPANIONS if (name := str(PurePosixPath(f.rfilename).with_name(part))) in small),
        )
        for f in siblings
        if f.rfilename.endswith(SUFFIXES)
    ]
    if not files:
        raise ExplorerError(f"{repository} has no file to import ({', '.join(SUFFIXES)}).")
    return sorted(files, key=lambda file: file.size_bytes)


def download(file: HubFile) -> Path:
    """Fetch a file (resumed if it broke off, renamed when whole) and check its SHA-256 where the hub gives one.

    Its companions are fetched into the same folder.
    """
    from huggingface_hub import hf_hub_download

    try:
        for companion in file.beside:
            hf_hub_download(file.repository, companion, revision=file.revision)
        path = Path(hf_hub_download(file.repository, file.path, revision=file.revision))
    except _hub_errors() as error:
        raise _unreachable(f"{file.repository}/{file.path}", error) from error
    with path.open("rb") as opened:
        if file.sha256 and hashlib.file_digest(opened, "sha256").hexdigest() != file.sha256:
            raise ExplorerError(f"{file.path} arrived damaged (its SHA-256 is not the hub's): download it again.")
    return path


def find_file(reference: str) -> HubFile:
    """The file of hub:OWNER/NAME/PATH. Raises ExplorerError for another form or a file that is not there."""
    parts = reference.removeprefix(PREFIX).split("/", 2)
    if len(parts) < 3:
        raise ExplorerError(f"{reference} should be {PREFIX}OWNER/NAME/PATH of a file on the Hugging Face hub.")
    files = list_files("/".join(parts[:2]))
    found = next((file for file in files if file.path == parts[2]), None)
    if found is None:
        raise ExplorerError(f"{'/'.join(parts[:2])} has no {parts[2]}: it has {', '.join(f.path for f in files[:8])}.")
    return found


def _hub_errors() -> tuple[type[Exception], ...]:
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

    transport = HfHubHTTPError.__bases__[0]  # the HTTP library's own base class, which a lost connection raises
    return (transport, EntryNotFoundError, OSError, ValueError)


def _unreachable(what: str, error: Exception) -> ExplorerError:
    detail = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
    return ExplorerError(f"The Hugging Face hub did not give {what} ({detail}): check the name and the connection.")
