"""exported_models/ → model cards: list, inspect, install in one atomic step, remove, fetch from the hub."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from explorer.card import METADATA_KEY, ModelCard
from explorer.errors import ExplorerError
from explorer.trace import Array, LayerWeights, Norm, Readout

MODELS_VARIABLE = "CRATE_EXPLORER_MODELS"
DEFAULT_DIRECTORY = Path(__file__).parents[1] / "exported_models"
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
MAX_BYTES = 1 << 30
FIRST_MODEL = "crate-objects"
"""Opens first when it is there."""
FIRST_TEXT_MODEL = "crate-lm-novels"
"""Of the pages that read text."""

ALLOWED_OPERATORS = {
    "": {
        "Abs", "Add", "Cast", "Concat", "Div", "Expand", "Gather", "Gelu", "LayerNormalization", "MatMul", "Max", "Mul",
        "Range", "ReduceMean", "Relu", "Reshape", "Shape", "Slice", "Sqrt", "Squeeze", "Sub", "Tanh",
        "Transpose", "Unsqueeze",
    },
    "com.microsoft": {"MultiHeadAttention"},
}  # fmt: skip
"""What our own exporter writes; a graph with anything else is not ours and is never opened."""
FORMER_OPERATORS = {("", "Resize")}
"""Domain and operator, of what only its older files use."""

PLAIN_ATTRIBUTES = {1, 2, 3, 6, 7, 8}
"""onnx.AttributeProto's FLOAT, INT, STRING, FLOATS, INTS, STRINGS; the others carry tensors, graphs or types."""


def models_directory() -> Path:
    """The folder of the zoo: $CRATE_EXPLORER_MODELS, or exported_models/ of the project."""
    return Path(os.environ.get(MODELS_VARIABLE) or DEFAULT_DIRECTORY)


def check_name(name: str) -> str:
    """The name itself if it can be a model's; nothing else ever becomes a path. Raises ExplorerError."""
    if not NAME_PATTERN.fullmatch(name) or ".." in name:
        raise ExplorerError(
            f"{name!r} cannot be a model's name: use 1–64 of a–z, 0–9, dot, dash and underscore, "
            "beginning with a letter or digit."
        )
    return name


def suggest_name(file_name: str) -> str:
    """A valid model name from a file name: crate_S.pth.tar → crate_s."""
    stem = re.sub(r"(\.pth|\.pt|\.tar|\.ckpt|\.bin|\.safetensors|\.onnx)+$", "", Path(file_name).name.lower())
    return re.sub(r"\.{2,}", ".", re.sub(r"[^a-z0-9._-]+", "-", stem)).strip("-._")[:64] or "model"


def list_models(directory: Path | None = None) -> list[ModelCard]:
    """Cards of every model in the zoo, by name, numbers in names by their size; files that are not ours are left out
    (inspect says why)."""
    cards = []
    for path in sorted((directory or models_directory()).glob("*.onnx"), key=_by_name):
        try:
            check_name(path.stem)
            cards.append(read_card(path))
        except (ExplorerError, OSError):
            continue
    return cards


