"""Reading pickles: the numbers are torch's in both forms of files, and nothing of a file is ever called."""

import argparse
import collections
import datetime
import enum
import functools
import pathlib
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer.errors import ExplorerError
from explorer.export import unpickle
from explorer.export.checkpoint import read_checkpoint
from explorer.export.tensors import NotACheckpointError, Storage, Stored
from explorer.export.unpickle import Opaque, read_pickled

FORMS = {"zip": True, "row of pickles": False}
KINDS = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool, torch.uint16,
]  # fmt: skip


class Settings(dict):
    """A dictionary of a class of its own, as configurations are."""


class Colour(enum.Enum):
    RED = 1


@pytest.mark.parametrize("form", FORMS)
def test_numbers_are_those_that_torch_reads(tmp_path, quick_reader, form):
    whole = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    state = {str(kind): torch.arange(-2 if kind.is_signed else 0, 5).to(kind) for kind in KINDS}
    if not FORMS[form]:
        del state["torch.uint16"]  # torch itself cannot write it there
    state |= {"turned": whole.T, "part": whole[1:3, ::2], "number": torch.tensor(2.5), "none": torch.zeros(0, 3)}
    state |= {"parameter": torch.nn.Parameter(whole), "wide": torch.ones(1).expand(3)}
    torch.save(state, tmp_path / "all.pth", _use_new_zipfile_serialization=FORMS[form])
    expected = torch.load(tmp_path / "all.pth", weights_only=True)
    read = read_checkpoint(tmp_path / "all.pth").weights
    assert set(read) == set(expected)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(read[name], tensor.detach().float().numpy(), err_msg=name)


