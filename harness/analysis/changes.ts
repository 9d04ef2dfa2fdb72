// SPDX-License-Identifier: Apache-2.0
// What an event changes for the connections that live through it.
import type { Change } from "../oracle/loss.ts";
import type { Oracle } from "../oracle/oracle.ts";
import type { ScaleKind } from "../record/schema.ts";
import type { Timeline } from "./timeline.ts";

const LEAVING: Partial<Record<ScaleKind, ScaleKind>> = {
  scale_out: "scale_in",
  router_in: "router_out",
  failure_end: "failure",
};

/**
 * When targets or routers return, connections from before they left were never theirs, or are lost already: only those opened
 * since then have to make room. For every other event all connections count.
 */
export function movableSince({ scales }: Timeline, i: number): number {
  const event = scales[i];
  const leaving = event && LEAVING[event.action];
  const left = scales
    .slice(0, i)
    .filter((s) => s.action === leaving && s.machines.some((m) => event?.machines.includes(m)));
  return left.at(-1)?.requestedT ?? 0;
}

/** null without an oracle. */
export function changeAt({ scales, stages, reroutedShares }: Timeline, i: number): Change | null {
  const [scale, before, after] = [scales[i], stages[i], stages[i + 1]];
  if (!scale || !before?.oracle || !after?.oracle) return null;
  return {
    action: scale.action,
    before: before.oracle,
    after: after.oracle,
    activeBefore: before.indices,
    activeAfter: after.indices,
    reroutedShare: reroutedShares[i] ?? 0,
  };
}

/** What was in force from `establishedT` until event i. */
export function livedThrough({ stages }: Timeline, establishedT: number, i: number): Oracle[] {
  const first = stages.findLastIndex((stage, k) => k === 0 || stage.requestedT <= establishedT);
  return stages.slice(Math.min(first, i), i + 1).flatMap(({ oracle }) => oracle ?? []);
}
