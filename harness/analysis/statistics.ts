// SPDX-License-Identifier: Apache-2.0
/** 95 % Wilson score interval of a share k/n, as fractions. [0, 1] when n is 0: nothing is known. */
export function wilson95(k: number, n: number): [low: number, high: number] {
  if (n === 0) return [0, 1];
  const z = 1.959964;
  const p = k / n;
  const centre = p + (z * z) / (2 * n);
  const spread = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  const scale = 1 + (z * z) / n;
  return [Math.max(0, (centre - spread) / scale), Math.min(1, (centre + spread) / scale)];
}

/** Below this expected count the chi-square distribution does not hold for a cell. */
const FEWEST = 5;

interface Cell {
  observed: number;
  expected: number;
}

/**
 * Probability that counts this far from `expected`, or farther, come by chance: Pearson's chi-square, upper tail. Cells of which
 * fewer than 5 are expected are pooled, and the binomial test takes the place of chi-square where such a pool stands against one
 * other cell. 0: something was counted where nothing can be. null: fewer than two cells, or all of them are small.
 */
export function chiSquareP(observed: readonly number[], expected: readonly number[]): number | null {
  const all = expected.map((e, i): Cell => ({ observed: observed[i] ?? 0, expected: e }));
  if (all.length < 2) return null;
  if (all.some((cell) => cell.expected === 0 && cell.observed > 0)) return 0;
  const cells = all.filter((cell) => cell.expected > 0);
  if (cells.length === 1) return 1;
  const pool = pooled(cells.filter((cell) => cell.expected < FEWEST));
  const large = cells.filter((cell) => cell.expected >= FEWEST);
  if (pool.expected === 0) return pearsonP(large);
  const [smallest, ...others] = large.toSorted((a, b) => a.expected - b.expected);
  if (!smallest) return null;
  if (pool.expected >= FEWEST) return pearsonP([pool, ...large]);
  return others.length > 0 ? pearsonP([pooled([pool, smallest]), ...others]) : binomialP(pool, smallest);
}

function pooled(cells: readonly Cell[]): Cell {
  return cells.reduce(
    (sum, cell) => ({ observed: sum.observed + cell.observed, expected: sum.expected + cell.expected }),
    { observed: 0, expected: 0 },
  );
}

function pearsonP(cells: readonly Cell[]): number {
  const chi2 = cells.reduce((sum, { observed, expected }) => sum + (observed - expected) ** 2 / expected, 0);
  return chiSquareUpperP(chi2, cells.length - 1);
}

/** Probability that a chi-square variable of so many degrees of freedom is this large, or larger. */
export function chiSquareUpperP(chi2: number, freedom: number): number {
  return upperGamma(freedom / 2, chi2 / 2);
}

/** Two-sided: twice the smaller tail. */
function binomialP(few: Cell, many: Cell): number {
  const n = few.observed + many.observed;
  const share = few.expected / (few.expected + many.expected);
  const upper = binomialUpperP(few.observed, n, share);
  const lower = 1 - binomialUpperP(few.observed + 1, n, share);
  return Math.min(1, 2 * Math.min(upper, lower));
}

/** Probability of k or more among n independent events of probability p each: the exact binomial test, one-sided. */
export function binomialUpperP(k: number, n: number, p: number): number {
  if (k <= 0) return 1;
  if (k > n || p <= 0) return 0;
  return p >= 1 ? 1 : incompleteBeta(k, n - k + 1, p);
}

/** 95 % interval of a share k/n, as fractions, by Clopper and Pearson: never narrower than it says. [0, 1] when n is 0. */
export function exact95(k: number, n: number): [low: number, high: number] {
  if (n === 0) return [0, 1];
  const low = k === 0 ? 0 : solve((p) => binomialUpperP(k, n, p) - 0.025);
  const high = k === n ? 1 : solve((p) => binomialUpperP(k + 1, n, p) - 0.975);
  return [low, high];
}

/** Fisher's exact test, one-sided: the probability that k1 of n1 exceed k2 of n2 so far, or farther, when both have the same share. */
export function fisherUpperP(k1: number, n1: number, k2: number, n2: number): number {
  const [k, most] = [k1 + k2, Math.min(n1, k1 + k2)];
  const choose = (n: number, r: number) => logGamma(n + 1) - logGamma(r + 1) - logGamma(n - r + 1);
  const all = choose(n1 + n2, k);
  let sum = 0;
  for (let i = k1; i <= most; i++) {
    const term = Math.exp(choose(n1, i) + choose(n2, k - i) - all);
    sum += term;
    if (i > (n1 * k) / (n1 + n2) && term < sum * 1e-16) break;
  }
  return Math.min(1, sum);
}

/** The value that a standard normal variable stays below with probability p (0 < p < 1). */
export function normalQuantile(p: number): number {
  return solve((z) => normalCdf(z) - p, -40, 40);
}

/** What a Student-distributed variable stays within, on both sides, in 95 of 100 cases. */
export function studentT95(freedom: number): number {
  return solve((t) => 0.05 - incompleteBeta(freedom / 2, 0.5, freedom / (freedom + t * t)), 0, 1000);
}

function normalCdf(z: number): number {
  const tail = upperGamma(0.5, (z * z) / 2) / 2;
  return z > 0 ? 1 - tail : tail;
}

/** Zero of a rising function between two values, to the precision of a double. */
function solve(rising: (x: number) => number, low = 0, high = 1): number {
  let [from, to] = [low, high];
  for (let i = 0; i < 100; i++) {
    const middle = (from + to) / 2;
    if (rising(middle) < 0) from = middle;
    else to = middle;
  }
  return (from + to) / 2;
}

/** Regularised incomplete beta function I_x(a, b) by Lentz's continued fraction. */
function incompleteBeta(a: number, b: number, x: number): number {
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  if (x > (a + 1) / (a + b + 2)) return Math.max(0, 1 - (front * betaFraction(b, a, 1 - x)) / b);
  return Math.min(1, (front * betaFraction(a, b, x)) / a);
}

function betaFraction(a: number, b: number, x: number): number {
  const kept = (v: number) => (Math.abs(v) < 1e-300 ? 1e-300 : v);
  let c = 1;
  let d = 1 / kept(1 - ((a + b) * x) / (a + 1));
  let h = d;
  for (let m = 1; m < 100_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / kept(1 + even * d);
    c = kept(1 + even / c);
    h *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / kept(1 + odd * d);
    c = kept(1 + odd / c);
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return h;
}

/** Regularised upper incomplete gamma function Q(a, x): series below a + 1, Lentz's continued fraction above. */
function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; term > sum * 1e-15; n++) sum += term *= x / (a + n);
    return Math.max(0, 1 - front * sum);
  }
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let h = d;
  for (let n = 1; n < 10_000; n++) {
    const an = -n * (n - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return front * h;
}

/** Lanczos' approximation, g = 7; good to about 15 digits for a > 0.5. */
function logGamma(a: number): number {
  const coefficients = [
    676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
    -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
  ];
  const x = a - 1;
  const sum = coefficients.reduce((s, k, i) => s + k / (x + i + 1), 0.9999999999998099);
  const t = x + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (x + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** Standard deviations that a normal variable stays within in 999 of 1000 cases. */
const Z999 = 3.2905;

/** Numbers of `of` things that chance allows (99.9 %) around an expected number, or around a range of such. */
export function chanceInterval(low: number, high: number, variance: number, of: number): [low: number, high: number] {
  // Half a thing, as counts are whole numbers.
  const reach = Z999 * Math.sqrt(variance) + 0.5;
  return [Math.max(0, low - reach), Math.min(of, high + reach)];
}
