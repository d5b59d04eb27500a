// game/frame.py in JavaScript; see there. Both are tested by the cases of tests/game/frames.json.
// Images are flat arrays: (C s s), a channel after the other, row by row.

/** (C s s) -> (C S S), centred, black (-1) around it. */
export function put(image, channels, side, size) {
  if (side === size) return image;
  const whole = new Float32Array(channels * size * size).fill(-1);
  const before = Math.floor((size - side) / 2);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < side; y++) {
      const line = image.subarray((c * side + y) * side, (c * side + y + 1) * side);
      whole.set(line, (c * size + y + before) * size + before);
    }
  }
  return whole;
}

/** (C S S) -> (C s s): the middle. */
export function take(image, channels, size, side) {
  const before = Math.floor((size - side) / 2);
  const middle = new image.constructor(channels * side * side);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < side; y++) {
      const from = (c * size + y + before) * size + before;
      middle.set(image.subarray(from, from + side), (c * side + y) * side);
    }
  }
  return middle;
}

/** Grey levels 0..255 as numbers in [-1, 1]. */
export function scale(pixels) {
  return Float32Array.from(pixels, (x) => x / 127.5 - 1);
}

/** Numbers in [-1, 1] as grey levels: a clamped array rounds halves to even and keeps to 0..255. */
export function levels(image) {
  return Uint8ClampedArray.from(image, (x) => (x + 1) * 127.5);
}
