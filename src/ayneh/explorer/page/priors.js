// The priors of z: game/priors.py and game/paths.py in JavaScript. A test compares the two.
//
// A latent is a Float32Array of `dim` numbers. Sums are made in double precision.

import { ndtr, ndtri, studentTail, untail } from "./normal.js";

const GOLDEN = (Math.sqrt(5) - 1) / 2;
const TAIL = 1e-12; // the least probability in a path

/** The prior of a run from what the server gives: {name, dim, numbers}. */
export function makePrior({ name, dim, numbers }) {
  return { dim, ...LAWS[name](numbers, dim) };
}

// Each law: draw(chance) -> z; mix(points, weights) -> a latent that follows the law if the points are independent draws
// of it; settle(z) -> the nearest latent among the values of the law.

const LAWS = {
  normal: ({ mean, std }, dim) => ({
    draw: (chance) => fill(dim, () => mean + std * chance.normal()),
    mix: (points, weights) => blend(points, weights, mean),
    settle: (z) => z,
  }),
  uniform: ({ low, high }, dim) => {
    const half = (high - low) / 2;
    return {
      draw: (chance) => fill(dim, () => low + (high - low) * chance.uniform()),
      ...throughScores((low + high) / 2, (d) => (1 - d / half) / 2, (p) => half * (1 - 2 * p)),
      settle: (z) => z.map((x) => Math.min(high, Math.max(low, x))),
    };
  },
  sphere: ({ radius }, dim) => {
    const r = radius ?? Math.sqrt(dim);
    const settle = (z) => scaled(z, r / (norm(z) || 1));
    return {
      draw: (chance) => settle(fill(dim, () => chance.normal())),
      mix: (points, weights) => settle(combine(points, weights, 0, 1)),
      path: (a, b, t) => greatCircle(a, b, t, r),
      settle,
    };
  },
  "truncated-normal": ({ mean, std, bound }, dim) => {
    const cut = ndtr(-bound);
    const kept = 1 - 2 * cut;
    const settle = (z) => z.map((x) => Math.min(mean + bound * std, Math.max(mean - bound * std, x)));
    return {
      draw: (chance) => settle(fill(dim, () => mean + std * ndtri(cut + kept * inner(chance.uniform())))),
      ...throughScores(mean, (d) => (ndtr(-d / std) - cut) / kept, (p) => -std * ndtri(cut + kept * p)),
      settle,
    };
  },
  laplace: ({ mean, scale }, dim) => ({
    draw: (chance) => fill(dim, () => mean + scale * (Math.log1p(-chance.uniform()) - Math.log1p(-chance.uniform()))),
    ...throughScores(mean, (d) => Math.exp(-d / scale) / 2, (p) => -scale * Math.log(2 * p)),
    settle: (z) => z,
  }),
  "student-t": ({ df, scale }, dim) => {
    const tail = (d) => studentTail(df, d / scale);
    return {
      draw: (chance) => fill(dim, () => scale * bailey(df, chance)),
      ...throughScores(0, tail, (p) => untail(tail, p)),
      settle: (z) => z,
    };
  },
  bernoulli: ({ p, low, high }, dim) => ({
    draw: (chance) => fill(dim, () => (chance.uniform() < p ? high : low)),
    mix: jumps,
    path: (a, b, t) => (t === 0 ? a : t === 1 ? b : a.map((x, i) => (t > changeTime(i) ? b[i] : x))),
    settle: (z) => z.map((x) => (x > (low + high) / 2 ? high : low)),
  }),
  mixture: ({ components, low, high, std }, dim) => {
    const gap = (high - low) / (components - 1);
    const half = (high - low) / 2;
    const centres = Array.from({ length: components }, (_, i) => -half + gap * i);
    const tail = (d) => centres.reduce((sum, c) => sum + ndtr((c - d) / std), 0) / components;
    return {
      draw: (chance) => fill(dim, () => low + gap * Math.floor(components * chance.uniform()) + std * chance.normal()),
      ...throughScores((low + high) / 2, tail, (p) => untail(tail, p)),
      settle: (z) => z,
    };
  },
};

