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

LOW = {"textfiles", "zoo", "inputs", "runtime", "measures", "trace", "card", "errors"}
VIEW = {*LOW, "ui.state", "ui.components", "ui.frame", "knobs", "figures", "verdicts", "lens"}
MAY_IMPORT: dict[str, set[str]] = {
    "": {"errors", "figures", "measures", "notebook", "trace"},
    "errors": set(),
    "families": set(),
    "card": {"families", "errors"},
    "card_runs": {"card"},
    "trace": {"card"},
    "knobs": {"trace", "card"},
    "zoo": {"trace", "card", "errors"},
    "inputs": {"textfiles", "trace", "card", "errors"},
    "code_gain": set(),
    "runtime": {"processors", "code_gain", "trace", "card", "errors"},
    "rotary": set(),
    "processors": set(),
    "measures": {"processors", "trace", "errors", "rotary"},
    "constructed": {"measures", "trace", "errors"},
    "hub": {"errors"},
    "figures": {"trace"},
    "verdicts": {"figures", "trace"},
    "words": set(),
    "textfiles": {"errors"},
    "studies": {*LOW, "words"},
    "tables": {"words", "figures", "inputs", "measures", "studies", "trace", "card"},
    "lens": {"trace", "card", "measures", "figures", "verdicts", "words"},
    "report": {
        "lens",
        "figures",
        "inputs",
        "measures",
        "runtime",
        "tables",
        "trace",
        "verdicts",
        "card",
        "words",
        "zoo",
    },
    "bench": {
        "export",
        "families",
        "inputs",
        "lens",
        "measures",
        "models",
        "processors",
        "runtime",
        "zoo",
        "trace",
        "card",
        "errors",
    },
    "ui": set(),
    "ui.launch": {"processors", "ui", "ui.sections"},
    "ui.state": {*LOW, "processors", "knobs"},
    "ui.components": {"ui.state", "lens", "figures", "inputs", "card", "knobs", "trace"},
    "ui.frame": {*LOW, "card_runs", "ui.state", "ui.components", "words"},
    "ui.jobs": {*LOW, "ui.state", "studies", "hub"},
    "ui.view": {*LOW, "ui.state", "ui.components", "ui.frame", "ui.view", "knobs", "figures", "lens", "report"},
    "ui.panels": {*VIEW, "words", "families", "ui.view", "ui.jobs", "evaluation", "tables"},
    "ui.sections": {
        *VIEW,
        "ui.view",
        "ui.jobs",
        "ui.panels",
        "card_runs",
        "constructed",
        "evaluation",
        "hub",
        "studies",
        "tables",
        "words",
    },
    "pages": {"words", "ui.frame", "ui.view", "ui.panels", "ui.sections", "measures", "figures", "trace", "verdicts"},
    "streamlit_app": {"ui.frame", "ui.state", "errors"},
    "models": {"families", "rotary"},
    "export": {"families", "models", "trace", "card", "errors", "rotary"},
    "dataset": {"errors"},
    "training": {"textfiles", "processors", "families", "models", "dataset", "errors"},
    "evaluation": {
        "processors",
        "constructed",
        "dataset",
        "inputs",
        "measures",
        "runtime",
        "zoo",
        "trace",
        "card",
        "errors",
    },
    "notebook": {*LOW, "figures", "knobs", "report", "studies", "tables"},
    "cli": {
        *LOW,
        "bench",
        "dataset",
        "evaluation",
        "export",
        "figures",
        "hub",
        "models",
        "notebook",
        "processors",
        "studies",
        "tables",
        "training",
        "ui.launch",
        "words",
    },
}
"""Room → rooms of ours that it may import, beside itself; "" is the package, which opens them when they are asked for.
Within ui a room is two parts of the path."""

ALSO: dict[str, set[str]] = {
    "explorer/export/describe.py": {"inputs"},  # reads a tokenizer as the app does
    "explorer/export/importer.py": {"zoo"},  # installs what it made
    "explorer/export/parity.py": {"runtime"},  # runs what it made, to compare it with torch
    "explorer/export/probe.py": {"runtime", "zoo"},  # first run of an uploaded graph, in a child process
    "explorer/export/bench.py": {"runtime", "zoo", "processors"},  # times the same model in both, on as many threads
    "explorer/training/start.py": {"export"},  # reads a checkpoint as the importer does
}
"""Single modules that may enter more than their room, each for the reason beside it."""

