// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { chiSquareP, studentT95, wilson95 } from "./statistics.ts";

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
});
