// SPDX-License-Identifier: Apache-2.0
// First connections that were not there when the first event came: which of them the lab itself held up, and how some fared.
import { plural, was } from "../util/numbers.ts";
import { busyDuring } from "./calm.ts";
import { firstInTime } from "./counts.ts";
import type { AnalysisModule, Evidence } from "./part.ts";
import { pathOf } from "./path-mtu.ts";
import type { Row } from "./rows.ts";

/** So many are told of. */
const MOST_TOLD = 3;
/** TCP sends a SYN again after so long without an answer (RFC 6298, 2). */
const SYN_AGAIN_NS = 1e9;

export interface LateConnections {
  /** Of them, the lab's own: it began them too late, its kernels dropped their packets, or they came while it had no CPU to spare. */
  byLab: number;
  /** One sentence each, of the first ones: the lab's, and the others. */
  labs: readonly string[];
  others: readonly string[];
}

export const late: AnalysisModule = ({ timeline, events, explainer }) => {
  const isInTime = firstInTime(timeline, pathOf(events));
  const firstT = timeline.scales[0]?.requestedT ?? Number.POSITIVE_INFINITY;
  const isBusy = busyDuring(timeline, events);
  /** One that waited for a SYN to be sent again, or that never came, is no matter of CPUs. */
  const isHeldUp = ({ startT, establishedT }: Row) =>
    establishedT !== null && establishedT - startT < SYN_AGAIN_NS && isBusy({ fromT: startT, toT: establishedT });
  const [labs, others]: [string[], string[]] = [[], []];
  let byLab = 0;
  return {
    row(row) {
      if (row.recorded.generation > 0 || isInTime(row)) return;
      const late = explainer.lateOf(row, firstT);
      const isLabs = late.isLabs || isHeldUp(row);
      if (isLabs) byLab++;
      const told = isLabs ? labs : others;
      if (told.length < MOST_TOLD) told.push(late.tell());
    },
    part: () => ({ evidence: { late: { byLab, labs, others } } }),
  };
};

/** Why nothing can be said of the balancer; empty: there is no such reason. */
export function lateGaps({ late: { byLab, labs } }: Pick<Evidence, "late">): string[] {
  if (byLab === 0) return [];
  const what = `${plural(byLab, "connection")} ${was(byLab)} not established in time because of the lab: the first packet left less than 0.1 s before the first event, a kernel had no room for a packet, or programs waited for a CPU meanwhile.`;
  return [[what, ...labs].join(" ")];
}
