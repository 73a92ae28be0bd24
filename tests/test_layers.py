"""Which room may enter which: the import table of the architecture, read from the source with ast."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    path
    for path in (*ROOT.glob("explorer/**/*.py"), *ROOT.glob("pages/**/*.py"), ROOT / "streamlit_app.py")
    if path.exists()
)

LOW = {"zoo", "inputs", "runtime", "measures", "trace", "card", "errors"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "card": {"errors"},
    "trace": {"card"},
    "knobs": {"trace", "card"},
    "zoo": {"trace", "card", "errors"},
    "inputs": {"trace", "card", "errors"},
    "runtime": {"trace", "card", "errors"},
    "rotary": set(),
    "measures": {"trace", "errors", "rotary"},
    "hub": {"errors"},
    "figures": {"trace"},
    "ablate": LOW,
    "features": {"zoo", "runtime", "measures", "trace", "card", "errors"},
    "generate": {"runtime", "measures", "trace", "errors"},
    "compare_text": {"compare", "measures", "trace", "errors"},
    "compare": {"zoo", "runtime", "measures", "trace", "card"},
    "summary": {*LOW, "figures"},
    "lens": {"trace", "card", "measures", "figures"},
    "report": {"lens", "figures", "inputs", "measures", "runtime", "summary", "trace", "card", "zoo"},
    "browser": {"errors"},
    "browser_bench": {"browser", "lens", "trace", "card"},
    "umap_worker": set(),
    "launch": {"ui"},  # no part of ui: importing that package first starts the server 0.2 s later
    "ui": {
        *LOW,
        "ablate",
        "compare",
        "compare_text",
        "evaluation",
        "features",
        "generate",
        "knobs",
        "hub",
        "figures",
        "lens",
        "report",
        "summary",
    },
    "pages": {"ui", "measures", "figures", "trace"},
    "streamlit_app": {"ui", "measures", "figures", "trace", "errors"},
    "models": {"rotary"},
    "export": {"models", "trace", "card", "errors", "rotary"},
    "dataset": {"errors"},
    "training": {"models", "dataset", "errors"},
    "evaluation": {"dataset", "inputs", "measures", "runtime", "zoo", "trace", "card", "errors"},
    "cli": {
        *LOW,
        "ablate",
        "compare",
        "compare_text",
        "dataset",
        "features",
        "generate",
        "hub",
        "figures",
        "summary",
        "models",
        "export",
        "training",
        "evaluation",
        "report",
        "browser_bench",
        "launch",
    },
}
"""Room → rooms of ours that it may import, beside itself."""

ALSO: dict[str, set[str]] = {
    "explorer/export/describe.py": {"inputs"},  # reads a tokenizer as the app does
    "explorer/export/importer.py": {"zoo"},  # installs what it made
    "explorer/export/parity.py": {"runtime"},  # runs what it made, to compare it with torch
    "explorer/export/probe.py": {"runtime", "zoo"},  # first run of an uploaded graph, in a child process
    "explorer/export/bench.py": {"runtime", "zoo"},  # times the same model in both
    "explorer/training/start.py": {"export"},  # reads a checkpoint as the importer does
}
"""Single modules that may enter more than their room, each for the reason beside it."""

ONLY_IN: dict[str, set[str]] = {
    "streamlit": {"ui", "pages", "streamlit_app", "launch"},
    "onnxruntime": {"runtime"},
    "torch": {"models", "export", "training"},
    "safetensors": {"export"},
    "pyarrow": {"training"},
    "tokenizers": {"training", "inputs"},
    "onnx": {"export", "zoo", "runtime"},
    "huggingface_hub": {"hub"},
    "typer": {"cli"},
    "pycocotools": {"evaluation"},
}
"""Package → the only rooms that may import it, at the top or within functions."""

NOT_AT_THE_TOP = {"umap", "numba", "sklearn", "huggingface_hub"}
"""Slow to import, and not every user needs them: imported where they are used."""


@dataclass(frozen=True)
class Import:
    name: str
    top: bool

    @property
    def package(self) -> str:
        return self.name.split(".")[0]


def room_of(path: Path) -> str:
    first, *rest = path.relative_to(ROOT).parts
    return Path(rest[0] if first == "explorer" else first).stem


def names_of(node: ast.Import | ast.ImportFrom, path: Path) -> list[str]:
    """Full dotted names; `from explorer import zoo` gives explorer.zoo, and relative names are completed."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = path.relative_to(ROOT).parts[: -node.level]
        base = ".".join([*package, *([base] if base else [])])
    return [f"{base}.{alias.name}" for alias in node.names] if base == "explorer" else [base]


def imports_of(path: Path) -> list[Import]:
    """Every import of a module; top: it runs when the module is imported (not within a function)."""
    return list(walk(ast.parse(path.read_text("utf-8")), path, top=True))


def walk(node: ast.AST, path: Path, top: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield from (Import(name, top) for name in names_of(child, path))
        inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        yield from walk(child, path, top and not inside)


def test_the_walk_itself(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "explorer" / "ui").mkdir(parents=True)
    module = tmp_path / "explorer" / "ui" / "x.py"
    module.write_text(
        "import torch.nn as nn\nfrom explorer import zoo, trace\nfrom explorer.ui.y import z\nfrom . import y\n"
        "try:\n    import umap\nexcept ImportError:\n    pass\n"
        "class A:\n    import numba\n    def f(self):\n        from .. import runtime\n        import sklearn\n"
    )
    assert room_of(module) == "ui"
    found = {(i.name, i.top) for i in imports_of(module)}
    assert found == {
        ("torch.nn", True), ("explorer.zoo", True), ("explorer.trace", True), ("explorer.ui.y", True),
        ("explorer.ui", True), ("umap", True), ("numba", True), ("explorer.runtime", False), ("sklearn", False),
    }  # fmt: skip


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_rooms(path):
    room = room_of(path)
    if path == ROOT / "explorer" / "__init__.py":
        assert not imports_of(path)
        return
    assert room in MAY_IMPORT, f"{room} is a new room: give it a row in the table"
    allowed = MAY_IMPORT[room] | ALSO.get(str(path.relative_to(ROOT).as_posix()), set()) | {room}
    entered = {i.name.split(".")[1] for i in imports_of(path) if i.package == "explorer" and "." in i.name}
    assert entered <= allowed, f"{path.relative_to(ROOT)} enters {sorted(entered - allowed)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_packages(path):
    room = room_of(path)
    for found in imports_of(path):
        where = f"{path.relative_to(ROOT)} imports {found.name}"
        assert room in ONLY_IN.get(found.package, {room}), f"{where}: only {sorted(ONLY_IN[found.package])} may"
        assert not (found.top and found.package in NOT_AT_THE_TOP), f"{where} at the top: import it where it is used"


def test_exemptions_are_still_needed():
    for name, rooms in ALSO.items():
        entered = {i.name.split(".")[1] for i in imports_of(ROOT / name) if i.package == "explorer"}
        assert rooms <= entered, name


def test_looking_at_a_model_never_loads_torch():
    """Not even through another package: a fresh process imports what a page needs."""
    code = (
        "import sys, explorer.zoo, explorer.runtime, explorer.inputs, explorer.measures, explorer.figures;"
        "print([name for name in ('torch', 'umap', 'numba', 'sklearn', 'streamlit', 'onnx') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
