// One replica of a checkpoint: its nets in the browser, and arrays from the server. G comes first, the rest as it comes.

import { row, unpack } from "./arrays.js";
import { joint, logSoftmax, oneClass } from "./classes.js";
import { makePrior } from "./priors.js";
import { load } from "./runtime.js";
import { bytes, has, Unreachable } from "./source.js";
import { percent, t } from "./words.js";

const AT_ONCE = 250; // images, where D sees one under every class
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

/** The probability of a log-odds. */
export function chance(logit) {
  return 1 / (1 + Math.exp(-logit));
}

/** The share of sorted numbers that are smaller than x; of those that are equal to it the half. */
export function below(sorted, x) {
  const first = (less) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (less(sorted[middle])) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return (first((y) => y < x) + first((y) => y <= x)) / (2 * sorted.length);
}

/** The images of latents by a loaded G; mixes (N K): else the class that the model's side asks for. */
export async function generated(gen, model, zs, mixes = null) {
  const { dim } = model.prior;
  const flat = new Float32Array(zs.length * dim);
  zs.forEach((z, i) => flat.set(z, i * dim));
  return (await gen.run(flat, [zs.length, dim], mixes ?? model.asked?.mixes(zs.length))).image;
}

/** What is not there is left out; a server that does not answer is not what that means. */
function unlessUnreachable(error) {
  if (error instanceof Unreachable) throw error;
  return null;
}

/** The path of a part of a checkpoint. */
export function place(run, replica, epoch, part) {
  return `/api/runs/${run}/replicas/${replica}/epochs/${epoch}/${part}`;
}

export class Model {
  constructor(about, run, replica, epoch) {
    Object.assign(this, { about, run, replica, epoch });
    this.prior = makePrior(about.prior);
    this.asked = null; // of a labelled run, the `Asked` of its side
  }

  path(part) {
    return place(this.run, this.replica, this.epoch, part);
  }

  /** Fetches what shows images: G, `samples`, `labels`, `shape` [C, S, S] and `side`. D and the rest come later. */
  async ready() {
    const [first] = await Promise.all([pack(this.path("start")), net(this.path("generator"))]);
    this.samples = first.samples;
    this.labels = first.about.labels ?? null;
    ({ image_shape: this.shape, side: this.side, native: this.native, centre: this.centre, spread: this.spread } = first.about);
    return this;
  }

  /** Fetches D, and its logits of the training images where these are on the server's machine. */
  async judge() {
    if (this.about.alone) return;
    const levels = has(this.path("levels")) ? pack(this.path("levels")).catch(unlessUnreachable) : null;
    const [found] = await Promise.all([levels, net(this.path("discriminator"))]);
    this.levels = found?.logits.data ?? null;
    this.judged = true;
  }

  /** Fetches what was learnt from generated images: the directions, the map that reads z, D's features' moments. */
  async learn() {
    this.notes ??= await pack(this.path("notes"));
    return this;
  }

  /** Latents -> images, (N C S S) numbers in [-1, 1] in one Float32Array. mixes (N K): else the class asked for. */
  async generate(zs, mixes = null) {
    return generated(await net(this.path("generator")), this, zs, mixes);
  }

  /** D's logit of each image. */
  async logits(images, mixes = null) {
    return (await this.look("discriminator", images, mixes)).logit;
  }

  /** D's logit of each image, null while D is on its way. */
  async opinions(images, mixes = null) {
    return this.judged ? this.logits(images, mixes) : null;
  }

  /** The lengths of bars for logits, from 0 to 1: the share of the training images that look less real to D; without
   *  these D's probability where its output is a log-odds; else null. */
  bars(logits) {
    if (!logits) return null;
    if (this.levels) return Float32Array.from(logits, (x) => below(this.levels, x));
    return this.about.odds ? Float32Array.from(logits, chance) : null;
  }

  /** D's opinion in words. */
  word(logit) {
    if (logit === undefined) return t(this.about.alone ? "D.absent" : "D.waits");
    const values = { share: this.levels && percent(below(this.levels, logit)), probability: percent(chance(logit)), logit: logit.toFixed(2) };
    if (this.levels) return t(this.about.odds ? "D.both" : "D.share", values);
    return t(this.about.odds ? "D.probability" : "D.score", values);
  }

  /** What the bars mean, in words. */
  meaning() {
    if (!this.judged) return t(this.about.alone ? "D.absent" : "D.waits");
    return this.levels ? t("D.bars share") : this.about.odds ? t("D.bars probability") : t("D.bars none", { loss: this.about.loss });
  }

  /** D's features of each image, (N F) in one Float32Array. */
  async features(images, mixes = null) {
    return (await this.look("encoder", images, mixes)).features;
  }

  async look(part, images, mixes) {
    const n = images.length / (this.shape[0] * this.shape[1] * this.shape[2]);
    return (await net(this.path(part))).run(images, [n, ...this.shape], mixes ?? this.asked?.mixes(n));
  }

  /** The log-probability of each class that D reads in one image, (K,): by its class head; without one, the softmax of
   *  its logits for the image under every class. */
  async readClass(image) {
    const { takes, names, parts } = this.labels;
    if (!takes) {
      const { class_logits: read } = await this.look("discriminator", image, null);
      return joint(read, read.length === parts.reduce((a, b) => a + b, 0) ? parts : [names.length]); // labels.py: read_by
    }
    const logits = new Float32Array(names.length);
    for (let from = 0; from < names.length; from += AT_ONCE) {
      const n = Math.min(AT_ONCE, names.length - from);
      const [images, mixes] = [new Float32Array(n * image.length), new Float32Array(n * names.length)];
      for (let i = 0; i < n; i++) {
        images.set(image, i * image.length);
        mixes.set(oneClass(from + i, names.length), i * names.length);
      }
      logits.set(await this.logits(images, mixes), from);
    }
    return logSoftmax(logits);
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
