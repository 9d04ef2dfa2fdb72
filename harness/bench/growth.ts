// SPDX-License-Identifier: Apache-2.0
// How a cost grows with a number: whether it does at all, as which power, and what each one more costs. Pure.
import { studentT95 } from "../analysis/statistics.ts";
import { median } from "../util/median.ts";
import type { Metric } from "./metrics/metric.ts";
import { backendsOf, medianInterval95 } from "./result.ts";
import type { Measurement } from "./rounds.ts";

/** The costs at one number, one for each round, in the same order of rounds at every point. */
export interface GrowthPoint {
  x: number;
  costs: readonly number[];
}

/** cost(x) = base + slope * (x^exponent - 1) / exponent; with exponent 0 that is base + slope * ln x. */
export interface Curve {
  base: number;
  slope: number;
  exponent: number;
}

export interface Growth {
  trend: "none" | "grows" | "falls";
  /** Probability of so clear an order by chance alone, both sides: the better of two exact tests, doubled. */
  p: number;
  /** The last point's cost as a multiple of the first one's: median of the rounds. */
  factor: number;
  factorInterval95: [low: number, high: number] | null;
  /** Of what is added to the cost at 1; null where there is no trend. */
  exponent: number | null;
  /** null: there is no trend, or more values than points to fit are needed. Ends of the search (0 and 3) are ends of the interval. */
  exponentInterval95: [low: number, high: number] | null;
  /** null where there is no trend. */
  curve: Curve | null;
  /** What each one more costs; null where the interval leaves straight lines out. */
  linear: { base: number; each: number } | null;
}

/** Many curves are looked at together: one in twenty would find growth too often where there is none. */
const ALPHA = 0.01;
const STEPS = 300;
const MOST_EXPONENT = 3;
/** All orders of more points take long to go through. */
export const MOST_POINTS = 10;

/**
 * null below three points. Rounds first lose what made all of their costs higher or lower alike, so that a machine that was slow
 * for a while bends no curve. Then two exact tests say whether costs rise (or fall) with x: Page's for the order of all, and one for
 * the last alone, where numbers that grow tenfold show a linear cost first. Only if so a curve is fitted, by least squares of relative errors. Its family holds logarithms (exponent 0), straight lines (1) and powers, each above a fixed part, which
 * a mere slope in log-log axes would mistake for slow growth. The exponent's interval is the profile's: those with which the best curve
 * is not significantly worse (F-test, 95 %).
 */
export function growthOf(points: readonly GrowthPoint[]): Growth | null {
  const rounds = Math.min(...points.map(({ costs }) => costs.length));
  if (points.length < 3 || points.length > MOST_POINTS || rounds < 1) return null;
  const sorted = [...points].sort((a, b) => a.x - b.x);
  const xs = sorted.map(({ x }) => x);
  const table = Array.from({ length: rounds }, (_, r) => sorted.map(({ costs }) => costs[r] ?? Number.NaN));
  const factors = table.map((row) => (row.at(-1) ?? Number.NaN) / (row[0] ?? Number.NaN));
  const tests = [xs.map((_, j) => j + 1), xs.map((_, j) => Number(j === xs.length - 1))].map((w) =>
    orderTest(table, w),
  );
  const rising = Math.min(...tests.map((test) => test.rising));
  const falling = Math.min(...tests.map((test) => test.falling));
  const p = Math.min(1, 2 * tests.length * Math.min(rising, falling));
  const common = { p, factor: median(factors), factorInterval95: medianInterval95(factors) };
  if (p > ALPHA)
    return { ...common, trend: "none", exponent: null, exponentInterval95: null, curve: null, linear: null };
  const trend = rising < falling ? ("grows" as const) : ("falls" as const);
  const cells = alignRounds(table).flatMap((row) => row.map((y, j) => ({ x: xs[j] ?? 1, y })));
  const middles = new Map(xs.map((x) => [x, median(cells.filter((cell) => cell.x === x).map(({ y }) => y))]));
  const weighted = cells.map((cell) => ({ ...cell, weight: 1 / (middles.get(cell.x) ?? 1) ** 2 }));
  const exponentAt = (i: number) => (MOST_EXPONENT * Math.min(STEPS, Math.max(0, i))) / STEPS;
  const fits = Array.from({ length: STEPS + 1 }, (_, i) => fitAt(exponentAt(i), weighted));
  const best = fits.reduce((a, b) => (b.error < a.error ? b : a));
  const freedom = cells.length - 3 - (rounds - 1);
  const most = freedom < 1 ? Number.POSITIVE_INFINITY : best.error * (1 + studentT95(freedom) ** 2 / freedom);
  const near = fits.flatMap(({ error }, i) => (error <= most ? [i] : []));
  // The limits lie between two steps of the search: the outer ones count.
  const interval: [number, number] = [exponentAt(Math.min(...near) - 1), exponentAt(Math.max(...near) + 1)];
  const line = fitAt(1, weighted).curve;
  return {
    ...common,
    trend,
    exponent: best.curve.exponent,
    exponentInterval95: freedom < 1 ? null : interval,
    curve: best.curve,
    linear: interval[0] <= 1 && interval[1] >= 1 ? { base: line.base - line.slope, each: line.slope } : null,
  };
}

