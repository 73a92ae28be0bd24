"""`import explorer`: light, and everything that it names is there."""

import json
import subprocess
import sys

import numpy as np

import explorer
from tests.test_layers import ROOT

HEAVY = {"numpy", "onnxruntime", "onnx", "streamlit", "plotly", "torch", "PIL", "scipy", "sklearn", "pandas"}


def modules_after(code: str) -> set[str]:
    """The top packages and our own modules that a fresh process has loaded after some code."""
    code = f"import json, sys; {code}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    names = json.loads(done.stdout)
    return {name if name.startswith("explorer") else name.split(".")[0] for name in names}


def test_importing_loads_nothing_heavy_and_nothing_of_ours():
    loaded = modules_after("import explorer")
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("explorer")} == {"explorer"}


def test_what_is_asked_for_is_loaded_then_and_never_torch():
    loaded = modules_after("import explorer; explorer.open; explorer.ExplorerError")
    assert {"numpy", "explorer.notebook"} <= loaded
    assert not loaded & {"torch", "streamlit", "sklearn", "pandas"}
    assert "numpy" not in modules_after("import explorer; explorer.ExplorerError")


def test_every_name_is_there_and_listed():
    assert set(explorer.__all__) <= set(dir(explorer))
    for name in explorer.__all__:
        assert getattr(explorer, name) is not None
    assert explorer.measures.rates.coding_rate(np.zeros((2, 3))) == 0
    assert not hasattr(explorer, "close")
