// SPDX-License-Identifier: Apache-2.0
import { mulberry32 } from "../util/random.ts";
import { chiSquareUpperP } from "./statistics.ts";

/** From so many expected in each cell on, the chi-square distribution holds. */
const FEWEST = 5;
/** The smallest p that so many rearrangements can give is below the limit of 0.001. */
const REARRANGEMENTS = 1999;

/**
 * Probability that rows and columns of a table of counts depend on each other so much, or more, by chance: Pearson's chi-square
 * where 5 or more are expected in every cell, else the permutation test on the same statistic, which holds for any counts. Its
 * rearrangements come from a fixed seed, so that the same table gives the same p. null: fewer than two rows or columns with anything.
 */
export function independenceP(table: readonly (readonly number[])[]): number | null {
  const rows = table.filter((row) => sum(row) > 0);
  const columns = [...(rows[0] ?? []).keys()].filter((c) => rows.some((row) => (row[c] ?? 0) > 0));
  if (rows.length < 2 || columns.length < 2) return null;
  const cells = rows.map((row) => columns.map((c) => row[c] ?? 0));
  const expected = expectedOf(cells);
  const [observed, flat] = [cells.flat(), expected.flat()];
  if (Math.min(...flat) < FEWEST) return permutationP(cells, flat);
  return chiSquareUpperP(pearson(observed, flat), (rows.length - 1) * (columns.length - 1));
}

const pearson = (counts: ArrayLike<number>, expected: readonly number[]) =>
  expected.reduce((total, e, i) => total + ((counts[i] ?? 0) - e) ** 2 / e, 0);

/** What independence leads to expect in each cell. */
function expectedOf(cells: readonly (readonly number[])[]): number[][] {
  const ofColumn = (cells[0] ?? []).map((_, c) => sum(cells.map((row) => row[c] ?? 0)));
  const all = sum(ofColumn);
  return cells.map((row) => ofColumn.map((n) => (n * sum(row)) / all));
}

/** Deals the columns of all that was counted out to the rows again and again. */
function permutationP(cells: readonly (readonly number[])[], expected: readonly number[]): number {
  const width = cells[0]?.length ?? 0;
  const rowOf = cells.flatMap((row, r) => Array<number>(sum(row)).fill(r));
  const columnOf = cells.flatMap((row) => row.flatMap((n, c) => Array<number>(n).fill(c)));
  // Sums of the same numbers in another order differ in their last digits.
  const limit = pearson(cells.flat(), expected) * (1 - 1e-9);
  const random = mulberry32(1);
  let asFar = 1;
  const dealt = new Int32Array(expected.length);
  for (let n = 0; n < REARRANGEMENTS; n++) {
    dealt.fill(0);
    for (let i = columnOf.length - 1; i >= 0; i--) {
      const j = Math.floor(random() * (i + 1));
      const column = columnOf[j] ?? 0;
      columnOf[j] = columnOf[i] ?? 0;
      columnOf[i] = column;
      const cell = (rowOf[i] ?? 0) * width + column;
      dealt[cell] = (dealt[cell] ?? 0) + 1;
    }
    if (pearson(dealt, expected) >= limit) asFar++;
  }
  return asFar / (REARRANGEMENTS + 1);
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
