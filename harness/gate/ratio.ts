// SPDX-License-Identifier: Apache-2.0
// Ratios of two sets of repeats, without any assumption on how they are distributed.

/**
 * Ratio of two sets of measurements (Hodges and Lehmann's median of all quotients) with a one-sided limit: the true ratio is
 * at least `low` but for a probability of `alpha` (Mann and Whitney's exact distribution, inverted). `low` is null where so few repeats
 * cannot say that; `enough` are the repeats on each side that can.
 */
export function ratioOf(
  now: readonly number[],
  before: readonly number[],
  alpha: number,
): { ratio: number; low: number | null } {
  const quotients = now.flatMap((a) => before.map((b) => a / b)).sort((a, b) => a - b);
  const middle = quotients.length / 2;
  const ratio = ((quotients[Math.ceil(middle) - 1] ?? 0) + (quotients[Math.floor(middle)] ?? 0)) / 2;
  const counts = orderings(now.length, before.length);
  const all = counts.reduce((sum, n) => sum + n, 0);
  let [below, c] = [0, 0];
  while (below + (counts[c] ?? 0) / all <= alpha) below += (counts[c++] ?? 0) / all;
  return { ratio, low: c === 0 ? null : (quotients[c - 1] ?? null) };
}

/** Fewest repeats on each side that can show any difference at `alpha`. */
export function fewestRepeats(alpha: number): number {
  let n = 1;
  for (let orders = 2; 1 / orders > alpha; n++) orders = (orders * 2 * (2 * n + 1)) / (n + 1);
  return n;
}

/** In how many of the orders of n + m values U, the number of pairs in the wrong order, is 0, 1, 2 ... */
function orderings(n: number, m: number): number[] {
  // The coefficients of the Gaussian binomial: multiply by (1 - q^(m+i)), divide by (1 - q^i).
  let counts = [1];
  for (let i = 1; i <= n; i++) {
    const wide = Array.from({ length: i * m + 1 }, (_, u) => (counts[u] ?? 0) - (counts[u - m - i] ?? 0));
    for (let u = i; u < wide.length; u++) wide[u] = (wide[u] ?? 0) + (wide[u - i] ?? 0);
    counts = wide;
  }
  return counts;
}