def _by_name(path: Path) -> list[str | int]:
    """_p2 comes before _p12."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"([0-9]+)", path.stem))]


def find_model(name_or_path: str, directory: Path | None = None) -> ModelCard:
    """The card of a model by zoo name or by path of an .onnx file. Raises ExplorerError that lists the zoo."""
    if name_or_path.endswith(".onnx") or os.sep in name_or_path:
        path = Path(name_or_path)
        if not path.is_file():
            raise ExplorerError(f"{name_or_path} is not a file: give a model of the zoo or the path of an .onnx file.")
        return read_card(path)
    path = (directory or models_directory()) / f"{check_name(name_or_path)}.onnx"
    if not path.is_file():
        names = ", ".join(card.name for card in list_models(directory)) or "none yet"
        raise ExplorerError(f"The zoo has no model {name_or_path}: it has {names}.")
    return read_card(path)


def read_card(path: Path) -> ModelCard:
    """Inspect an .onnx file and read its card. Raises ExplorerError for what is not ours or not safe to open."""
    stat = path.stat()
    return _read_card(path.resolve(), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _read_card(path: Path, modified_ns: int, size: int) -> ModelCard:
    del modified_ns  # part of the key: a replaced file is read again
    _check_size(path, size)
    return inspect(path.read_bytes(), path)


def _check_size(path: Path, size: int) -> None:
    if size > MAX_BYTES:
        raise ExplorerError(
            f"{path.name} has {size / 1e9:.1f} GB, more than the {MAX_BYTES / 1e9:.1f} GB that are read."
        )


def inspect(data: bytes, path: Path) -> ModelCard:
    """The card of an ONNX file's bytes, after checking that the graph is one that our exporter could have written.

    Refused: anything but ONNX with our metadata, external data (it reads other files), functions, subgraphs, and
    operators that our exporter does not use. Raises ExplorerError with the reason.
    """
    import onnx  # 0.3 s, and only the zoo needs it
    from google.protobuf.message import DecodeError

    if not data:
        raise ExplorerError(f"{path.name} is empty: an .onnx file was expected.")
    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise ExplorerError(f"{path.name} is not a whole ONNX file: it cannot be parsed.") from error
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if METADATA_KEY not in metadata:
        raise ExplorerError(
            f"{path.name} was not exported by CRATE Explorer (it has no {METADATA_KEY} metadata): "
            "import the original checkpoint instead."
        )
    if problem := _unsafe(model):
        raise ExplorerError(f"{path.name} is refused: {problem}.")
    card = ModelCard.from_metadata(metadata[METADATA_KEY], path, hashlib.sha256(data).hexdigest(), len(data))
    outputs = {value.name for value in model.graph.output}
    for point in (card.answer, f"z.{card.layers + 1}"):
        if point not in outputs:
            raise ExplorerError(f"{path.name} has no output {point}: export it again with `crate-explorer import`.")
    return card


def _unsafe(model) -> str | None:
    """Why a parsed model must not be opened, or None."""
    if model.functions:
        return f"it defines a local function ({model.functions[0].name})"
    if model.training_info or model.graph.sparse_initializer:
        return "it has training or sparse parts, which our exporter never writes"
    for tensor in model.graph.initializer:
        if tensor.external_data or tensor.data_location == tensor.EXTERNAL:
            return f"its tensor {tensor.name} lies in another file (external data)"
    for node in model.graph.node:
        known = node.op_type in ALLOWED_OPERATORS.get(node.domain, ())
        if not known and (node.domain, node.op_type) not in FORMER_OPERATORS:
            operator = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
            return f"it uses the operator {operator}, which our exporter never writes"
        if any(_carries_more(attribute) for attribute in node.attribute):
            return f"its operator {node.op_type} carries a subgraph or a tensor, which our exporter never writes"
    return None


def _carries_more(attribute) -> bool:
    """Whether an attribute is, or hides behind another type, a tensor or a graph."""
    hidden = attribute.HasField("g") or attribute.HasField("t") or attribute.graphs or attribute.tensors
    return attribute.type not in PLAIN_ATTRIBUTES or bool(hidden)


def install(data: bytes, name: str, directory: Path | None = None, replace: bool = True) -> ModelCard:
    """Put a checked model into the zoo under a name, in one atomic step.

    One of the same name is replaced, or with replace=False an ExplorerError is raised.
    """
    directory = directory or models_directory()
    target = directory / f"{check_name(name)}.onnx"
    if target.exists() and not replace:
        raise ExplorerError(f"The zoo has a model {name} already: choose another name.")
    _check_size(target, len(data))
    inspect(data, target)
    directory.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".part", dir=directory)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        os.replace(temporary, target)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return read_card(target)


def record_evaluation(card: ModelCard, suite: str, values: Mapping[str, Any]) -> ModelCard:
    """Write what a suite measured into the model's own card, in place of an earlier result of that suite.

    The graph and its weights stay as they are; the file, and so its digest, is a new one. Returns the new card.
    Raises ExplorerError if the file is no longer the one that the card was read from in all but its evaluation.
    """
    import onnx

    data = card.path.read_bytes()
    now = inspect(data, card.path)
    if dataclasses.replace(now, evaluation={}, sha256="", size_bytes=0) != dataclasses.replace(
        card, evaluation={}, sha256="", size_bytes=0
    ):
        raise ExplorerError(f"{card.path.name} was replaced while it was evaluated: nothing was written into it.")
    model = onnx.ModelProto.FromString(data)
    entry = next(entry for entry in model.metadata_props if entry.key == METADATA_KEY)
    entry.value = dataclasses.replace(now, evaluation={**now.evaluation, suite: dict(values)}).to_metadata()
    return install(model.SerializeToString(), card.path.stem, card.path.parent)


def remove(name: str, directory: Path | None = None) -> None:
    """Delete a model from the zoo. Raises ExplorerError if there is none of that name."""
    path = (directory or models_directory()) / f"{check_name(name)}.onnx"
    if not path.is_file():
        raise ExplorerError(f"The zoo has no model {name}: nothing was removed.")
    path.unlink()
    path.with_suffix(".features.npz").unlink(missing_ok=True)  # what features.py keeps beside it


def load_weights(card: ModelCard, names: Iterable[str]) -> dict[str, Array]:
    """Tensors of a model file by name, read-only float32. Raises ExplorerError for a name that the file lacks."""
    import onnx
    from onnx import numpy_helper

    wanted = set(names)
    graph = onnx.load(card.path, load_external_data=False).graph
    try:
        found = {t.name: numpy_helper.to_array(t) for t in graph.initializer if t.name in wanted}
    except ValueError as error:
        raise ExplorerError(f"{card.path.name} is damaged: a tensor's values do not fill its shape.") from error
    if missing := sorted(wanted - set(found)):
        raise ExplorerError(
            f"{card.path.name} has no weights {missing[0]}: export it again with `crate-explorer import`."
        )
    for array in found.values():
        array.flags.writeable = False
    return found


def layer_weights(card: ModelCard, arrays: dict[str, Array] | None = None) -> tuple[LayerWeights, ...]:
    """The measured weights of every layer; arrays: other weights under the file's names (the random-init control)."""
    if arrays is None:
        names = [_names(card, layer) for layer in range(card.layers)]
        arrays = load_weights(card, {name for of_layer in names for group in of_layer.values() for name in group})
    return tuple(_layer_weights(card, arrays, layer) for layer in range(card.layers))


