"""The child process that opens an uploaded ONNX model for the first time: `python -m explorer.export.probe FILE`.

ONNX Runtime has crashed on hostile graphs; here a crash ends this process and not the app. Exit 0: it opened and ran.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from explorer import runtime, zoo
from explorer.export.limits import limit_memory
from explorer.trace import Prepared


def main(path: Path) -> None:
    limit_memory(path.stat().st_size)
    card = zoo.read_card(path)
    tokens = np.zeros((1, min(8, card.context)), np.int64)
    data = tokens if card.reads_text else np.zeros((1, 3, 2 * card.patch, 2 * card.patch), np.float32)
    trace = runtime.run(runtime.open_model(card), Prepared(data, None, ""), None)
    if not all(np.isfinite(points).all() for points in trace.points.values()):
        sys.exit("its outputs are not finite numbers")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
