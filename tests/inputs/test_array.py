"""Arrays and the files that hold them, on files that the tests make."""

import io

import numpy as np
import pytest

from explorer.errors import ExplorerError
from explorer.inputs import array as array_module
from explorer.inputs.array import load_array, prepare_array


def array(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def saved(values, **options):
    buffer = io.BytesIO()
    np.save(buffer, values, **options)
    return buffer.getvalue()


def test_an_array_is_fed_as_it_is():
    values = array(2, 3, 16, 24)
    prepared = prepare_array(values, patch=8)
    np.testing.assert_array_equal(prepared.data, values)
    assert prepared.picture is None
    assert not prepared.data.flags.writeable
    assert values.flags.writeable  # the caller's array is left alone
    digests = {
        prepared.digest,
        prepare_array(values, patch=4).digest,
        prepare_array(values + 1, patch=8).digest,
        prepare_array(values.reshape(2, 3, 24, 16), patch=8).digest,
    }
    assert len(digests) == 4
    assert prepare_array(values.copy(), patch=8).digest == prepared.digest


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((1, 3, 16, 16)), "holds float64: expected float32"),
        (np.zeros((1, 3, 16, 16), np.uint8), "holds uint8: expected float32"),
        (np.zeros((3, 16, 16), np.float32), r"shape \(3, 16, 16\): expected \(batch, 3"),
        (np.zeros((1, 16, 16, 3), np.float32), r"expected \(batch, 3, height, width\)"),
        (np.zeros((0, 3, 16, 16), np.float32), r"expected \(batch, 3"),
        (np.zeros((1, 3, 0, 16), np.float32), "0 × 16 pixels: expected multiples"),
        (np.zeros((1, 3, 16, 20), np.float32), "16 × 20 pixels: expected multiples of the model's patch, 8"),
        (np.full((1, 3, 16, 16), np.nan, np.float32), "NaN or infinite"),
        (np.full((1, 3, 16, 16), np.inf, np.float32), "NaN or infinite"),
    ],
)
def test_an_array_that_does_not_fit_is_refused(values, message):
    with pytest.raises(ExplorerError, match=message):
        prepare_array(values, patch=8)


@pytest.mark.parametrize("values", [array(2, 3, 8, 8), np.asfortranarray(array(4, 6)), np.float32(3), array(0, 3)])
def test_npy_files_are_read_exactly(values):
    loaded = load_array(saved(values))
    np.testing.assert_array_equal(loaded, values)
    assert loaded.dtype == np.float32
    assert loaded.shape == values.shape


def test_pickled_objects_are_never_loaded():
    with pytest.raises(ExplorerError, match=r"^o.npy holds object: expected numbers; pickled objects are never loaded"):
        load_array(saved(np.array([{"a": 1}], object), allow_pickle=True), "o.npy")
    with pytest.raises(ExplorerError, match="expected numbers"):
        load_array(saved(np.array(["text"])))
    with pytest.raises(ExplorerError, match="expected numbers"):
        load_array(saved(np.zeros(2, [("a", np.float32)])))


def test_a_header_that_claims_more_than_there_is_allocates_nothing():
    data = saved(array(4, 6)).replace(b"(4, 6)", b"(9**9)")  # not a literal
    with pytest.raises(ExplorerError, match=r"not a .npy file or its header is damaged"):
        load_array(data)
    for shape in (b"(4, 7)", b"(9999999999999,)", b"(-4, -6)"):
        header = saved(array(4, 6)).replace(b"(4, 6), }" + b" " * len(shape), shape + b", }" + b" " * 6)
        assert len(header) == len(saved(array(4, 6)))
        with pytest.raises(ExplorerError, match="does not fit its header"):
            load_array(header)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\0\x05\0((((\n",
        b"PK\x03\x04" + bytes(30),
        b"\x93NUMPY\x01\0\xff\x26" + b"(" * 9983,
    ],
)
def test_what_is_no_npy_file_is_refused(data):
    with pytest.raises(ExplorerError, match=r"^a.npy is not a .npy file"):
        load_array(data, "a.npy")


def test_another_npy_version_and_a_cut_file_are_refused():
    with pytest.raises(ExplorerError, match=r"version \(9, 0\)"):
        load_array(b"\x93NUMPY\x09\0" + bytes(20))
    with pytest.raises(ExplorerError, match=r"95 bytes of values.*float32 of shape .4, 6"):
        load_array(saved(array(4, 6))[:-1])


def test_a_huge_npy_file_is_refused(monkeypatch):
    monkeypatch.setattr(array_module, "MAX_ARRAY_BYTES", 1 << 20)
    with pytest.raises(ExplorerError, match="at most 1 MiB"):
        load_array(bytes((1 << 20) + 1))