def _names(card: ModelCard, layer: int) -> dict[str, list[str]]:
    """The tensors of a layer (from 0) that the measures need, by role."""
    roles = {role: pattern.format(l=layer) for role, pattern in card.weights.items()}
    traits = card.traits
    names = {role: [roles[role]] for role in ("subspaces", "dictionary", "threshold") if role in roles}
    if not traits.has_subspaces:
        bias = roles["qkv"].replace(".weight", ".bias")
        names["subspaces"] = [roles["qkv"], *([bias] if bias in card.init else [])]
    norms = {"norm": "mssa_norm"} | ({"ista_norm": "ista_norm"} if traits.has_threshold else {})
    if traits.norm == "layer":
        names |= {name: [f"{roles[role]}.{part}" for part in ("weight", "bias")] for name, role in norms.items()}
    return names


def _layer_weights(card: ModelCard, arrays: dict[str, Array], layer: int) -> LayerWeights:
    found = {role: [arrays[name] for name in group] for role, group in _names(card, layer).items()}
    traits = card.traits

    def norm(role: str) -> Norm:
        return "rms" if traits.norm == "rms" else (found[role][0], found[role][1])

    weight, *biases = found["subspaces"]
    bias = biases[0] if biases else None
    if not traits.has_subspaces:  # the rows of qkv are query, key, value: a key plays the part of U_kᵀz
        own = slice(card.dim, 2 * card.dim)
        weight, bias = weight[own], None if bias is None else bias[own]
    common = LayerWeights(
        weight, bias, norm("norm"), card.norm_eps, card.heads, rotary=traits.rotary, relative=traits.relative
    )
    if not traits.has_threshold:
        return common
    dictionary = found["dictionary"][0]
    if traits.atoms_in_rows and card.codes_dim:
        dictionary = dictionary.T
    thresholds = found["threshold"][0] if "threshold" in found else None
    return dataclasses.replace(
        common, dictionary=dictionary, ista_norm=norm("ista_norm"), eta=card.eta[layer], lam=card.lam[layer],
        thresholds=thresholds,
    )  # fmt: skip


def load_readout(card: ModelCard, arrays: Mapping[str, Array] | None = None) -> Readout:
    """How a language model reads the next token from its last layer; arrays: other weights (the control's)."""
    roles, traits = card.weights, card.traits
    name = roles.get("final_norm")
    names = [roles["embedding" if traits.tied else "head"], *(f"{name}.{part}" for part in ("weight", "bias") if name)]
    found = load_weights(card, names) if arrays is None else arrays
    matrix, *scale_shift = (found[name] for name in names)
    norm: Norm | None = (scale_shift[0], scale_shift[1]) if name else "rms" if traits.norm == "rms" else None
    return Readout(matrix[: card.vocabulary], norm, card.norm_eps, traits.soft_cap)


def load_atoms(card: ModelCard, layer: int) -> Array:
    """What each code of a layer (from 1) writes into the tokens: (m,d). The atoms of an overcomplete dictionary; where
    codes, or a GPT's neurons, are read out by another matrix, its columns. Raises ExplorerError for a model without."""
    role = "decoder" if "decoder" in card.weights else "dictionary"
    if not card.codes_dim:
        raise ExplorerError(f"{card.name} has no codes: its dictionary is square.")
    name = card.weights[role].format(l=layer - 1)
    array = load_weights(card, [name])[name]
    return array if role == "dictionary" else array.T


def draw_control(card: ModelCard, seed: int = 0) -> dict[str, Array]:
    """Weights of the random-init control: every tensor drawn from its law of initialisation, as float32 arrays.

    The laws stand in the model's card: uniform in ±bound, normal with a std, or a constant.
    """
    import onnx

    rng = np.random.default_rng(seed)
    graph = onnx.load(card.path, load_external_data=False).graph
    shapes = {t.name: tuple(t.dims) for t in graph.initializer}
    return {name: _draw(rng, law, shapes[name]) for name, law in card.init.items() if name in shapes}


def _draw(rng: np.random.Generator, law: dict[str, float], shape: tuple[int, ...]) -> Array:
    ((kind, value),) = law.items()
    if kind == "uniform":
        return rng.uniform(-value, value, shape).astype(np.float32)
    if kind == "normal":
        return (value * rng.standard_normal(shape)).astype(np.float32)
    return np.full(shape, value, np.float32)
