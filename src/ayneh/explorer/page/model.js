// One replica of a checkpoint: its generator and discriminator in the browser, and the notes from the server.

import { row, unpack } from "./arrays.js";
import { makePrior } from "./priors.js";
import { load } from "./runtime.js";
import { bytes } from "./source.js";

const KEPT = 16; // nets that stay loaded; each holds about a megabyte
const nets = new Map();

function net(path) {
  const found = nets.get(path) ?? bytes(path).then(load);
  nets.delete(path); // and put it last
  nets.set(path, found);
  found.catch(() => nets.delete(path)); // after an error the next call tries again
  if (nets.size > KEPT) {
    const [oldest, old] = nets.entries().next().value;
    nets.delete(oldest);
    old.then((n) => n.release());
  }
  return found;
}

const packs = new Map();

function pack(path) {
  if (!packs.has(path)) {
    const found = bytes(path).then(unpack);
    packs.set(path, found);
    found.catch(() => packs.delete(path));
    if (packs.size > KEPT) packs.delete(packs.keys().next().value);
  }
  return packs.get(path);
}

/** The path of a part of a checkpoint. */
export function place(run, replica, epoch, part) {
  return `/api/runs/${run}/replicas/${replica}/epochs/${epoch}/${part}`;
}

export class Model {
  constructor(about, run, replica, epoch) {
    Object.assign(this, { about, run, replica, epoch });
    this.prior = makePrior(about.prior);
  }

  path(part) {
    return place(this.run, this.replica, this.epoch, part);
  }

  /** Fetches what every view needs; afterwards `notes`, `shape` [C, S, S] and `side` are there. */
  async ready() {
    this.notes = await pack(this.path("notes"));
    ({ image_shape: this.shape, side: this.side, centre: this.centre, spread: this.spread } = this.notes.about);
    await net(this.path("generator"));
    return this;
  }

  /** Latents -> images, (N C S S) numbers in [-1, 1] in one Float32Array. */
  async generate(zs) {
    const flat = new Float32Array(zs.length * this.prior.dim);
    zs.forEach((z, i) => flat.set(z, i * this.prior.dim));
    return (await (await net(this.path("generator"))).run(flat, [zs.length, this.prior.dim])).image;
  }

  /** D's opinion of each image: the probability that it is real, by D. */
  async opinions(images) {
    const { logit } = await this.look("discriminator", images);
    return Float32Array.from(logit, (x) => 1 / (1 + Math.exp(-x)));
  }

  /** D's features of each image, (N F) in one Float32Array. */
  async features(images) {
    return (await this.look("encoder", images)).features;
  }

  async look(part, images) {
    const n = images.length / (this.shape[0] * this.shape[1] * this.shape[2]);
    return (await net(this.path(part))).run(images, [n, ...this.shape]);
  }

  /** Training images, their features and labels. */
  gallery() {
    return pack(this.path("gallery"));
  }

  /** Features -> z, by the read-back map. */
  latent(features) {
    const { read_weight: weight, read_bias: bias } = this.notes;
    const z = Float64Array.from(bias.data);
    features.forEach((f, i) => row(weight, i).forEach((w, j) => (z[j] += f * w)));
    return this.prior.settle(Float32Array.from(z));
  }

  get directions() {
    return this.notes.directions.shape[0];
  }

  /** Principal direction k, a unit vector. */
  direction(k) {
    return row(this.notes.directions, k);
  }

  /** The coordinate of z along direction k, in standard deviations of the prior. */
  along(z, k) {
    return this.direction(k).reduce((sum, w, i) => sum + (w * (z[i] - this.centre)) / this.spread, 0);
  }

  /** z with its coordinates along some directions set: {k: value}. */
  moved(z, values) {
    const moved = Float32Array.from(z);
    for (const [key, value] of Object.entries(values)) {
      const k = Number(key);
      const step = (value - this.along(z, k)) * this.spread;
      this.direction(k).forEach((w, i) => (moved[i] += step * w));
    }
    return this.prior.settle(moved);
  }
}
