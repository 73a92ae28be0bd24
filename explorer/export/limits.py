"""Limits that a child process sets for itself before it opens an untrusted file."""

from __future__ import annotations

import os
from pathlib import Path

HEADROOM_BYTES = 1 << 30


def limit_memory(file_bytes: int) -> None:
    """Cap the address space at what is mapped now plus four times the file plus 1 GiB."""
    try:
        import resource
    except ImportError:  # Windows has no such limits, and macOS no /proc; the parent's time limit still holds
        return
    statm = Path("/proc/self/statm")
    if statm.exists():
        mapped = int(statm.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        limit = mapped + 4 * file_bytes + HEADROOM_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
