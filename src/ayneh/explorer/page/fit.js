// argmin over z of |G(z) - x|^2 + weight |z - centre|^2 / spread^2, by Levenberg and Marquardt's method.
//
// The browser has no gradients, but a batch of dim + 1 images gives G's slope in every coordinate at once.

const NUDGE = 0.05; // deviations
const DAMPINGS = [0.1, 1, 10, 100];

/** From z towards the latent whose image is nearest to `target`; calls `improved` with each better one. Returns {z, error}. */
export async function fit(model, target, z, { rounds = 12, weight = 0.02, improved = () => {}, stopped = () => false } = {}) {
  const dim = z.length;
  let damping = 1;
  let best = { z, ...(await costs(model, [z], target, weight))[0] };
  for (let round = 0; round < rounds && !stopped(); round++) {
    const nudged = Array.from({ length: dim }, (_, i) => {
      const other = Float32Array.from(best.z);
      other[i] += NUDGE * model.spread;
      return other;
    });
    const images = await model.generate([best.z, ...nudged]);
    const size = target.length;
    const here = images.subarray(0, size);
    const slopes = nudged.map((_, i) => {
      const there = images.subarray((i + 1) * size, (i + 2) * size);
      return there.map((x, p) => (x - here[p]) / NUDGE);
    });
    const { matrix, gradient } = normalEquations(slopes, here, target, best.z, model, weight);
    const tries = DAMPINGS.map((factor) => {
      const step = solve(matrix, gradient, damping * factor);
      return model.prior.settle(best.z.map((x, i) => x + step[i] * model.spread));
    });
    const found = await costs(model, tries, target, weight);
    const k = found.reduce((least, c, i) => (c.cost < found[least].cost ? i : least), 0);
    if (!(found[k].cost < best.cost * (1 - 1e-4))) {
      if (damping > 1e3) break;
      damping *= 100;
      continue;
    }
    damping = Math.max(1e-3, damping * DAMPINGS[k] * 0.5);
    best = { z: tries[k], ...found[k] };
    improved(best, round);
  }
  return best;
}

/** For each z: {cost, error}, error the root mean square difference of the images' numbers. */
async function costs(model, zs, target, weight) {
  const images = await model.generate(zs);
  return zs.map((z, k) => {
    let squares = 0;
    for (let p = 0; p < target.length; p++) squares += (images[k * target.length + p] - target[p]) ** 2;
    const away = z.reduce((sum, x) => sum + ((x - model.centre) / model.spread) ** 2, 0);
    return { cost: squares + weight * away, error: Math.sqrt(squares / target.length) };
  });
}

function normalEquations(slopes, here, target, z, model, weight) {
  const dim = slopes.length;
  const matrix = new Float64Array(dim * dim);
  const gradient = new Float64Array(dim);
  for (let i = 0; i < dim; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let p = 0; p < target.length; p++) sum += slopes[i][p] * slopes[j][p];
      matrix[i * dim + j] = matrix[j * dim + i] = sum + (i === j ? weight : 0);
    }
    for (let p = 0; p < target.length; p++) gradient[i] += slopes[i][p] * (target[p] - here[p]);
    gradient[i] -= (weight * (z[i] - model.centre)) / model.spread;
  }
  return { matrix, gradient };
}

/** (matrix + damping I) x = b, by Cholesky's method. */
function solve(matrix, b, damping) {
  const n = b.length;
  const lower = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j] + (i === j ? damping : 0);
      for (let k = 0; k < j; k++) sum -= lower[i * n + k] * lower[j * n + k];
      lower[i * n + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / lower[j * n + j];
    }
  }
  const x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] -= lower[i * n + k] * x[k];
    x[i] /= lower[i * n + i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= lower[k * n + i] * x[k];
    x[i] /= lower[i * n + i];
  }
  return x;
}
