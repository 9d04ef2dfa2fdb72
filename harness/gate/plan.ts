// SPDX-License-Identifier: Apache-2.0
// How much has to be measured to see an effect: the power of the gate's own tests.

import { binomialUpperP, normalQuantile } from "../analysis/statistics.ts";
import { UsageError } from "../util/errors.ts";
import { fewestRepeats } from "./ratio.ts";

export interface PlanQuestion {
  /** Loss above the expected one, in percent of the connections, that must be found. */
  effectPercent: number;
  /** Expected loss in percent; 0 where the oracle knows every connection. */
  basePercent: number;
  alpha: number;
  power: number;
  /** Connections of one run. */
  connections: number;
}

export interface PlanAnswer {
  connections: number;
  repeats: number;
  /** Fewest losses at which the test alarms, with these connections. */
  alarmFrom: number;
  /** Probability that the effect is found. */
  power: number;
}

/** Smallest number of connections at which the exact binomial test finds the effect with this power, and as repeats of a run. */
export function planLoss({ effectPercent, basePercent, alpha, power, connections }: PlanQuestion): PlanAnswer {
  const p0 = basePercent / 100;
  const p1 = (basePercent + effectPercent) / 100;
  if (!(effectPercent > 0 && p1 < 1))
    throw new UsageError("--effect must be above 0, and with --base below 100 percent.");
  const seen = (n: number) => powerOf(n, p0, p1, alpha);
  let high = 1;
  while (seen(high).power < power) {
    high *= 2;
    if (high > 1e9) throw new UsageError("That needs more than 1,000 million connections.");
  }
  let low = high / 2;
  // Power rises in saw-teeth: the last number below it is what counts, within one in a thousand.
  while (high - low > Math.max(1, low / 1000)) {
    const middle = Math.floor((low + high) / 2);
    if (seen(middle).power < power) low = middle;
    else high = middle;
  }
  return { connections: high, repeats: Math.ceil(high / connections), ...seen(high) };
}

/** Of the one-sided exact binomial test of n connections: where it alarms, and how often when the true rate is p1. */
export function powerOf(n: number, p0: number, p1: number, alpha: number): { alarmFrom: number; power: number } {
  let [below, from] = [0, n + 1];
  while (from - below > 1) {
    const middle = Math.floor((below + from) / 2);
    if (binomialUpperP(middle, n, p0) <= alpha) from = middle;
    else below = middle;
  }
  return { alarmFrom: from, power: binomialUpperP(from, n, p1) };
}

/**
 * Repeats on each side to see a ratio of medians, when single repeats scatter by `cvPercent`: the normal approximation of Mann and
 * Whitney's test (efficiency 3 / pi), and never fewer than the exact test needs to alarm at all.
 */
export function planRepeats(ratioPercent: number, cvPercent: number, alpha: number, power: number): number {
  const z = normalQuantile(1 - alpha) + normalQuantile(power);
  const n = 2 * ((z * cvPercent) / ratioPercent) ** 2 * (Math.PI / 3);
  return Math.max(fewestRepeats(alpha), Math.ceil(n));
}
