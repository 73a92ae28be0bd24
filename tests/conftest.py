"""Tiny models that every test can afford: L=2 layers, K=2 heads, d=8, patches of 4 pixels, 3 classes, N=10 tokens."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import safetensors.torch
import torch
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state
from torch import nn

from explorer import runtime, zoo
from explorer.card import ModelCard
from explorer.export import checkpoint, reader
from explorer.export.importer import import_file
from explorer.families import family_named, resolve
from explorer.models.crate import Size
from explorer.models.parts import initialise
from explorer.runtime import providers
from explorer.trace import Prepared

os.environ.setdefault(runtime.PROVIDER_VARIABLE, "cpu")  # the tested path; set it to cuda to try the same on a GPU

TINY = Size(dim=8, layers=2, heads=2, patch=4, classes=3, image_size=12)
SIZES = {
    "crate": TINY,
    "crate_alpha": dataclasses.replace(TINY, norm_eps=1e-6),
    "vit": dataclasses.replace(TINY, norm_eps=1e-6),
}


def network_of(family: str) -> Callable[..., nn.Module]:
    """The torch module of a family by its name."""
    found = family_named(family)
    assert found
    return resolve(found.network)


def draw(family: str, size: Size | None = None, seed: int = 0) -> nn.Module:
    """A model drawn from its laws of initialisation, plus noise, so that no norm, bias or small weight is trivial."""
    module = network_of(family)(size or SIZES[family]).eval()
    initialise(module, module.init_laws(), seed)
    noise = torch.Generator().manual_seed(seed + 1000)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=noise)
    return module.requires_grad_(False)


def state_of(module: nn.Module) -> dict[str, np.ndarray]:
    """The state dict as float32 arrays under the official names."""
    return {name: tensor.numpy().copy() for name, tensor in module.state_dict().items()}


def pixels(batch: int = 2, height: int = 12, width: int = 12, seed: int = 0) -> np.ndarray:
    """Normalised random pictures (B,3,H,W), float32."""
    return np.random.default_rng(seed).standard_normal((batch, 3, height, width)).astype(np.float32)


def prepared(data: np.ndarray) -> Prepared:
    return Prepared(data, None, "digest of the test")


def torch_points(module: nn.Module, image: np.ndarray, **knobs) -> dict[str, np.ndarray]:
    """Every output of the torch module as arrays; knobs as arrays or a whole-number stride."""
    feeds = {name: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for name, v in knobs.items()}
    with torch.inference_mode():
        return {name: value.numpy() for name, value in module(torch.from_numpy(image), **feeds).items()}


def read_in_process(path: Path, target: Path | None, weights: str | None) -> dict:
    """What the reader's child process does, without the time that a child needs to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "limit_memory", lambda file_bytes: None)
        return reader.main(path, target, weights)


@pytest.fixture
def quick_reader(monkeypatch):
    """Read checkpoints in this process: for tests whose subject is not the child process."""
    monkeypatch.setattr(checkpoint, "_run_reader", read_in_process)


FULL = (
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running MatMul node. "
    "Name:'MatMul_9' Status Message: bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t) "
    "Failed to allocate memory for requested buffer of size 8388608000"
)


class StandInGpu:
    """A session that says it runs on CUDA, keeps its outputs in the machine's memory, and fails as it is told to."""

    opening: str = ""
    running: str = FULL

    def __init__(self, source: Any, options: Any, providers: list[Any], **more: Any) -> None:
        self._on_gpu = providers[0] != runtime.CPU
        if self._on_gpu and self.opening:
            raise ort_state.RuntimeException(self.opening)
        self._session = _REAL_SESSION(source, options, providers=[runtime.CPU], **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def get_providers(self) -> list[str]:
        return [runtime.CUDA, runtime.CPU] if self._on_gpu else [runtime.CPU]

    def io_binding(self) -> Any:
        binding = self._session.io_binding()
        real = binding.bind_output
        binding.bind_output = lambda name, device: real(name, "cpu")
        return binding

    def run_with_iobinding(self, binding: Any, options: Any) -> None:
        if self._on_gpu and self.running:
            raise ort_state.RuntimeException(self.running)
        self._session.run_with_iobinding(binding, options)


_REAL_SESSION = onnxruntime.InferenceSession


@pytest.fixture
def stand_in_gpu(monkeypatch) -> type[StandInGpu]:
    """A machine whose GPU opens models and fails in every run for want of memory; its class says otherwise."""

    class Gpu(StandInGpu):
        pass

    for place in (runtime, providers):
        monkeypatch.setattr(place, "provider", lambda: (runtime.CUDA, "CUDA GPU"))
    monkeypatch.setattr(onnxruntime, "InferenceSession", Gpu)
    return Gpu


@pytest.fixture(scope="session")
def modules() -> dict[str, nn.Module]:
    """The tiny torch models by family."""
    return {family: draw(family) for family in SIZES}


@pytest.fixture(scope="session")
def checkpoints(modules, tmp_path_factory) -> dict[str, Path]:
    """Official file forms of the tiny models by a short name."""
    folder = tmp_path_factory.mktemp("checkpoints")
    crate = modules["crate"].state_dict()
    training = {
        "epoch": 7, "arch": "CRATE_tiny", "best_acc1": torch.tensor(66.7),
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-3, "params": [0]}]},
        "scheduler": {"last_epoch": 7, "base_lrs": [1e-3]},
    }  # fmt: skip
    demo = crate | {"head.weight": torch.ones(5, 8), "head.bias": torch.ones(5)}
    contents = {
        "crate.pth.tar": training | {"state_dict": {f"module.{k}": v for k, v in crate.items()}},
        "crate-one-gpu.pth.tar": training | {"state_dict": crate},
        "crate-demo.pth": {"model": demo},
        "alpha.pth": modules["crate_alpha"].state_dict(),
        "vit.pth": {"model": modules["vit"].state_dict()},
    }
    for name, content in contents.items():
        torch.save(content, folder / name)
    safetensors.torch.save_file(crate, folder / "crate.safetensors")
    return {name: folder / name for name in (*contents, "crate.safetensors")}


