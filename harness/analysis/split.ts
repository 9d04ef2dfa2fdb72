// SPDX-License-Identifier: Apache-2.0
// Connections whose packets came to several targets before any event: their balancer chooses a target for each packet.
import type { Summary } from "../record/schema.ts";
import { count } from "../util/numbers.ts";
import type { Check } from "./failures.ts";
import type { AnalysisModule } from "./part.ts";

export const split: AnalysisModule = ({ timeline, events, explainer }) => {
  const firstT = timeline.scales[0]?.requestedT ?? Number.POSITIVE_INFINITY;
  // Of those that were never answered only their packets tell.
  const found = { ...(events.find((event) => event.kind === "tap")?.unanswered ?? { connections: 0, split: 0 }) };
  return {
    established(row) {
      if (row.recorded.generation > 0 || row.startT >= firstT) return;
      found.connections++;
      if (row.lossEvent !== "outside" || row.lossT >= firstT) return;
      if (row.recorded.movedTo !== null || explainer.targetsMet(row, firstT) > 1) found.split++;
    },
    part: () => (found.split > 0 ? { summary: { split: found } } : {}),
  };
};

export function splitFailures({ split: found }: Pick<Summary, "split">): Check[] {
  if (!found) return [];
  const text = `Before any event connections split over targets, ${count(found.split)} of ${count(found.connections)}: packets of one connection came to several.`;
  return [[true, text]];
}
