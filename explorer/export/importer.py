"""A checkpoint file becomes a traced ONNX model in the zoo: read, identify, build, check, install."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import onnx
import torch

from explorer import zoo
from explorer.card import METADATA_KEY, ModelCard
from explorer.errors import ExplorerError
from explorer.export.card import CardFile, read_card
from explorer.export.checkpoint import Checkpoint, read_checkpoint
from explorer.export.families import WEIGHT_ROLES, build
from explorer.export.identify import FAMILIES, Identity, identify
from explorer.export.parity import check_parity
from explorer.trace import Array

PROBE_LIMIT_S = 60
ROOT = Path(__file__).parents[2]
Progress = Callable[[str, float], None]
"""Called with a step in plain words and the share of the whole that is done, 0 to 1."""


def _silent(step: str, share: float) -> None:
    """Progress that nobody watches."""
    del step, share


def import_file(
    path: Path,
    name: str | None = None,
    heads: int | None = None,
    card_path: Path | None = None,
    directory: Path | None = None,
    progress: Progress = _silent,
) -> ModelCard:
    """Import an official checkpoint into the zoo, or an .onnx file that CRATE Explorer exported elsewhere.

    heads and the card file set what a checkpoint's shapes do not tell. Returns the installed model's card. Raises
    ExplorerError for whatever does not fit; then nothing is installed.
    """
    name = zoo.check_name(name or zoo.suggest_name(path.name))
    if path.suffix.lower() != ".onnx":
        data = _export(path, name, heads, read_card(card_path), progress)
    elif heads or card_path:
        raise ExplorerError(f"{path.name} is an exported model, whose card is inside: leave --heads and --card out.")
    else:
        data = _inspected(path, progress)
    progress("Installing", 0.95)
    installed = zoo.install(data, name, directory)
    progress("Done", 1.0)
    return installed


def _export(path: Path, name: str, heads: int | None, card_file: CardFile, progress: Progress) -> bytes:
    """A checkpoint as a traced ONNX model that agrees with its PyTorch module."""
    progress("Reading the checkpoint", 0.02)
    checkpoint = read_checkpoint(path)
    progress("Recognising the model", 0.3)
    identity = identify(checkpoint.weights, card_file.heads if heads is None else heads, card_file.eta, card_file.lam)
    card = describe(name, checkpoint, identity, card_file)
    progress("Writing the ONNX graph", 0.4)
    return _export_checked(
        card, checkpoint, identity, lambda share: progress("Checking against torch", 0.5 + 0.4 * share)
    )


def _inspected(path: Path, progress: Progress) -> bytes:
    """An exported model as it is, once its graph is known to be ours and a first run has succeeded."""
    if not path.is_file():
        raise ExplorerError(f"{path} is not a file: give the path of a checkpoint or of an .onnx file.")
    progress("Inspecting the graph", 0.1)
    check_graph(zoo.read_card(path))
    progress("Opening it in a child process", 0.4)
    _probe(path)
    return path.read_bytes()


def check_graph(card: ModelCard) -> None:
    """An .onnx from elsewhere must be, node by node, the graph that we write from its own weights, and its card must
    say what its shapes say. Raises ExplorerError with what differs."""
    name = card.path.name
    if card.family not in FAMILIES or not card.init:
        raise ExplorerError(f"{name} is refused: its card names the family {card.family!r} or no weights.")
    weights = zoo.load_weights(card, card.init)
    identity = identify(weights, card.heads, card.eta or 0.1, card.lam or 0.1)
    size = identity.size
    ours = build(identity.family, size, weights, {}).graph
    theirs = onnx.load(card.path, load_external_data=False).graph
    for part in ("node", "input", "output", "initializer"):
        if [e.SerializeToString() for e in getattr(ours, part)] != [
            e.SerializeToString() for e in getattr(theirs, part)
        ]:
            raise ExplorerError(f"{name} is refused: its {part}s are not those that we write for its weights.")
    expected = {
        "family": identity.family, "layers": size.layers, "dim": size.dim, "patch": size.patch,
        "head_dim": size.projected // size.heads, "norm_eps": size.norm_eps, "weights": WEIGHT_ROLES[identity.family],
        "codes_dim": _codes_dim(identity.family, weights),
    }  # fmt: skip
    for field, value in expected.items():
        if getattr(card, field) != value:
            raise ExplorerError(f"{name} is refused: its card says {field} {getattr(card, field)!r}, not {value!r}.")
    if card.classes and len(card.classes) != size.classes:
        raise ExplorerError(f"{name} is refused: its card names {len(card.classes)} of {size.classes} classes.")


def _codes_dim(family: str, weights: dict[str, Array]) -> int:
    return weights["transformer.layers.0.1.fn.D"].shape[1] if family == "crate_alpha" else 0


def _probe(path: Path) -> None:
    """Open and run an uploaded graph in a child process first. Raises ExplorerError if that fails, hangs or crashes."""
    command = [sys.executable, "-m", "explorer.export.probe", str(path.resolve())]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_LIMIT_S, cwd=ROOT, check=False)
    except subprocess.TimeoutExpired as error:
        raise ExplorerError(f"{path.name} is refused: a first run took more than {PROBE_LIMIT_S} s.") from error
    if done.returncode:
        detail = (done.stderr.strip().splitlines() or ["it crashed"])[-1][:160]
        raise ExplorerError(f"{path.name} is refused: a first run of it failed ({detail}).")


def describe(name: str, checkpoint: Checkpoint, identity: Identity, card_file: CardFile) -> ModelCard:
    """The model card from the checkpoint's shapes and the card file. Raises ExplorerError where they contradict."""
    size, family = identity.size, identity.family
    if card_file.labels and len(card_file.labels) != size.classes:
        raise ExplorerError(f"The card names {len(card_file.labels)} classes, but the checkpoint has {size.classes}.")
    if card_file.patch_size not in (None, size.patch):
        raise ExplorerError(f"The card says patches of {card_file.patch_size}, but the checkpoint has {size.patch}.")
    image_size = card_file.image_size or card_file.crop or size.image_size
    if card_file.crop not in (None, image_size):
        raise ExplorerError(
            f"The card says image size {image_size} and crop {card_file.crop}: they should be the same."
        )
    if problems := card_file.preprocessing(image_size).problems():
        raise ExplorerError(f"The card's preprocessing does not fit together: {', '.join(problems)}.")
    if image_size % size.patch:
        raise ExplorerError(f"The card's image size {image_size} is not a multiple of the patch size {size.patch}.")
    ista = family != "vit"
    try:
        eta, lam = (size.per_layer(v) if ista else () for v in (size.eta, size.lam))
        with torch.device("meta"):
            laws = FAMILIES[family](size).init_laws()
    except ValueError as error:
        raise ExplorerError(
            f"The card's eta and lambda should have one value for each of {size.layers} layers."
        ) from error
    if unknown := set(card_file.init) - set(laws):
        raise ExplorerError(f"The card's init names {min(unknown)}, which is no tensor of this model.")
    codes = _codes_dim(family, checkpoint.weights)
    used = [array for key, array in checkpoint.weights.items() if key not in identity.ignored]
    return ModelCard(
        name=name, family=family, modality="image", layers=size.layers, heads=size.heads, dim=size.dim,
        head_dim=size.projected // size.heads, patch=size.patch, image_size=image_size, eta=eta, lam=lam,
        classes=card_file.labels, preprocessing=card_file.preprocessing(image_size),
        parameters=sum(array.size for array in used), norm_eps=size.norm_eps, codes_dim=codes,
        weights=WEIGHT_ROLES[family], init={**laws, **card_file.init}, measured=card_file.measured,
        provenance={
            **checkpoint.facts, **card_file.provenance,
            "file": checkpoint.name, "sha256": checkpoint.sha256, "imported": datetime.now(UTC).date().isoformat(),
            "ignored_tensors": list(identity.ignored), "trained_size": size.image_size,
        },
    )  # fmt: skip


def _export_checked(
    card: ModelCard, checkpoint: Checkpoint, identity: Identity, report: Callable[[float], None]
) -> bytes:
    """The bytes of the model, with the measured parity error in its metadata."""
    module = FAMILIES[identity.family](identity.size).eval()
    state = {k: torch.from_numpy(v) for k, v in checkpoint.weights.items() if k not in identity.ignored}
    module.load_state_dict(state)
    model = build(identity.family, identity.size, checkpoint.weights, {METADATA_KEY: card.to_metadata()})
    data = model.SerializeToString()
    with tempfile.TemporaryDirectory(prefix="crate-explorer-") as folder:
        path = Path(folder) / f"{card.name}.onnx"
        path.write_bytes(data)
        parity = check_parity(module, identity.size, zoo.read_card(path), path, report)
    entry = next(e for e in model.metadata_props if e.key == METADATA_KEY)
    entry.value = dataclasses.replace(card, parity=parity).to_metadata()
    return model.SerializeToString()
