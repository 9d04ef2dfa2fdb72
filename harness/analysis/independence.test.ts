// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { mulberry32 } from "../util/random.ts";
import { independenceP } from "./independence.ts";

test("rows that are alike are independent, whatever their sizes", (t) => {
  t.is(
    independenceP([
      [100, 200, 300],
      [10, 20, 30],
    ]),
    1,
  );
  t.true(
    (independenceP([
      [102, 195, 303],
      [98, 203, 299],
    ]) ?? 0) > 0.5,
  );
});

test("rows that share no column depend on each other", (t) => {
  t.true(
    (independenceP([
      [50, 50, 0, 0],
      [0, 0, 50, 50],
    ]) ?? 1) < 1e-12,
  );
});

test("Pearson's statistic with (rows - 1) * (columns - 1) degrees of freedom", (t) => {
  // R: chisq.test(matrix(c(762, 484, 327, 239, 468, 477), 2)) has X-squared = 30.070, df = 2, p = 2.954e-07.
  const p =
    independenceP([
      [762, 327, 468],
      [484, 239, 477],
    ]) ?? 1;
  t.true(Math.abs(p / 2.954e-7 - 1) < 0.01, `${p}`);
});

test("small counts are judged by the permutation test: near Fisher's exact p, and the same at each call", (t) => {
  // R: fisher.test(matrix(c(3, 1, 1, 3), 2)) has p = 0.4857; (4, 0, 0, 4) has 0.02857.
  const near = (table: number[][], p: number) => {
    const found = independenceP(table) ?? 0;
    t.true(Math.abs(found - p) < 0.03, `${found}`);
    t.is(independenceP(table), found);
  };
  near(
    [
      [3, 1],
      [1, 3],
    ],
    0.4857,
  );
  near(
    [
      [4, 0],
      [0, 4],
    ],
    0.0286,
  );
  t.true(
    (independenceP([
      [9, 0, 0, 0],
      [0, 8, 1, 0],
      [0, 0, 0, 9],
    ]) ?? 1) < 0.001,
  );
});

test("where there is nothing to compare there is no p", (t) => {
  for (const table of [
    [],
    [[1, 2]],
    [
      [1, 2],
      [0, 0],
    ],
    [
      [5, 0],
      [7, 0],
    ],
  ])
    t.is(independenceP(table), null);
});

test("fair tables are blamed as often as the limit says", (t) => {
  const random = mulberry32(7);
  let blamed = 0;
  for (let n = 0; n < 200; n++) {
    const table = [1, 2, 3].map(() => Array<number>(4).fill(0));
    for (let i = 0; i < 40; i++) {
      const row = table[Math.floor(random() * 3)] as number[];
      const column = Math.floor(random() * 4);
      row[column] = (row[column] ?? 0) + 1;
    }
    if ((independenceP(table) ?? 1) < 0.05) blamed++;
  }
  t.true(blamed >= 2 && blamed <= 22, `${blamed} of 200 at 5 %`);
});
