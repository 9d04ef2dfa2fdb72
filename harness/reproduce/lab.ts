// SPDX-License-Identifier: Apache-2.0
// Figures that a lab makes again: which cases, and what of their summaries.
import { wilson95 } from "../analysis/statistics.ts";
import type { Summary } from "../record/schema.ts";
import type { LabCase, LabRun, Simulation } from "./figure.ts";

/** Why there is no lab of a figure. */
export const OF_A_TABLE = "What was published counts entries or keys of a table: no packet has a part in it.";

/** Percent of the connections alive at the first event that are lost at it. */
export const lostPercent = (one: LabCase): LabRun => ({ cases: [one], of: ([summary]) => lostOf(summary, 100) });

/** The same of as many connections as were published. `share`: of those alive chance puts so many in the event's way, and nobody counts them. */
export const lostOf = (summary: Pick<Summary, "events"> | undefined, of: number, share = 1): Simulation => {
  const { lost = 0, alive = 0 } = summary?.events[0] ?? {};
  const ofThose = (part: number) => of * Math.min(1, part / share);
  const [low, high] = wilson95(lost, alive);
  return { value: ofThose(lost / Math.max(1, alive)), interval: [ofThose(low), ofThose(high)] };
};

/** A change at 2 s, with a message of each connection every second. */
export const change = (connections: number, more: LabCase["options"] = {}): LabCase["options"] => ({
  connections,
  rate: connections,
  at: "2",
  duration: 5,
  ...more,
});
