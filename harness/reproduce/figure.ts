// SPDX-License-Identifier: Apache-2.0
// A published figure, and the same made again, by simulation or in a lab.
import { studentT95 } from "../analysis/statistics.ts";

export interface Figure {
  /** "maglev-changes": figures of one name are made again together. */
  name: string;
  /** What was measured, with its set-up. */
  what: string;
  /** Where it was published. */
  source: string;
  unit: string;
  /** null: nothing that could be compared was published. */
  paper: number | null;
  /** Where the published figure lies outside: what is different there. */
  remark?: string;
  simulate: () => Simulation;
}

/** A value with the interval that it lies in by chance (95 %); both ends alike where nothing is left to chance. */
export interface Simulation {
  value: number;
  interval: readonly [low: number, high: number];
}

export interface Reproduced extends Omit<Figure, "simulate">, Simulation {
  /** null: there is nothing to compare with. */
  passed: boolean | null;
  sentence: string;
}

/** Printed figures are rounded: half of the last digit is no difference. */
export function reproduce({ simulate, ...figure }: Figure): Reproduced {
  const { value, interval } = simulate();
  const [low, high] = interval;
  if (figure.paper === null) return { ...figure, value, interval, passed: null, sentence: "" };
  const rounding = 0.5 * 10 ** -decimalsOf(figure.paper);
  const passed = figure.paper >= low - rounding && figure.paper <= high + rounding;
  const text = (n: number) => `${Number(n.toFixed(2))} ${figure.unit}`;
  const why = figure.remark === undefined ? "" : ` ${figure.remark}`;
  const sentence = passed
    ? `The published ${text(figure.paper)} lie in the interval.`
    : `The published ${text(figure.paper)} lie outside of ${text(low)} to ${text(high)}: by ${text(figure.paper < low ? low - figure.paper : figure.paper - high)}.${why}`;
  return { ...figure, value, interval, passed, sentence };
}

const decimalsOf = (n: number) => String(n).split(".")[1]?.length ?? 0;

/** Mean of several seeds, and where further seeds lie: the paper had others. */
export function overSeeds(seeds: number, of: (seed: number) => number): Simulation {
  const values = Array.from({ length: seeds }, (_, i) => of(i + 1));
  const value = values.reduce((sum, x) => sum + x, 0) / seeds;
  const variance = values.reduce((sum, x) => sum + (x - value) ** 2, 0) / (seeds - 1);
  const half = studentT95(seeds - 1) * Math.sqrt(variance * (1 + 1 / seeds));
  return { value, interval: [value - half, value + half] };
}