/** From a at t = 0 to b at t = 1; each point between follows the law. */
export function path(prior, a, b, t) {
  if (prior.path) return prior.path(a, b, t);
  if (t === 0 || t === 1) return t === 0 ? a : b;
  return prior.mix([a, b], [1 - t, t]);
}

/** The straight line, for comparison: its points do not follow the law. */
export function line(a, b, t) {
  return a.map((x, i) => (1 - t) * x + t * b[i]);
}

export function norm(z) {
  return Math.sqrt(z.reduce((sum, x) => sum + x * x, 0));
}

export function dot(a, b) {
  return a.reduce((sum, x, i) => sum + x * b[i], 0);
}

/** c + sum w (z - c) / sqrt(sum w^2): a weighted sum with a normal's variance restored. */
function blend(points, weights, centre) {
  return combine(points, weights, centre, Math.hypot(...weights));
}

function combine(points, weights, centre, size) {
  return points[0].map((_, i) => centre + points.reduce((sum, z, k) => sum + weights[k] * (z[i] - centre), 0) / size);
}

/** F^-1(Phi(s)), s the blend of the points' scores Phi^-1(F(x)); F symmetric about centre, tail(d) = P(x > centre + d). */
function throughScores(centre, tail, untailed) {
  const score = (x) => -Math.sign(x - centre) * ndtri(Math.min(0.5, Math.max(TAIL, tail(Math.abs(x - centre)))));
  const back = (s) => centre + Math.sign(s) * untailed(Math.max(TAIL, ndtr(-Math.abs(s))));
  return {
    mix: (points, weights) => {
      const scores = points.map((z) => Float64Array.from(z, score));
      return Float32Array.from(blend(scores, weights, 0), back);
    },
  };
}

/** Each coordinate is that of one of the points, since a Bernoulli has no value between its two. */
function jumps(points, weights) {
  const shares = weights.map((w) => Math.max(0, w));
  const total = shares.reduce((a, b) => a + b, 0);
  return points[0].map((_, i) => {
    let left = changeTime(i) * total;
    return points[shares.findIndex((share) => (left -= share) < 0)]?.[i] ?? points.at(-1)[i];
  });
}

function greatCircle(a, b, t, radius) {
  if (t === 0 || t === 1) return t === 0 ? a : b;
  const start = Float64Array.from(a, (x) => x / norm(a));
  const end = Float64Array.from(b, (x) => x / norm(b));
  const cosine = dot(start, end);
  let towards = end.map((x, i) => x - cosine * start[i]);
  const sine = norm(towards);
  if (sine <= 1e-7) {
    const axis = start.reduce((least, x, i) => (Math.abs(x) < Math.abs(start[least]) ? i : least), 0);
    towards = start.map((x, i) => (i === axis ? 1 : 0) - start[axis] * x);
  }
  const size = norm(towards);
  const angle = t * Math.atan2(sine, cosine);
  return Float32Array.from(start, (x, i) => radius * (Math.cos(angle) * x + (Math.sin(angle) * towards[i]) / size));
}

/** When coordinate i of a Bernoulli path changes, in [0, 1). */
function changeTime(i) {
  return ((i + 1) * GOLDEN) % 1;
}

/** Bailey 1994, as in game/priors.py. */
function bailey(df, chance) {
  const radius = Math.sqrt(df * Math.expm1((-2 / df) * Math.log1p(-chance.uniform())));
  return radius * Math.cos(2 * Math.PI * chance.uniform());
}

function inner(u) {
  return Math.min(1 - 1e-16, Math.max(1e-300, u));
}

function scaled(z, factor) {
  return z.map((x) => x * factor);
}

function fill(dim, draw) {
  return Float32Array.from({ length: dim }, draw);
}
