// SPDX-License-Identifier: Apache-2.0
// Weights and priorities of targets, which several strategies have.
import { z } from "zod";

/** Parts of a schema; by target index. */
export const pools = {
  /** Absent: all 1. */
  weights: z.array(z.number().nonnegative()).readonly().optional(),
  /** Of all targets, 1 the best. */
  priorities: z.array(z.number()).readonly().optional(),
  /**
   * Which of them get new flows. "best", the default: those of the best priority with an active target. "nftlb": all up to
   * priority 1 + number of better targets that are not active (nftlb 1.1.0, backend_s_gen_priority).
   */
  standby: z.enum(["best", "nftlb"]).optional(),
  /** Targets that are never active, whatever else is. */
  down: z.array(z.number()).readonly().optional(),
};

export interface Pools {
  weights?: readonly number[] | undefined;
  priorities?: readonly number[] | undefined;
  standby?: "best" | "nftlb" | undefined;
  down?: readonly number[] | undefined;
}

export const weightsOf =
  ({ weights }: Pools): ((index: number) => number) =>
  (index) =>
    weights?.[index] ?? 1;

/** The active targets that get new flows; none where no priority in use has an active target. */
export function poolInUse({ priorities, standby, down }: Pools, all: readonly number[]): readonly number[] {
  const active = down ? all.filter((index) => !down.includes(index)) : all;
  if (!priorities) return active;
  const priority = (index: number) => priorities[index] ?? 1;
  if (standby === "nftlb") {
    const last = lastPriority(priorities, new Set(active));
    return active.filter((index) => priority(index) <= last);
  }
  const best = Math.min(...active.map(priority));
  return active.filter((index) => priority(index) === best);
}

/** Each target that is not active lets in one priority more, as long as its own is in. */
function lastPriority(priorities: readonly number[], active: ReadonlySet<number>): number {
  const counts = new Map<number, number>();
  for (const [index, priority] of priorities.entries())
    if (!active.has(index)) counts.set(priority, (counts.get(priority) ?? 0) + 1);
  let last = 1;
  while (counts.has(last)) last += counts.get(last) ?? 0;
  return last;
}

export function sharesByWeight(active: readonly number[], weight: (index: number) => number): Map<number, number> {
  const total = active.reduce((sum, index) => sum + weight(index), 0);
  return new Map(active.map((index) => [index, weight(index) / total]));
}
