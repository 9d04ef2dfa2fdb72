// SPDX-License-Identifier: Apache-2.0
// Weights and priorities of targets, which several strategies have.
import { z } from "zod";

/** Parts of a schema; by target index. */
export const pools = {
  /** Absent: all 1. */
  weights: z.array(z.number().nonnegative()).readonly().optional(),
  /** Only active targets of the lowest number get new flows. */
  priorities: z.array(z.number()).readonly().optional(),
};

export interface Pools {
  weights?: readonly number[] | undefined;
  priorities?: readonly number[] | undefined;
}

export const weightsOf =
  ({ weights }: Pools): ((index: number) => number) =>
  (index) =>
    weights?.[index] ?? 1;

/** The targets of the best priority that has an active one. */
export function bestPool({ priorities }: Pools, active: readonly number[]): readonly number[] {
  if (!priorities) return active;
  const best = Math.min(...active.map((index) => priorities[index] ?? 1));
  return active.filter((index) => (priorities[index] ?? 1) === best);
}

export function sharesByWeight(active: readonly number[], weight: (index: number) => number): Map<number, number> {
  const total = active.reduce((sum, index) => sum + weight(index), 0);
  return new Map(active.map((index) => [index, weight(index) / total]));
}
