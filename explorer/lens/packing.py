"""JSON and arrays as one run of bytes: a browser component takes either, never both. web/bytes.js has the inverse."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from explorer.trace import Array


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
