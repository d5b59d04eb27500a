// Frames as an animated GIF, written by hand: the format is small. Grey images keep their levels (by 1 of 256 where there
// are coloured bars); of coloured images the colours are rounded to 6 x 7 x 6.

const BARS = 32; // colours beside the greys: those of D's bars
const COLOURS = Array.from({ length: 252 }, (_, i) => [51 * Math.floor(i / 42), 42.5 * (Math.floor(i / 6) % 7), 51 * (i % 6)].map(Math.round));
const ENDLESS = [0x21, 0xff, 11, ..."NETSCAPE2.0"].map((x) => (typeof x === "string" ? x.charCodeAt(0) : x)).concat([3, 1, 0, 0, 0]);

/** frames: ImageData of one size; hold: hundredths of a second for each. Uint8Array of the file. */
export function gif(frames, hold) {
  const { width, height } = frames[0];
  const { palette, place } = paletteOf(frames);
  const out = [...bytesOf("GIF89a"), ...word(width), ...word(height), 0xf7, 0, 0, ...palette.flat(), ...ENDLESS];
  const parts = [Uint8Array.from(out)];
  for (const frame of frames) {
    parts.push(Uint8Array.of(0x21, 0xf9, 4, 4, ...word(hold), 0, 0, 0x2c, 0, 0, 0, 0, ...word(width), ...word(height), 0, 8));
    parts.push(blocks(compressed(places(frame, place))));
  }
  parts.push(Uint8Array.of(0x3b));
  const file = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/** {palette: 256 colours, place: (r, g, b) -> the number of the nearest one}. */
function paletteOf(frames) {
  const counts = new Map(); // of each colour that is no grey
  let coloured = 0;
  for (const { data } of frames) {
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b] = [data[i], data[i + 1], data[i + 2]];
      if (r === g && r === b) continue;
      counts.set((r << 16) | (g << 8) | b, (counts.get((r << 16) | (g << 8) | b) ?? 0) + 1);
      coloured++;
    }
  }
  if (coloured > (frames.length * frames[0].data.length) / 16) { // a quarter of all pixels: coloured images
    const place = (r, g, b) => Math.round(r / 51) * 42 + Math.round(g / 42.5) * 6 + Math.round(b / 51);
    return { palette: [...COLOURS, ...Array(4).fill([0, 0, 0])], place };
  }
  const own = [...counts].sort((a, b) => b[1] - a[1]).slice(0, BARS).map(([rgb]) => [rgb >> 16, (rgb >> 8) & 255, rgb & 255]);
  const greys = 256 - own.length;
  const palette = [...Array.from({ length: greys }, (_, i) => Array(3).fill(Math.round((255 * i) / (greys - 1)))), ...own];
  const far = ([x, y, z], r, g, b) => (x - r) ** 2 + (y - g) ** 2 + (z - b) ** 2;
  const nearest = (r, g, b) => own.reduce((best, rgb, k) => (far(rgb, r, g, b) < far(own[best], r, g, b) ? k : best), 0);
  return { palette, place: (r, g, b) => (r === g && r === b ? Math.round((r * (greys - 1)) / 255) : greys + nearest(r, g, b)) };
}

/** The number of each pixel's colour in the palette. */
function places({ data }, place) {
  return Uint8Array.from({ length: data.length / 4 }, (_, i) => place(data[4 * i], data[4 * i + 1], data[4 * i + 2]));
}

/** Lempel, Ziv and Welch's codes of bytes, packed from the lowest bit on; they grow from 9 to 12 bits. */
function compressed(bytes) {
  const [clear, end] = [256, 257];
  const packed = [];
  let [held, bits, size, next] = [0, 0, 9, end + 1];
  let known = new Map();
  const emit = (code) => {
    held |= code << bits;
    for (bits += size; bits >= 8; bits -= 8, held >>>= 8) packed.push(held & 255);
  };
  emit(clear);
  let prefix = bytes[0];
  for (let i = 1; i < bytes.length; i++) {
    const pair = prefix * 256 + bytes[i];
    const code = known.get(pair);
    if (code !== undefined) {
      prefix = code;
      continue;
    }
    emit(prefix);
    known.set(pair, next);
    if (next === 1 << size) size++;
    next++;
    if (next > 4095) {
      emit(clear);
      known = new Map();
      [size, next] = [9, end + 1];
    }
    prefix = bytes[i];
  }
  emit(prefix);
  emit(end);
  if (bits > 0) packed.push(held & 255);
  return Uint8Array.from(packed);
}

/** In blocks of at most 255 bytes, each after its length. */
function blocks(bytes) {
  const count = Math.ceil(bytes.length / 255);
  const out = new Uint8Array(bytes.length + count + 1);
  for (let i = 0; i < count; i++) {
    const part = bytes.subarray(255 * i, 255 * (i + 1));
    out[256 * i] = part.length;
    out.set(part, 256 * i + 1);
  }
  return out;
}

function word(x) {
  return [x & 255, x >> 8];
}

function bytesOf(text) {
  return Array.from(text, (letter) => letter.charCodeAt(0));
}