ONLY_IN: dict[str, set[str]] = {
    "streamlit": {
        "ui.state",
        "ui.components",
        "ui.frame",
        "ui.jobs",
        "ui.view",
        "ui.panels",
        "ui.sections",
        "ui.launch",
        "pages",
        "streamlit_app",
    },
    "onnxruntime": {"runtime", "bench"},
    "torch": {"models", "export", "training", "bench"},
    "safetensors": {"export"},
    "pyarrow": {"training", "evaluation"},
    "skimage": {"evaluation"},
    "tokenizers": {"training", "inputs"},
    "onnx": {"export", "zoo", "runtime", "code_gain", "bench"},
    "huggingface_hub": {"hub"},
    "typer": {"cli"},
    "pycocotools": {"evaluation"},
    "pillow_heif": {"inputs"},
}
"""Package → the only rooms that may import it, at the top or within functions."""

NOT_AT_THE_TOP = {"umap", "numba", "sklearn", "skimage", "huggingface_hub", "pillow_heif"}
"""Slow to import, and not every user needs them: imported where they are used."""


@dataclass(frozen=True)
class Import:
    name: str
    top: bool

    @property
    def package(self) -> str:
        return self.name.split(".")[0]


def room_of(path: Path) -> str:
    """The room of a module: the first part of its path, within ui the first two."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return room_named(".".join(parts[:-1] if parts[-1] == "__init__" else parts))


def room_named(module: str) -> str:
    """explorer.zoo → zoo, explorer.ui.state.caches → ui.state, pages.text → pages."""
    first, *rest = module.split(".")
    if first != "explorer":
        return first
    return ".".join(rest[: 2 if rest[:1] == ["ui"] else 1])


def section_of(module: str) -> str:
    """explorer.ui.sections.compare.film → compare; empty for what is no section."""
    start = "explorer.ui.sections."
    return module.removeprefix(start).split(".")[0] if module.startswith(start) else ""


def names_of(node: ast.Import | ast.ImportFrom, path: Path) -> list[str]:
    """Full dotted names; `from explorer import zoo` gives explorer.zoo, and relative names are completed."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        package = path.relative_to(ROOT).parts[: -node.level]
        base = ".".join([*package, *([base] if base else [])])
    packages = base == "explorer" or base.startswith("explorer.ui")
    return [f"{base}.{alias.name}" for alias in node.names] if packages else [base]


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
    assert room_of(module) == "ui.x"
    assert room_named("explorer.ui.state.caches.once") == "ui.state"
    assert section_of("explorer.ui.sections.compare.film") == "compare"
    found = {(i.name, i.top) for i in imports_of(module)}
    assert found == {
        ("torch.nn", True), ("explorer.zoo", True), ("explorer.trace", True), ("explorer.ui.y.z", True),
        ("explorer.ui.y", True), ("umap", True), ("numba", True), ("explorer.runtime", False), ("sklearn", False),
    }  # fmt: skip


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_rooms(path):
    room = room_of(path)
    assert room in MAY_IMPORT, f"{room} is a new room: give it a row in the table"
    allowed = MAY_IMPORT[room] | ALSO.get(str(path.relative_to(ROOT).as_posix()), set()) | {room}
    entered = {room_named(i.name) for i in imports_of(path) if i.package == "explorer" and "." in i.name}
    assert entered <= allowed, f"{path.relative_to(ROOT)} enters {sorted(entered - allowed)}"


@pytest.mark.parametrize("path", (ROOT / "explorer" / "ui" / "sections").rglob("*.py"), ids=lambda p: p.stem)
def test_a_section_enters_no_other(path):
    own = section_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    entered = {section_of(i.name) for i in imports_of(path)} - {""}
    assert entered <= {own}, f"{path.relative_to(ROOT)} enters {sorted(entered - {own})}"


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
