// Images onto canvases: sharp pixels, without the black frame, and D's opinion as a bar under each.

import { levels, take } from "./frame.js";

const BAR = 2; // pixels of an image's own size

/** Paint (N C S S) numbers in [-1, 1] as tiles, `columns` a row. `bars`: N lengths from 0 to 1, or nothing. */
export function paintTiles(canvas, images, model, columns, bars = null, first = 0, rows = null) {
  const [channels, size] = model.shape;
  const n = images.length / (channels * size * size);
  const { width, height } = cell(model);
  const edge = columns === 1 ? 0 : 1; // a single image and its bar fill their canvas
  const wide = columns === 1 ? model.side : columns * width + 1;
  const high = (rows ?? Math.ceil((first + n) / columns)) * height + (columns === 1 ? -1 : 1);
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  canvas.dataset.painted = "";
  const context = canvas.getContext("2d");
  for (let i = 0; i < n; i++) {
    const x = ((first + i) % columns) * width + edge;
    const y = Math.floor((first + i) / columns) * height + edge;
    context.putImageData(picture(images, i, model), x, y);
    context.clearRect(x, y + model.side, model.side, BAR);
    if (bars) {
      context.fillStyle = colour(canvas, "--faint");
      context.fillRect(x, y + model.side + 1, model.side, 1);
      context.fillStyle = colour(canvas, "--accent");
      context.fillRect(x, y + model.side + 1, model.side * bars[i], 1);
    }
  }
}

/** The size of one tile on such a canvas, in its own pixels. */
export function cell(model) {
  return { width: model.side + 1, height: model.side + 1 + BAR };
}

/** Image i as ImageData of the data's own size. */
export function picture(images, i, { shape: [channels, size], side }) {
  const pixels = new ImageData(side, side);
  const own = levels(take(images.subarray(i * channels * size * size, (i + 1) * channels * size * size), channels, size, side));
  for (let p = 0; p < side * side; p++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * p + c] = own[(c % channels) * side * side + p];
    pixels.data[4 * p + 3] = 255;
  }
  return pixels;
}

export function colour(element, name) {
  return getComputedStyle(element).getPropertyValue(name).trim();
}
