"""`python -m explorer.bench.gpu`: the script, or in one sentence what this Python lacks for it."""

from __future__ import annotations

import importlib.util
import sys

NEEDED = {"torch": "torch", "numpy": "numpy", "onnx": "onnx", "onnxruntime": "onnxruntime-gpu", "PIL": "pillow"}
"""Module → its package. Everything else that the project depends on may be missing."""


def main() -> int:
    """The script's exit code; 2 where a package is missing."""
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        print(
            f"{sys.executable} has no {', '.join(missing)}: install what is missing, or leave PYTHON out.",
            file=sys.stderr,
        )
        return 2
    from explorer.bench.gpu.script import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
