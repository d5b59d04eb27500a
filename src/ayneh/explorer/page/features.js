// D's features of an image as bars: how far each is from its mean over generated images, in deviations.

import { colour } from "./paint.js";

const HIGH = 96;
const MOST = 4; // deviations

export function drawFeatures(canvas, features, { feature_mean: mean, feature_std: std }) {
  const width = 6;
  Object.assign(canvas, { width: features.length * width, height: HIGH });
  const context = canvas.getContext("2d");
  context.fillStyle = colour(canvas, "--faint");
  context.fillRect(0, HIGH / 2 - 0.5, canvas.width, 1);
  features.forEach((f, i) => {
    const deviations = Math.max(-MOST, Math.min(MOST, (f - mean.data[i]) / (std.data[i] || 1)));
    const length = (deviations / MOST) * (HIGH / 2);
    context.fillStyle = colour(canvas, deviations > 0 ? "--accent" : "--warm");
    context.fillRect(i * width + 1, HIGH / 2 - Math.max(0, length), width - 2, Math.abs(length));
  });
}
