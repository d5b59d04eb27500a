// How long the generator takes for a batch of images, in this browser.

import { Chance } from "./chance.js";

/** Medians and least times in milliseconds: {"16": {median, least}, ...}, after a few runs to warm up. */
export async function benchmark(model, sizes = [1, 16, 25, 64], runs = 50) {
  const results = {};
  const chance = new Chance(0);
  for (const n of sizes) {
    const zs = Array.from({ length: n }, () => model.prior.draw(chance));
    for (let i = 0; i < 5; i++) await model.generate(zs);
    const times = [];
    for (let i = 0; i < runs; i++) {
      const begin = performance.now();
      await model.generate(zs);
      times.push(performance.now() - begin);
    }
    times.sort((a, b) => a - b);
    results[n] = { median: times[Math.floor(runs / 2)], least: times[0] };
  }
  return results;
}