@pytest.mark.parametrize("form", FORMS)
def test_objects_beside_the_tensors_do_not_matter(modules, tmp_path, quick_reader, form):
    state = modules["vit"].state_dict()
    beside = {
        "args": argparse.Namespace(lr=1e-3, out=pathlib.PurePosixPath("/data")), "best": np.float64(81.5),
        "curve": np.arange(3.0), "when": datetime.datetime(2024, 1, 2), "rates": collections.defaultdict(list, a=[1]),
        "config": Settings(depth=2), "colour": Colour.RED, "make": functools.partial(int, base=2), "seen": {1, 2},
        "epoch": 3,
    }  # fmt: skip
    content = {**beside, "model": collections.OrderedDict(state), "optimizer": {"state": {0: torch.ones(2)}}}
    torch.save(content, tmp_path / "full.pth", _use_new_zipfile_serialization=FORMS[form])
    checkpoint = read_checkpoint(tmp_path / "full.pth")
    assert checkpoint.facts == {"epoch": 3, "wrapper": "model"}
    assert set(checkpoint.weights) == set(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(checkpoint.weights[name], tensor.numpy())
    loaded, unread = read_pickled(tmp_path / "full.pth")
    assert {"argparse.Namespace", "datetime.datetime", "functools.partial", f"{__name__}.Settings"} <= set(unread)
    assert not [name for name in unread if "_rebuild" in name or "OrderedDict" in name]
    assert loaded["config"] == {"depth": 2} or dict(loaded["config"]) == {"depth": 2}
    assert loaded["args"].state["lr"] == 1e-3


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_of_pickles(modules, tmp_path, quick_reader, protocol):
    content = {"model": modules["vit"].state_dict(), "args": argparse.Namespace(a=b"bytes"), "seen": {1}}
    torch.save(content, tmp_path / "new.pth", pickle_protocol=protocol)
    assert len(read_checkpoint(tmp_path / "new.pth").weights) == len(content["model"])


class Calls:
    """Reduces to a call of a function with arguments."""

    def __init__(self, function, *arguments, state=None):
        self.values = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.values


def zipped(path: Path, data: bytes) -> Path:
    """A file of torch's form around a pickle of our own."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", data)
    return path


@pytest.fixture
def mark(tmp_path) -> Path:
    """A file that exists once something of a checkpoint ran."""
    return tmp_path / "it-ran"


def opcodes(mark: Path) -> dict[str, bytes]:
    """A file-opening class in every opcode that makes or changes objects."""
    name, path = b"clogging\nFileHandler\n", b"X" + len(str(mark)).to_bytes(4, "little") + str(mark).encode()
    return {
        "REDUCE": b"\x80\x02" + name + path + b"\x85R.",
        "NEWOBJ": b"\x80\x02" + name + path + b"\x85\x81.",
        "NEWOBJ_EX": b"\x80\x04" + name + path + b"\x85}\x92.",
        "OBJ": b"(" + name + path + b"o.",
        "INST": b"(" + path + b"ilogging\nFileHandler\n.",
        "BUILD": b"\x80\x02" + name + b")\x81}X\x08\x00\x00\x00__init__" + path + b"sb.",
        "STACK_GLOBAL": b"\x80\x04\x8c\x07logging\x8c\x0bFileHandler\x93" + path + b"\x85R.",
        "dotted name": b"\x80\x04\x8c\x07pathlib\x8c\x0aPath.touch\x93cpathlib\nPath\n" + path + b"\x85R\x85R.",
        "getattr": b"\x80\x02cbuiltins\ngetattr\ncpathlib\nPath\n" + path + b"\x85RX\x05\x00\x00\x00touch\x86R)R.",
        "call of what was made": b"\x80\x02" + name + b")R" + path + b"\x85R.",
        "our own names": b"\x80\x04\x8c\x18explorer.export.unpickle\x8c\x0cpickle.loads\x93C\x01.\x85R.",
    }


def test_numbers_cannot_be_moved_after_they_were_named(tmp_path):
    """BUILD sets attributes: of a tensor none can be set, and a changed storage still ends where the file does."""
    storage = torch.ones(4).storage()
    tensor = (torch._utils._rebuild_tensor_v2, (storage, 0, (4,), (1,), False, {}))
    torch.save({"blocks": Calls(*tensor[:1], *tensor[1], state={"offset": 9})}, tmp_path / "odd.pth")
    with pytest.raises(NotACheckpointError, match="not a whole PyTorch checkpoint"):
        read_pickled(tmp_path / "odd.pth")
    made = Storage("float32", 4, 0)
    data = np.memmap(tmp_path / "odd.pth", np.uint8, "r")
    for change in ({"start": 1 << 60}, {"start": "0"}, {"count": 1 << 60}, {"kind": "int3"}, {"start": -8}):
        vars(made).update({"kind": "float32", "count": 4, "start": 0} | change)
        with pytest.raises(NotACheckpointError, match=r"outside of its own numbers|plain numbers"):
            Stored(made, 1 << 20, (4,), (1,), "float32").read("blocks", data)


@pytest.mark.parametrize("opcode", opcodes(Path()))
def test_nothing_is_called_by_any_opcode(tmp_path, mark, opcode):
    data = opcodes(mark)[opcode]
    loaded, unread = read_pickled(zipped(tmp_path / "odd.pth", data))
    assert isinstance(loaded, Opaque)
    assert unread
    assert not mark.exists()


def test_the_same_pickles_do_run_elsewhere(mark):
    """The traps above are real: an ordinary reader falls into them."""
    pickle.loads(opcodes(mark)["REDUCE"]).close()
    assert mark.exists()


def test_a_model_beside_inert_calls_is_read_and_nothing_ran(modules, tmp_path, quick_reader, mark):
    import logging

    calls = [Calls(logging.FileHandler, str(mark)), Calls(logging.FileHandler, str(mark), state={"a": 1})]
    torch.save({"model": modules["vit"].state_dict(), "calls": calls}, tmp_path / "odd.pth")
    assert len(read_checkpoint(tmp_path / "odd.pth").weights) == len(modules["vit"].state_dict())
    assert not mark.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("posix", "system"), ("builtins", "eval"), ("__builtin__", "eval"), ("subprocess", "Popen"),
     ("os.path", "exists"), ("sys", "exit"), ("io", "open")],
)  # fmt: skip
def test_what_only_attacks_need_is_refused_by_name(tmp_path, quick_reader, module, name):
    zipped(tmp_path / "evil.pth", b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"X\x01\x00\x00\x001\x85R.")
    with pytest.raises(ExplorerError, match=rf"{name}, which could run code"):
        read_checkpoint(tmp_path / "evil.pth")


def test_a_pickle_reaches_only_what_stands_in_this_module():
    """Every name of every loaded module gives an inert class, a word, a set, or a function of the reader's own."""
    reader = unpickle._Unpickler(open("/dev/null", "rb"), None, set())  # noqa: SIM115
    own = set(map(id, unpickle.REACHED.values())) | set(map(id, unpickle.STORAGES.values()))
    for module in ("builtins", "torch", "torch.storage", "torch._utils", "pickle", "copyreg", "operator", "numpy"):
        for name in dir(sys.modules.get(module) or __import__(module, fromlist=["x"])):
            try:
                found = reader.find_class(module, name)
            except unpickle.NotACheckpointError:
                continue
            assert id(found) in own or issubclass(found, Opaque), f"{module}.{name}"
    assert all(value in (set, frozenset) or isinstance(value, str) or value.__module__ == unpickle.__name__
               for value in unpickle.REACHED.values())  # fmt: skip


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(2, (4,), (1,)), (0, (2, 3), (3, 1)), (0, (2,), (1 << 40,)), (0, (5,), (1,)), (0, (1 << 62, 4), (0, 1 << 62))],
)  # fmt: skip
def test_a_tensor_that_leaves_its_numbers_is_refused(tmp_path, quick_reader, offset, shape, strides):
    storage = torch.ones(4).storage()
    odd = Calls(torch._utils._rebuild_tensor_v2, storage, offset, shape, strides, False, {})
    torch.save({"blocks": odd}, tmp_path / "odd.pth")
    with pytest.raises(ExplorerError, match="blocks lies outside of its own numbers"):
        read_checkpoint(tmp_path / "odd.pth")


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(-1, (2,), (1,)), (0, (2,), (-1,)), (0, ("a",), (1,)), (0.5, (2,), (1,)), (0, None, None), (0, (True,), (1,))],
)
def test_a_tensor_without_whole_numbers_is_refused(tmp_path, quick_reader, offset, shape, strides):
    odd = Calls(torch._utils._rebuild_tensor_v2, torch.ones(4).storage(), offset, shape, strides, False, {})
    torch.save({"blocks": odd}, tmp_path / "odd.pth")
    with pytest.raises(ExplorerError, match="not a whole PyTorch checkpoint"):
        read_checkpoint(tmp_path / "odd.pth")


