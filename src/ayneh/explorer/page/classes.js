// The class that a side asks G for: one of them, a mixture of two, and on request all of them, a row each.
//
// The nets take a mix, a number for each class: 1 for one class and 0 for all others, or the shares of two.

const MOST_ROWS = 50;

export class Asked {
  /** labels: {names, parts, between, ...} of a checkpoint; before: what was asked until now, kept by the classes' names. */
  constructor(labels, before = null) {
    Object.assign(this, { labels, first: 0, second: null, share: 0, rows: before?.rows ?? false });
    const kept = (k) => (k == null ? -1 : labels.names.indexOf(before.labels.names[k]));
    if (!before) return;
    this.first = Math.max(0, kept(before.first));
    if (labels.between && kept(before.second) >= 0) [this.second, this.share] = [kept(before.second), before.share];
  }

  get count() {
    return this.labels.names.length;
  }

  /** For the address. */
  get state() {
    const mixed = this.second !== null;
    return { class: this.first, towards: mixed ? this.second : null, share: mixed ? this.share : null, rows: this.rows ? 1 : null };
  }

  /** From the address, words or null each; what fits no class is left as it is. */
  restore({ class: first, towards, share, rows }) {
    const there = (word) => word !== null && /^\d+$/.test(word) && Number(word) < this.count;
    if (there(first)) this.first = Number(first);
    if (this.labels.between && there(towards)) [this.second, this.share] = [Number(towards), Math.min(1, Math.max(0, Number(share) || 0))];
    this.rows = rows === "1";
  }

  /** The mix that is asked for, (K,). */
  get mix() {
    const mix = oneClass(this.first, this.count);
    if (this.second !== null && this.labels.between) {
      mix[this.first] -= this.share;
      mix[this.second] += this.share;
    }
    return mix;
  }

  /** The class that has the larger share of the mix. */
  get nearest() {
    return this.second !== null && this.labels.between && this.share > 0.5 ? this.second : this.first;
  }

  /** The mix for each of n images, (n K) in one Float32Array. */
  mixes(n) {
    return repeated([this.mix], n);
  }

  /** The classes of the rows: all; of combinations those that differ in the last part; of very many those around the
   *  one that is asked for. */
  get rowClasses() {
    const last = this.labels.parts.length > 1 ? this.labels.parts.at(-1) : this.count;
    const from = this.first - (this.first % last);
    if (last <= MOST_ROWS) return Array.from({ length: last }, (_, i) => from + i);
    const begin = Math.min(Math.max(0, this.first - MOST_ROWS / 2), this.count - MOST_ROWS);
    return Array.from({ length: MOST_ROWS }, (_, i) => begin + i);
  }

  /** The mixes of rows of n images, a class each, (rows n K) in one Float32Array. */
  rowMixes(n) {
    return repeated(this.rowClasses.map((k) => oneClass(k, this.count)), n);
  }

  /** The number of a class by its name, by a part of it that no other has, or by its number; -1: there is none.
   *
   * A name that is a number is meant by every way of writing it. Where all names are numbers, they alone say which. */
  find(words) {
    const text = words.trim().toLowerCase();
    const names = this.labels.names.map((name) => name.toLowerCase());
    const exact = names.indexOf(text);
    if (exact >= 0 || text === "") return exact;
    const number = (name) => (/^\d+$/.test(name) ? Number(name) : NaN);
    const called = names.findIndex((name) => number(name) === number(text));
    if (called >= 0 || (number(text) >= 0 && names.every((name) => number(name) >= 0))) return called;
    const within = names.flatMap((name, k) => (name.includes(text) ? [k] : []));
    if (within.length === 1) return within[0];
    return /^\d+$/.test(text) && Number(text) < this.count ? Number(text) : -1;
  }
}

/** 1 at the place of class k, else 0. */
export function oneClass(k, count) {
  const mix = new Float32Array(count);
  mix[k] = 1;
  return mix;
}

/** The mixes of images of these classes, (N K) in one Float32Array. */
export function mixesOf(classes, count) {
  return repeated(classes.map((k) => oneClass(k, count)), 1);
}

function repeated(mixes, n) {
  const count = mixes[0].length;
  const all = new Float32Array(mixes.length * n * count);
  for (let i = 0; i < mixes.length * n; i++) all.set(mixes[Math.floor(i / n)], i * count);
  return all;
}

/** Logits (N,) -> log-probabilities, log(exp(x) / sum(exp(x))). */
export function logSoftmax(logits) {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const total = Math.log(logits.reduce((sum, x) => sum + Math.exp(x - most), 0));
  return Float32Array.from(logits, (x) => x - most - total);
}

/** Logits of a class head, of the parts of a class side by side -> log-probabilities of the classes (K,). */
export function joint(logits, parts) {
  let all = Float64Array.of(0);
  let from = 0;
  for (const n of parts) {
    const part = logSoftmax(logits.subarray(from, from + n));
    all = Float64Array.from({ length: all.length * n }, (_, k) => all[Math.floor(k / n)] + part[k % n]);
    from += n;
  }
  return Float32Array.from(all);
}

/** Probabilities (K,) of classes that are combinations -> those of each part's values, one list a part. */
export function marginals(probabilities, parts) {
  const lists = parts.map((n) => new Float64Array(n));
  probabilities.forEach((p, k) => {
    let rest = k;
    for (let i = parts.length - 1; i >= 0; i--) {
      lists[i][rest % parts[i]] += p;
      rest = Math.floor(rest / parts[i]);
    }
  });
  return lists;
}
