"""JSON and arrays as one run of bytes: a browser component takes either, never both. web/bytes.js has the inverse."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from explorer.trace import Array

LONGEST_RUN = 65_535


def pack(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """Length of the header as 4 bytes (little-endian), the header as JSON, the body."""
    text = json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + body


def pack_arrays(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """A header and named arrays; the header's "arrays" tells each one's dtype, shape and place in the body."""
    places, parts, start = {}, [], 0
    for name, array in arrays.items():
        data = np.ascontiguousarray(array).tobytes()
        places[name] = {"dtype": str(array.dtype), "shape": list(array.shape), "start": start, "end": start + len(data)}
        parts.append(data)
        start += len(data)
    return pack({**header, "arrays": places}, b"".join(parts))


def runs_of(labels: Array) -> Array:
    """Labels (H,W), 0 to 65,535 and not empty, as runs of equal ones in reading order: uint16 (n,2), label and length.

    A run that is longer than 65,535 is several. web/bytes.js has the inverse.
    """
    flat = labels.ravel()
    starts = np.concatenate([[0], 1 + np.flatnonzero(flat[1:] != flat[:-1])])
    lengths = np.diff(starts, append=flat.size)
    pieces = -(-lengths // LONGEST_RUN)
    last = np.cumsum(pieces) - 1
    runs = np.full((int(pieces.sum()), 2), LONGEST_RUN, np.uint16)
    runs[:, 0] = np.repeat(flat[starts], pieces)
    runs[last, 1] = lengths - (pieces - 1) * LONGEST_RUN
    return runs
