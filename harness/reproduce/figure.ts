// SPDX-License-Identifier: Apache-2.0
// A published figure, and the same made again, by simulation and in a lab.
import { studentT95 } from "../analysis/statistics.ts";
import type { Summary } from "../record/schema.ts";

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
  differs?: Difference;
  simulate: () => Simulation;
  /** What makes it again in a lab; or a sentence: why none does. */
  lab: LabRun | string;
}

/** A difference that is known. */
interface Difference {
  /** What is different there, in a sentence. */
  why: string;
  /** Where a value made here has to lie for that sentence to explain it. */
  here: readonly [low: number, high: number];
}

/** A case of the lab, by the words of `test`. */
export interface LabCase {
  backend: string;
  /** A name, or a file below scenarios/. */
  scenario: string;
  options: Readonly<Record<string, string | number>>;
  set?: readonly string[];
  /** In a guest in virtual time: for what this machine's kernel may lack. */
  isGuest?: true;
}

export interface LabRun {
  /** Why a lab differs; absent: as the simulation does. */
  differs?: Difference;
  cases: readonly LabCase[];
  /** Summaries of the cases, in their order. */
  of: (summaries: readonly Summary[]) => Simulation;
}

export const casesOf = ({ lab }: Pick<Figure, "lab">): readonly LabCase[] => (typeof lab === "string" ? [] : lab.cases);

/** A value with the interval that it lies in by chance (95 %); both ends alike where nothing is left to chance. */
export interface Simulation {
  value: number;
  interval: readonly [low: number, high: number];
}

export interface Outcome extends Simulation {
  /** null: there is nothing to compare with. */
  passed: boolean | null;
  /** The published figure lies outside, by what is known to be different. */
  isExplained: boolean;
  sentence: string;
}

export interface Reproduced extends Pick<Figure, "name" | "what" | "source" | "unit" | "paper"> {
  /** null: it is measured only. */
  simulated: Outcome | null;
  /** null: nobody asked for a lab. */
  real: Outcome | { skipped: string } | { none: string } | null;
}

export const factsOf = ({ name, what, source, unit, paper }: Figure): Omit<Reproduced, "simulated" | "real"> => ({
  name,
  what,
  source,
  unit,
  paper,
});

export type Judged = Pick<Figure, "unit" | "paper" | "differs">;

/** Printed figures are rounded: half of the last digit is no difference. */
export function judge({ unit, paper, differs }: Judged, { value, interval }: Simulation): Outcome {
  const [low, high] = interval;
  if (paper === null) return { value, interval, passed: null, isExplained: false, sentence: "" };
  const rounding = 0.5 * 10 ** -decimalsOf(paper);
  const passed = paper >= low - rounding && paper <= high + rounding;
  const text = (n: number) => `${Number(n.toFixed(2))} ${unit}`;
  const isExplained = !passed && differs !== undefined && value >= differs.here[0] && value <= differs.here[1];
  const why = isExplained ? ` ${differs?.why}` : "";
  const sentence = passed
    ? `The published ${text(paper)} lie in the interval.`
    : `The published ${text(paper)} lie outside of ${text(low)} to ${text(high)}: by ${text(paper < low ? low - paper : paper - high)}.${why}`;
  return { value, interval, passed, isExplained, sentence };
}

const decimalsOf = (n: number) => String(n).split(".")[1]?.length ?? 0;

/** A published figure lies outside, and no sentence says why. */
export const isUnexplained = ({ simulated, real }: Pick<Reproduced, "simulated" | "real">): boolean =>
  [simulated, real].some((one) => one !== null && "passed" in one && one.passed === false && !one.isExplained);

/** Mean of several seeds, and where further seeds lie: the paper had others. */
export function overSeeds(seeds: number, of: (seed: number) => number): Simulation {
  const values = Array.from({ length: seeds }, (_, i) => of(i + 1));
  const value = values.reduce((sum, x) => sum + x, 0) / seeds;
  const variance = values.reduce((sum, x) => sum + (x - value) ** 2, 0) / (seeds - 1);
  const half = studentT95(seeds - 1) * Math.sqrt(variance * (1 + 1 / seeds));
  return { value, interval: [value - half, value + half] };
}
