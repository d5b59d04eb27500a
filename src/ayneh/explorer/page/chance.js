// Random numbers as a function of a seed: the same seed always gives the same noise, on both sides.

export class Chance {
  constructor(seed) {
    this.state = Math.imul(seed + 1, 0x9e3779b9) >>> 0;
  }

  /** U[0, 1), 32 bits (Mulberry32). */
  uniform() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let x = this.state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  }

  /** N(0, 1) by Box and Muller's method, from two uniform draws. */
  normal() {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }
}
