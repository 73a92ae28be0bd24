"""What every input needs: a digest of all that it was made from, and a sentence for files that are too large."""

from __future__ import annotations

import hashlib
import json


def digest(kind: str, data: bytes, *parameters: object) -> str:
    """SHA-256 of the bytes and of every parameter that shaped the result."""
    return hashlib.sha256(hashlib.sha256(data).digest() + json.dumps([kind, *parameters]).encode()).hexdigest()


def too_large(name: str, size: int, limit: int, advice: str) -> str:
    return f"{name} has {size / (1 << 20):.1f} MiB: expected at most {limit >> 20} MiB: {advice}."