def test_a_storage_shorter_than_it_says_is_refused(tmp_path, quick_reader):
    torch.save({"a": torch.ones(64)}, tmp_path / "good.pth")
    with zipfile.ZipFile(tmp_path / "good.pth") as good, zipfile.ZipFile(tmp_path / "cut.pth", "w") as cut:
        for entry in good.namelist():
            cut.writestr(entry, good.read(entry)[:100] if "/data/" in entry else good.read(entry))
    with pytest.raises(ExplorerError, match="not a whole PyTorch checkpoint"):
        read_checkpoint(tmp_path / "cut.pth")


@pytest.mark.parametrize("tensor", [torch.eye(2).to_sparse(), torch.ones(2, dtype=torch.complex64),
                                    torch.ones(2, device="meta")], ids=["sparse", "complex", "meta"])  # fmt: skip
def test_tensors_that_are_no_plain_numbers(tmp_path, quick_reader, tensor):
    torch.save({"a": torch.ones(1), "odd": tensor}, tmp_path / "odd.pth")
    with pytest.raises(ExplorerError, match="odd is sparse, complex or without values"):
        read_checkpoint(tmp_path / "odd.pth")


def test_half_precision_in_safetensors(tmp_path, quick_reader):
    from safetensors.torch import save_file

    numbers = torch.tensor([[1.5, -2, 3e38], [0, 1e-30, 7]])
    save_file({"b": numbers.bfloat16(), "h": numbers[:, :2].half().contiguous()}, tmp_path / "half.safetensors")
    read = read_checkpoint(tmp_path / "half.safetensors").weights
    np.testing.assert_array_equal(read["b"], numbers.bfloat16().float().numpy())
    np.testing.assert_array_equal(read["h"], numbers[:, :2].half().float().numpy())
