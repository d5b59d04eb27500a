// safetensors: eight bytes of length, a JSON header, then plain numbers, never code.

const KINDS = { F32: Float32Array, U8: Uint8Array, I32: Int32Array, F16: Uint16Array };

/** {name: {data, shape}}, with the file's own JSON as `about`. */
export function unpack(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const { __metadata__: metadata, ...header } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const arrays = { about: JSON.parse(metadata?.ayneh ?? "{}") };
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header)) {
    const data = new KINDS[dtype](buffer.slice(8 + length + from, 8 + length + to));
    arrays[name] = { data: dtype === "F16" ? Float32Array.from(data, half) : data, shape };
  }
  return arrays;
}

/** Row i of a matrix {data, shape}. */
export function row({ data, shape }, i) {
  const width = data.length / shape[0];
  return data.subarray(i * width, (i + 1) * width);
}

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