@pytest.fixture(scope="session")
def cards(checkpoints, tmp_path_factory) -> dict[str, ModelCard]:
    """The tiny models, imported into a zoo of their own, by family."""
    zoo_folder = tmp_path_factory.mktemp("zoo")
    files = {"crate": "crate.pth.tar", "crate_alpha": "alpha.pth", "vit": "vit.pth"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "_run_reader", read_in_process)
        return {
            family: import_file(checkpoints[file], name=family, heads=2, directory=zoo_folder)
            for family, file in files.items()
        }


@pytest.fixture(scope="session")
def opened(cards) -> dict[str, runtime.Model]:
    """Sessions of the imported tiny models by family."""
    return {family: runtime.open_model(card) for family, card in cards.items()}


@pytest.fixture(scope="session")
def text_cards(tmp_path_factory) -> dict[str, ModelCard]:
    """The tiny language models without a tokenizer, imported into a zoo of their own, by kind."""
    from tests.models.test_text_models import KINDS, model_of

    folder = tmp_path_factory.mktemp("texts")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "_run_reader", read_in_process)
        for kind in KINDS:
            torch.save({"model": model_of(kind).state_dict(), "model_args": {"n_head": 2}}, folder / f"{kind}.pt")
            found[kind] = import_file(folder / f"{kind}.pt", name=kind, directory=folder)
    return found


@pytest.fixture(scope="session")
def nano_card(tmp_path_factory) -> ModelCard:
    """A tiny nanochat-crate without a tokenizer, named nano, in a zoo of its own."""
    from tests.export.test_nano_crate import write_files

    folder = tmp_path_factory.mktemp("nano")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "_run_reader", read_in_process)
        return import_file(write_files(folder), name="nano", directory=folder)


@pytest.fixture(scope="session")
def word_card(tmp_path_factory) -> ModelCard:
    """A tiny crate-lm with a tokenizer, named words, in a zoo beside the tiny CRATE."""
    from explorer.models.crate_lm import CrateLM, TextSize
    from explorer.training.texts import learn_tokenizer

    folder = tmp_path_factory.mktemp("words")
    tokenizer = learn_tokenizer(["the cat sat on the mat. " * 20], 270)
    tokenizer.save(str(folder / "tokenizer.json"))
    model = CrateLM(TextSize(8, 2, 2, tokenizer.get_vocab_size(), context=16, atoms=32))
    initialise(model, {name: {"normal": 0.4} for name in model.init_laws()}, 3)
    torch.save({"model": model.state_dict(), "model_args": {"n_head": 2}}, folder / "words.pt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "_run_reader", read_in_process)
        return import_file(folder / "words.pt", directory=folder)


@pytest.fixture(scope="session")
def text_traces(text_cards) -> dict[str, Any]:
    """Trace, readout and tokens of a text by kind, and under "state" each kind's tensors."""
    from tests.models.test_text_models import model_of

    tokens = np.array([3, 1, 4, 1, 5])
    found: dict[str, Any] = {"state": {kind: state_of(model_of(kind)) for kind in text_cards}}
    for kind, card in text_cards.items():
        trace = runtime.run(runtime.open_model(card), prepared(tokens[None]))
        found[kind] = trace, zoo.load_readout(card), tokens
    return found
