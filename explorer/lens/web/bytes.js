// Bytes from Python (lens/packing.py): a JSON header, then named arrays.

const ARRAY_TYPES = { uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array, float16: Uint16Array };

/** Length of the JSON header (4 bytes, little-endian), header, body. */
function unpack(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  return { header, body: bytes.subarray(4 + length) };
}

/** The header and its arrays by name, each {dtype, shape, data}; data is a copy, so that it is aligned. */
function unpackArrays(bytes) {
  const { header, body } = unpack(bytes);
  const arrays = {};
  for (const [name, { dtype, shape, start, end }] of Object.entries(header.arrays)) {
    arrays[name] = { dtype, shape, data: new ARRAY_TYPES[dtype](body.slice(start, end).buffer) };
  }
  return { header, arrays };
}

/** Labels of pixels from runs of label and length (packing.runs_of). */
function fromRuns({ data }, [height, width]) {
  const labels = new Uint8Array(height * width);
  for (let i = 0, at = 0; i < data.length; i += 2) labels.fill(data[i], at, (at += data[i + 1]));
  return { dtype: "uint8", shape: [height, width], data: labels, pixels: true };
}

let halfTable; // every half-precision number as a float, made once

function halves() {
  if (halfTable) return halfTable;
  halfTable = new Float32Array(1 << 16);
  for (let bits = 0; bits < 1 << 16; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    halfTable[bits] = bits >> 15 ? -size : size;
  }
  return halfTable;
}

/** An array as floats: half precision by table; integers times the scale of their row. */
function floats({ dtype, shape, data }, scale) {
  if (dtype === "float16") {
    const table = halves();
    return Float32Array.from(data, (bits) => table[bits]);
  }
  const width = shape[shape.length - 1];
  return dtype === "int8" ? Float32Array.from(data, (value, i) => value * scale.data[Math.floor(i / width)]) : data;
}
