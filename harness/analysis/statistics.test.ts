// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { binomialUpperP, chiSquareP, studentT95, wilson95 } from "./statistics.ts";

const near = (a: number | null, b: number, tolerance: number) => a !== null && Math.abs(a - b) < tolerance;

test("Wilson's interval has the textbook values", (t) => {
  const [low, high] = wilson95(20, 100);
  t.true(near(low, 0.1334, 1e-4) && near(high, 0.2888, 1e-4), `${low} ${high}`);
  const [zero, upper] = wilson95(0, 10_000);
  t.is(zero, 0);
  t.true(upper < 0.0004);
  t.deepEqual(wilson95(0, 0), [0, 1]);
});

test("chi-square has the tabulated quantiles", (t) => {
  // Upper 5 % points: 3.841 with 1 degree of freedom, 16.919 with 9, 124.342 with 100.
  const at = (chi2: number, cells: number) => {
    const expected = Array.from({ length: cells }, () => 100);
    const delta = Math.sqrt((chi2 * 100) / 2);
    const observed = expected.map((e, i) => (i === 0 ? e + delta : i === 1 ? e - delta : e));
    return chiSquareP(observed, expected);
  };
  t.true(near(at(3.841, 2), 0.05, 1e-4));
  t.true(near(at(16.919, 10), 0.05, 1e-4));
  t.true(near(at(124.342, 101), 0.05, 1e-4));
  t.true(near(at(0, 10), 1, 1e-12));
});

test("Student's t has the tabulated quantiles", (t) => {
  for (const [freedom, quantile] of [
    [1, 12.706],
    [5, 2.571],
    [30, 2.042],
  ] as const)
    t.true(near(studentT95(freedom), quantile, 1e-3), `${freedom}`);
});

test("chi-square says nothing where it does not hold", (t) => {
  t.is(chiSquareP([3], [3]), null);
  t.is(chiSquareP([1, 2, 3], [2, 2, 2]), null);
  t.is(chiSquareP([1, 2, 0], [1.5, 1.5, 0]), null);
});

test("what cannot be has probability 0, and what must be 1", (t) => {
  t.is(chiSquareP([0, 0, 1500], [750, 750, 0]), 0);
  t.is(chiSquareP([1, 1999], [0, 2000]), 0);
  t.is(chiSquareP([0, 0, 1500], [0, 0, 1500]), 1);
  t.is(chiSquareP([990, 1010, 0], [1000, 1000, 0]), chiSquareP([990, 1010], [1000, 1000]));
});

test("small cells are pooled, and against one other cell the binomial test is exact", (t) => {
  // Of 1000 with probability 0.0039: P(X <= 4) = 0.6520 and P(X >= 4) = 0.5452, P(X >= 12) = 0.000901.
  t.true(near(chiSquareP([996, 4], [996.1, 3.9]), 1, 1e-9));
  t.true(near(chiSquareP([988, 12], [996.1, 3.9]), 2 * binomialUpperP(12, 1000, 0.0039), 1e-12));
  t.true(near(binomialUpperP(12, 1000, 0.0039), exactUpper(12, 1000, 0.0039), 1e-12));
  t.true((chiSquareP([980, 20], [996.1, 3.9]) ?? 1) < 1e-6);
  t.is(chiSquareP([500, 492, 4, 4], [496, 496, 4, 4]), chiSquareP([500, 492, 8], [496, 496, 8]));
  t.is(chiSquareP([900, 97, 3], [900, 98, 2]), chiSquareP([900, 100], [900, 100]));
});

/** The same by the sum of its terms. */
function exactUpper(k: number, n: number, p: number): number {
  let term = (1 - p) ** n;
  let below = 0;
  for (let i = 0; i < k; i++) {
    below += term;
    term *= ((n - i) / (i + 1)) * (p / (1 - p));
  }
  return 1 - below;
}

test("tails of the binomial distribution are those of Boost's functions, small and large", (t) => {
  for (const [k, n, p, tail] of [
    [3, 10, 0.1, 0.0701908264],
    [20, 1000, 0.01, 0.003288359787727468],
    [500_000, 1_000_000, 0.5, 0.5003989421878483],
    [900, 1000, 0.5, 6.701717790006475e-162],
  ] as const)
    t.true(Math.abs(binomialUpperP(k, n, p) / tail - 1) < 1e-8, `${k} of ${n}: ${binomialUpperP(k, n, p)}`);
});
