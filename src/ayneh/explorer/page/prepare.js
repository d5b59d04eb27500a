// A drawn or dropped image in the form of the training images.

import { put, scale } from "./frame.js";

const INK = { mnist: 20 / 28, "stacked-mnist": 20 / 28, digits: 1 }; // how much of the frame the data's strokes fill

/** A square canvas -> (C S S) numbers in [-1, 1]: centred as the data is, averaged down, framed in black. */
export function prepare(canvas, model, centre) {
  const share = INK[model.about.data];
  const source = centre && share ? centred(canvas, share, model.about.data !== "digits") : canvas;
  return framed(averaged(source, model), model);
}

/** A training image, uint8 (C h w), in the same form. */
export function fromPixels(pixels, model) {
  return framed(scale(pixels), model);
}

/** The ink of a canvas scaled to `share` of the side, and its centre of mass (or its box) put in the middle. */
function centred(canvas, share, byMass) {
  const side = canvas.width;
  const { data } = canvas.getContext("2d").getImageData(0, 0, side, side);
  let [left, right, top, bottom, mass, mx, my] = [side, -1, side, -1, 0, 0, 0];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const ink = data[4 * (y * side + x)];
      if (ink < 32) continue;
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
      mass += ink;
      mx += ink * x;
      my += ink * y;
    }
  }
  if (right < 0) return canvas;
  const scale = (share * side) / Math.max(right - left + 1, bottom - top + 1);
  const [cx, cy] = byMass ? [mx / mass, my / mass] : [(left + right) / 2, (top + bottom) / 2];
  const work = new OffscreenCanvas(side, side);
  const context = work.getContext("2d");
  context.fillRect(0, 0, side, side);
  context.setTransform(scale, 0, 0, scale, side / 2 - scale * cx, side / 2 - scale * cy);
  context.drawImage(canvas, 0, 0);
  return work;
}

/** The mean over each of the data's pixels, (C s s). A set whose scans were coarser is made that coarse first. */
function averaged(canvas, { side, shape: [channels], native }) {
  const coarse = Math.min(side, native ?? side);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.width);
  const sums = new Float32Array(channels * coarse * coarse);
  const counts = new Float32Array(coarse * coarse);
  for (let y = 0; y < canvas.width; y++) {
    for (let x = 0; x < canvas.width; x++) {
      const to = Math.floor((y * coarse) / canvas.width) * coarse + Math.floor((x * coarse) / canvas.width);
      const from = 4 * (y * canvas.width + x);
      counts[to] += 1;
      if (channels === 1) sums[to] += 0.299 * data[from] + 0.587 * data[from + 1] + 0.114 * data[from + 2];
      else for (let c = 0; c < 3; c++) sums[c * coarse * coarse + to] += data[from + c];
    }
  }
  const small = scale(sums.map((sum, i) => sum / counts[i % (coarse * coarse)]));
  return coarse === side ? small : enlarged(small, coarse, side, channels);
}

/** (C s s) -> (C S S), linear between the centres of pixels. */
function enlarged(small, from, to, channels) {
  const large = new Float32Array(channels * to * to);
  const clamp = (i) => Math.min(from - 1, Math.max(0, i));
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < to; y++) {
      for (let x = 0; x < to; x++) {
        const [sy, sx] = [((y + 0.5) * from) / to - 0.5, ((x + 0.5) * from) / to - 0.5];
        const [y0, x0] = [Math.floor(sy), Math.floor(sx)];
        const at = (j, i) => small[(c * from + clamp(j)) * from + clamp(i)];
        const upper = at(y0, x0) * (1 - sx + x0) + at(y0, x0 + 1) * (sx - x0);
        const lower = at(y0 + 1, x0) * (1 - sx + x0) + at(y0 + 1, x0 + 1) * (sx - x0);
        large[(c * to + y) * to + x] = upper * (1 - sy + y0) + lower * (sy - y0);
      }
    }
  }
  return large;
}

function framed(image, { side, shape: [channels, size] }) {
  return put(image, channels, side, size);
}

/** A training image, uint8 (C w w), on a canvas as large as a drawing's. */
export function enlargedPixels(pixels, channels, width) {
  const canvas = new OffscreenCanvas(width, width);
  const image = new ImageData(width, width);
  for (let p = 0; p < width * width; p++) {
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = pixels[(c % channels) * width * width + p];
    image.data[4 * p + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  const large = new OffscreenCanvas(280, 280);
  large.getContext("2d").drawImage(canvas, 0, 0, 280, 280);
  return large;
}