export interface GrowthRow extends Growth {
  backend: string;
  metric: string;
  /** Of the cost: that of a rate (1/s) is its time, in µs. */
  unit: string;
}

/** How each metric's cost grows with what is swept; points that have no value in some round are left out. Nothing below three points. */
export function growthsOf(measurements: readonly Measurement[], metrics: readonly Metric[]): GrowthRow[] {
  return metrics.flatMap(({ name: metric, unit, higherIsBetter }) =>
    backendsOf(measurements).flatMap((backend) => {
      const own = measurements.filter((m) => m.backend === backend && m.metric === metric);
      const rounds = [...new Set(own.map(({ round }) => round))].sort((a, b) => a - b);
      const points = [...new Set(own.map(({ at }) => at))].flatMap((at) => {
        const values = rounds.map((round) => own.find((m) => m.at === at && m.round === round)?.value);
        const costs = values.flatMap((value) =>
          value === undefined || value <= 0 ? [] : higherIsBetter ? 1e6 / value : value,
        );
        return at === null || costs.length < rounds.length ? [] : [{ x: at, costs }];
      });
      const growth = growthOf(points);
      return growth ? [{ backend, metric, unit: higherIsBetter ? "µs" : unit, ...growth }] : [];
    }),
  );
}

export function costAt({ base, slope, exponent }: Curve, x: number): number {
  return base + slope * basis(x, exponent);
}

const basis = (x: number, exponent: number) => (exponent < 1e-9 ? Math.log(x) : (x ** exponent - 1) / exponent);

/** Each row over its factor: the geometric mean of the row, as a multiple of that of all. */
function alignRounds(table: readonly (readonly number[])[]): number[][] {
  const logs = table.map((row) => row.reduce((sum, y) => sum + Math.log(y), 0) / row.length);
  const middle = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  return table.map((row, r) => row.map((y) => y / Math.exp((logs[r] ?? middle) - middle)));
}

/** Least squares with the fixed part at 1 not below 0. */
function fitAt(
  exponent: number,
  cells: readonly { x: number; y: number; weight: number }[],
): { curve: Curve; error: number } {
  let [w, wf, wff, wy, wfy] = [0, 0, 0, 0, 0];
  for (const { x, y, weight } of cells) {
    const f = basis(x, exponent);
    w += weight;
    wf += weight * f;
    wff += weight * f * f;
    wy += weight * y;
    wfy += weight * f * y;
  }
  const slope = (w * wfy - wf * wy) / (w * wff - wf * wf);
  const base = (wy - slope * wf) / w;
  const curve = base >= 0 ? { base, slope, exponent } : { base: 0, slope: wfy / wff, exponent };
  return { curve, error: cells.reduce((sum, { x, y, weight }) => sum + weight * (y - costAt(curve, x)) ** 2, 0) };
}

/**
 * The probabilities that ranks within the rounds rise with the columns' weights as clearly as here, or more so, when every order is
 * equally likely; and that they fall so. With weights 1, 2, 3 .. it is Page's test for ordered alternatives.
 */
function orderTest(
  table: readonly (readonly number[])[],
  weights: readonly number[],
): { rising: number; falling: number } {
  const scoreOf = (row: readonly number[]) => ranks(row).reduce((all, rank, j) => all + (weights[j] ?? 0) * rank, 0);
  const seen = table.reduce((sum, row) => sum + scoreOf(row), 0);
  const one = scoresOf(weights);
  let all = new Map([[0, 1]]);
  for (const _ of table) {
    const next = new Map<number, number>();
    for (const [a, p] of all) for (const [b, q] of one) next.set(a + b, (next.get(a + b) ?? 0) + p * q);
    all = next;
  }
  // A tie makes halves, which no order without ties has: the next one towards the middle counts.
  const upper = Math.floor(seen);
  const lower = Math.ceil(seen);
  let [rising, falling] = [0, 0];
  for (const [score, p] of all) {
    if (score >= upper) rising += p;
    if (score <= lower) falling += p;
  }
  return { rising, falling };
}

/** Ties share the mean of their ranks. */
function ranks(row: readonly number[]): number[] {
  return row.map((y) => {
    const [below, same] = [row.filter((other) => other < y).length, row.filter((other) => other === y).length];
    return below + (same + 1) / 2;
  });
}

/** How likely each sum of weight times rank is, over all orders of the columns. */
function scoresOf(weights: readonly number[]): Map<number, number> {
  const columns = weights.length;
  // By the set of ranks that the first columns have, as bits: the sums that they can have, and in how many orders.
  const states = Array.from({ length: 1 << columns }, () => new Map<number, number>());
  states[0]?.set(0, 1);
  for (const [used, sums] of states.entries()) {
    const ranksLeft = Array.from({ length: columns }, (_, rank) => rank).filter((rank) => ((used >> rank) & 1) === 0);
    const weight = weights[columns - ranksLeft.length] ?? 0;
    for (const rank of ranksLeft) {
      const into = states[used | (1 << rank)];
      for (const [sum, orders] of sums) {
        const score = sum + weight * (rank + 1);
        into?.set(score, (into.get(score) ?? 0) + orders);
      }
    }
  }
  const scores = [...(states.at(-1) ?? [])];
  const total = scores.reduce((sum, [, orders]) => sum + orders, 0);
  return new Map(scores.map(([sum, orders]) => [sum, orders / total]));
}
