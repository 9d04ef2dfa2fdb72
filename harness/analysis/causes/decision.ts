// SPDX-License-Identifier: Apache-2.0
// What the balancer had to decide about a connection, before and after the event at which it was lost.
import { pickOf } from "../predict.ts";
import type { Loss, RunFacts } from "./define.ts";

/** Where a new packet of the connection would go by the oracle. */
export interface Decision {
  /** Number of the table, from 1: each event makes a new one. */
  table: number;
  /** null: nobody can know it, or there is none. */
  target: string | null;
  /** "slot 17 of 997"; null: the strategy has no table. */
  slot: string | null;
}

/** Of a loss outside the events both are the same. */
export interface Decisions {
  before: Decision;
  after: Decision;
}

/** null: no oracle. */
export function decisionsOf({ row, event, index }: Loss, { timeline, targets }: RunFacts): Decisions | null {
  if (!timeline.deployed.oracle) return null;
  const { stages } = row.view;
  const decision = (i: number): Decision => ({
    table: i + 1,
    target: pickOf(stages[i], row.hash, targets),
    slot: stages[i]?.oracle?.slot?.(row.hash) ?? null,
  });
  if (event) return { before: decision(index), after: decision(index + 1) };
  const now = decision(stages.findLastIndex(({ requestedT }, i) => i === 0 || requestedT <= row.lossT));
  return { before: now, after: now };
}

/** "slot 17 of 997 moved from vm-001 to vm-004"; null: nobody knows of a move. */
export function moveText(loss: Loss, run: RunFacts): string | null {
  const decisions = decisionsOf(loss, run);
  const { before, after } = decisions ?? {};
  if (!before?.target || !after?.target || before.target === after.target) return null;
  const what = before.slot !== null && before.slot === after.slot ? `its ${before.slot}` : "its hash";
  return `${what} moved from ${before.target} to ${after.target}`;
}
