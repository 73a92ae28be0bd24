"""A .npy file → a model's input, fed as it is."""

from __future__ import annotations

import io
import math
import tokenize

import numpy as np

from explorer.errors import ExplorerError
from explorer.inputs.common import digest, too_large
from explorer.trace import Array, Prepared, read_only

MAX_ARRAY_BYTES = 256 << 20  # of a .npy file
# What NumPy's header parser raises on damaged files.
HEADER_DAMAGE = (ValueError, SyntaxError, TypeError, tokenize.TokenError, RecursionError, MemoryError)


def prepare_array(array: Array, patch: int, name: str = "the array") -> Prepared:
    """An array that is fed as it is: float32 (B,3,H,W), finite, already normalised, H and W multiples of the patch.

    Raises ExplorerError that names what does not fit. There is no picture to show.
    """
    if array.dtype != np.float32:
        raise ExplorerError(f"{name} holds {array.dtype}: expected float32: convert it with astype('float32').")
    if array.ndim != 4 or array.shape[1] != 3 or not array.shape[0]:
        raise ExplorerError(f"{name} has the shape {array.shape}: expected (batch, 3, height, width): transpose it.")
    height, width = array.shape[2:]
    if not height or not width or height % patch or width % patch:
        raise ExplorerError(
            f"{name} is {height} × {width} pixels: expected multiples of the model's patch, {patch}: crop or resize it."
        )
    if not np.isfinite(array).all():
        raise ExplorerError(f"{name} holds values that are NaN or infinite: expected finite numbers: replace them.")
    array = np.array(array, order="C")
    return Prepared(read_only(array), None, digest("array", array.tobytes(), *array.shape, patch), name)


def load_array(data: bytes, name: str = "the array") -> Array:
    """The array of a .npy file, never unpickled; a header that claims more than the file holds allocates nothing.

    Raises ExplorerError for anything but a plain numeric .npy file of at most 256 MiB.
    """
    if len(data) > MAX_ARRAY_BYTES:
        raise ExplorerError(too_large(name, len(data), MAX_ARRAY_BYTES, "save a smaller batch"))
    stream, save_again = io.BytesIO(data), "write it again with numpy.save"
    try:
        version = np.lib.format.read_magic(stream)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise ExplorerError(f"{name} has .npy version {version}: expected (1, 0) or (2, 0): {save_again}.")
        shape, fortran_order, dtype = readers[version](stream)
    except HEADER_DAMAGE as error:
        raise ExplorerError(f"{name} is not a .npy file or its header is damaged: {save_again}.") from error
    if dtype.kind not in "biufc":
        raise ExplorerError(f"{name} holds {dtype}: expected numbers; pickled objects are never loaded: {save_again}.")
    body = memoryview(data)[stream.tell() :]
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(body):
        raise ExplorerError(
            f"{name} holds {len(body)} bytes of values, which does not fit its header's {dtype} of shape {shape}: "
            f"it is damaged or cut off: {save_again}."
        )
    return np.frombuffer(body, dtype).reshape(shape, order="F" if fortran_order else "C")
