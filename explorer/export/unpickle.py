"""What a file of torch.save holds, without running anything of it.

A pickle is a program: it names functions and classes and has them called. Here the only names that it can reach are
the few of this module: those of tensors become records of where their numbers lie (`Stored`), sets are sets, and every
other class becomes an inert stand-in (`Opaque`), which takes what is done to it and does nothing. No torch is needed.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from explorer.export.tensors import NUMBERS, NotACheckpointError, Storage, Stored

STORAGES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool", "UntypedStorage": "uint8",
}  # fmt: skip
ATTACKS = {
    "os", "posix", "nt", "sys", "subprocess", "io", "_io", "socket", "shutil", "runpy", "importlib", "ctypes", "pty",
}  # fmt: skip
ATTACKING_BUILTINS = {"eval", "exec", "open", "compile", "__import__"}
"""No checkpoint needs these. They would be as inert as all others: the file is refused so that its user is warned."""
LEGACY_MAGIC, LEGACY_VERSION = 0x1950A86A20F9469CFC6C, 1001
LOCAL_HEADER_BYTES = 30
# What the unpickler and the zip reader raise on damaged, foreign or hostile files.
DAMAGE = (
    pickle.UnpicklingError, zipfile.BadZipFile, EOFError, ValueError, LookupError, OSError, TypeError, AttributeError,
    ImportError, OverflowError, RuntimeError,
)  # fmt: skip


class Opaque(dict):
    """Stands in for an object of a class that is not read. It keeps items (many wrappers are dictionaries of a class of
    their own) and the state that it is given; it calls nothing."""

    kind = "object"
    state: Any = None

    def __init__(self, *_arguments: Any, **_named: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __call__(self, *_arguments: Any, **_named: Any) -> Opaque:
        return Opaque()

    def append(self, _item: Any) -> None:
        """Items of a list or a set of an unknown class are not kept."""

    extend = add = append
    __hash__ = object.__hash__  # pyright: ignore[reportAssignmentType]
    __eq__ = object.__eq__


class Ordered(Opaque):
    """An OrderedDict: with the pairs that it is made of, where there are some."""

    def __init__(self, pairs: Any = (), *_arguments: Any) -> None:
        super().__init__()
        self.update(pairs if isinstance(pairs, (list, dict)) else ())


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_rest: Any) -> Stored:
    numbers = (offset, *shape, *strides)
    if not isinstance(storage, Storage) or any(type(number) is not int for number in numbers) or min(numbers) < 0:
        raise pickle.UnpicklingError("no tensor of torch.save")
    return Stored(storage, offset, tuple(shape), tuple(strides), storage.kind)


def _tensor_of_kind(
    storage: Any, offset: Any, shape: Any, strides: Any, _1: Any, _2: Any, kind: Any, *_: Any
) -> Stored:
    return _tensor(storage, offset, shape, strides)._replace(kind=kind)


def _parameter(tensor: Any, *_rest: Any) -> Any:
    return tensor


def _subclass(rebuild: Callable[..., Any], _kind: Any, arguments: Any, *_rest: Any) -> Any:
    return rebuild(*arguments)


REACHED: dict[str, Any] = {
    "collections.OrderedDict": Ordered, "builtins.set": set, "builtins.frozenset": frozenset,
    "torch._utils._rebuild_tensor": _tensor, "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_kind, "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter, "torch._tensor._rebuild_from_type_v2": _subclass,
    **{f"torch.{kind}": kind for kind in NUMBERS},
}  # fmt: skip
"""All that a pickle can name and get something else than an inert class; storages of all devices beside."""


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], storage: Callable[[Any, Any, int], Storage], unread: set[str]) -> None:
        super().__init__(file, encoding="latin-1")
        self._storage, self._unread = storage, unread
        self._classes: dict[str, type[Opaque]] = {}

    def find_class(self, module: str, name: str, /) -> Any:
        full = f"{'builtins' if module == '__builtin__' else module}.{name}"
        if module.split(".")[0] in ATTACKS or full in {f"builtins.{each}" for each in ATTACKING_BUILTINS}:
            raise NotACheckpointError(
                f"it names {full}, which could run code when another program loads it and which no checkpoint needs: "
                "take the file from a source that you trust"
            )
        if module.startswith("torch") and name in STORAGES:
            return STORAGES[name]
        if full in REACHED:
            return REACHED[full]
        self._unread.add(full)
        return self._classes.setdefault(full, type("Opaque", (Opaque,), {"kind": full}))

    def persistent_load(self, pid: Any, /) -> Any:
        """("storage", kind, key, device, count) → the storage; ("module", class, …) → the class, which older files of
        whole modules have with its source. Raises for another form."""
        tag, kind, *rest = pid
        if tag == "module":
            return kind
        key, _device, count, *view = rest
        if tag != "storage" or type(count) is not int or count < 0 or any(view):
            raise pickle.UnpicklingError("no storage of torch.save")
        return self._storage(kind, key, count)


def read_pickled(path: Path) -> tuple[Any, tuple[str, ...]]:
    """The object that torch.save wrote (a zip archive, or the older row of pickles), and the classes left unread.

    Raises NotACheckpointError for a damaged or foreign file.
    """
    unread: set[str] = set()
    try:
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            found = _zipped(file, unread) if head == b"PK\x03\x04" else _row_of_pickles(file, unread)
    except DAMAGE as error:
        raise NotACheckpointError("it is not a whole PyTorch checkpoint or .safetensors file") from error
    return found, tuple(sorted(name for name in unread if not name.startswith("torch._utils.")))


def _zipped(file: IO[bytes], unread: set[str]) -> Any:
    with zipfile.ZipFile(file) as archive:
        entries = {info.filename: info for info in archive.infolist()}
        pickled = next((name for name in entries if name.endswith("/data.pkl") or name == "data.pkl"), None)
        if any(name.endswith(".npy") for name in entries):
            raise NotACheckpointError(
                "it is an .npz of NumPy arrays: give them the names of a family's released code and save them with "
                "safetensors.numpy.save_file"
            )
        if pickled is None:
            raise zipfile.BadZipFile
        root = pickled.removesuffix("data.pkl")
        if f"{root}constants.pkl" in entries:
            raise NotACheckpointError(
                "it is a TorchScript archive, which holds code: save the state dict instead "
                "(torch.save(torch.jit.load(…).state_dict(), …))"
            )
        if f"{root}byteorder" in entries and archive.read(f"{root}byteorder") != b"little":
            raise NotACheckpointError("its numbers are big-endian: save it again on another machine")
        places: dict[Any, Storage] = {}

        def storage(kind: Any, key: Any, count: int) -> Storage:
            if key not in places:
                info = entries[f"{root}data/{key}"]
                places[key] = made = Storage(kind, count, _first_byte(file, info))
                if info.compress_type != zipfile.ZIP_STORED or made.nbytes > info.file_size:
                    raise zipfile.BadZipFile
            return places[key]

        with archive.open(pickled) as stream:
            return _Unpickler(stream, storage, unread).load()


def _first_byte(file: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Where an entry's bytes begin: behind its own header, whose name and padding have lengths of their own."""
    before = file.tell()
    file.seek(info.header_offset)
    header = file.read(LOCAL_HEADER_BYTES)
    file.seek(before)
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    return info.header_offset + LOCAL_HEADER_BYTES + lengths


def _row_of_pickles(file: IO[bytes], unread: set[str]) -> Any:
    """The form before PyTorch 1.6: magic number, version, machine, object, keys, then each key's storage."""
    places: dict[Any, Storage] = {}

    def storage(kind: Any, key: Any, count: int) -> Storage:
        return places.setdefault(key, Storage(kind, count))

    def load() -> Any:
        return _Unpickler(file, storage, unread).load()

    if load() != LEGACY_MAGIC:
        raise NotACheckpointError(
            "it is a pickle, but not a PyTorch checkpoint: save its tensors with torch.save or as .safetensors"
        )
    if load() != LEGACY_VERSION or load().get("little_endian") is not True:
        raise pickle.UnpicklingError("another version")
    found, keys = load(), load()
    for key in keys:
        place, count = places[key], int.from_bytes(file.read(8), "little")
        if count < place.count or not isinstance(place.kind, str):
            raise pickle.UnpicklingError("a storage of another size, or of no plain numbers")
        place.count, place.start = count, file.tell()
        file.seek(place.nbytes, 1)
    return found
