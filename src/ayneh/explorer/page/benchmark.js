// How long the generator takes for a batch of images, in this browser.

import { Chance } from "./chance.js";

/** The times of all calls in milliseconds: {"16": [1.2, ...], ...}, each size after a few calls to warm up. */
export async function benchmark(model, sizes = [1, 16, 25, 64], runs = 50) {
  const results = {};
  const chance = new Chance(0);
  for (const n of sizes) {
    const zs = Array.from({ length: n }, () => model.prior.draw(chance));
    for (let i = 0; i < 5; i++) await model.generate(zs);
    results[n] = [];
    for (let i = 0; i < runs; i++) {
      const begin = performance.now();
      await model.generate(zs);
      results[n].push(performance.now() - begin);
    }
  }
  return results;
}
