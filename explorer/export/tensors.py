"""Tensors of a file that are not read yet: where their numbers lie, and those numbers as float32."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from explorer.trace import Array

NUMBERS = {
    "float64": "<f8", "float32": "<f4", "float16": "<f2", "bfloat16": "<u2", "int64": "<i8", "int32": "<i4",
    "int16": "<i2", "int8": "i1", "uint64": "<u8", "uint32": "<u4", "uint16": "<u2", "uint8": "u1", "bool": "?",
}  # fmt: skip
"""torch's names of kinds of numbers → NumPy's codes; bfloat16 is the upper half of a float32."""
SAFETENSORS = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip


class NotACheckpointError(Exception):
    """The file cannot be read as tensors; the message is the sentence for the user."""


@dataclass
class Storage:
    """A run of numbers of one kind: how many, and its first byte in the file (None while the file is being read)."""

    kind: object
    count: int
    start: int | None = None

    @property
    def nbytes(self) -> int:
        return self.count * np.dtype(NUMBERS[self.kind]).itemsize if isinstance(self.kind, str) else 0


class Stored(NamedTuple):
    """A tensor that lies in a storage: first number, shape and strides in numbers, as its file claims them. A tuple, as
    no pickle can change one."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    kind: object

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def read(self, name: str, data: np.memmap) -> Array:
        """Its numbers as float32, from the bytes of the whole file.

        Raises NotACheckpointError for what are no plain numbers or what lies outside of its storage.
        """
        code = NUMBERS.get(self.kind) if isinstance(self.kind, str) else None
        if code is None or self.storage.start is None:
            raise NotACheckpointError(no_plain_numbers(name))
        width = np.dtype(code).itemsize
        try:
            part = data[self.storage.start : self.storage.start + self.storage.nbytes]
            if 0 in self.shape:
                return np.zeros(self.shape, np.float32)
            # the constructor checks that shape, offset and strides stay within the buffer
            array = np.ndarray(self.shape, code, part, width * self.offset, [width * step for step in self.strides])
        except (ValueError, TypeError, OverflowError, KeyError) as error:
            raise NotACheckpointError(f"its tensor {name} lies outside of its own numbers") from error
        if self.kind == "bfloat16":
            return (array.astype(np.uint32) << 16).view(np.float32)
        return np.ascontiguousarray(array, np.float32).reshape(array.shape)


def no_plain_numbers(name: str) -> str:
    return f"its tensor {name} is sparse, complex or without values: plain numbers were expected"


def read_safetensors(path: Path) -> dict[str, Stored]:
    """The tensors of a .safetensors file by name. Raises NotACheckpointError for a damaged one."""
    try:
        with safe_open(path, "np"):  # the library checks the header and that all lies within the file
            pass
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
    except (SafetensorError, KeyError, ValueError) as error:
        raise NotACheckpointError(f"it is not a whole .safetensors file ({error})") from error
    return {name: _stored(entry, 8 + length) for name, entry in header.items() if name != "__metadata__"}


def _stored(entry: dict, start: int) -> Stored:
    shape, kind = tuple(entry["shape"]), SAFETENSORS.get(entry["dtype"])
    strides = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
    return Stored(Storage(kind, math.prod(shape), start + entry["data_offsets"][0]), 0, shape, strides, kind)
