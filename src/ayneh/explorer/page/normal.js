// Tails of distributions and their inverses, in double precision, exact also where 1 - F rounds to 0.

/** 2 / sqrt(pi) times the integral of exp(-t^2) from x to infinity, x >= 0. */
function erfc(x) {
  if (x < 2.5) {
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * sum; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
      if (n > 200) break;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let tail = 0; // a continued fraction, from its far end
  for (let n = 80; n > 0; n--) tail = n / 2 / (x + tail);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + tail);
}

/** P(N(0, 1) <= x). */
export function ndtr(x) {
  return x < 0 ? erfc(-x / Math.SQRT2) / 2 : 1 - erfc(x / Math.SQRT2) / 2;
}

/** The x with ndtr(x) = p, for 0 < p < 1: a start by Abramowitz and Stegun 26.2.23, then Halley's steps. */
export function ndtri(p) {
  if (p > 0.5) return -ndtri(1 - p);
  const t = Math.sqrt(-2 * Math.log(p));
  let x = (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
  for (let i = 0; i < 3; i++) {
    const step = (ndtr(x) - p) * Math.sqrt(2 * Math.PI) * Math.exp((x * x) / 2);
    x -= step / (1 + (x * step) / 2);
  }
  return x;
}

/** log Gamma(x), x > 0 (Lanczos). */
export function lgamma(x) {
  const c = [76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155, 0.001208650973866179, -5.395239384953e-6];
  let sum = 1.000000000190015;
  c.forEach((value, i) => (sum += value / (x + 1 + i)));
  return Math.log((2.5066282746310005 * sum) / x) - (x + 5.5) + (x + 0.5) * Math.log(x + 5.5);
}

/** The incomplete beta function I_x(a, b), by Lentz's continued fraction. */
function betainc(a, b, x) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betainc(b, a, 1 - x);
  const front = Math.exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  let c = 1, d = 1 / (1 - ((a + b) * x) / (a + 1)), h = d;
  for (let m = 1; m < 400; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d);
    c = 1 + even / c;
    h *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d);
    c = 1 + odd / c;
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return (front * h) / a;
}

/** P(t > d) for Student's t with df degrees of freedom, d >= 0. */
export function studentTail(df, d) {
  return betainc(df / 2, 0.5, df / (df + d * d)) / 2;
}

/** d >= 0 with tail(d) = p for a falling tail: doubled until beyond, then halved. */
export function untail(tail, p) {
  let high = 1;
  while (tail(high) > p && high < 1e300) high *= 2;
  let low = 0;
  for (let i = 0; i < 44; i++) {
    const middle = (low + high) / 2;
    if (tail(middle) > p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
