// SPDX-License-Identifier: Apache-2.0
// What the backend says of its own stop, crash, reload and upgrade: what connections lose, and whether they are served meanwhile.

import type { Disruption, StreamStart } from "../record/schema.ts";
import { undoingOf } from "./changes.ts";
import type { Prediction } from "./predict.ts";
import type { Timeline } from "./timeline.ts";

/** So long before the order, and after it was carried out, a message may be on its way. */
const UNDER_WAY_NS = 5e6;

const SERVED: Disruption = { open: "served", fresh: "served" };

/** What event i costs; null: the backend does not say, or the event is of another kind. */
export function disruptionAt({ scales, deployed: { lifecycle } }: Pick<Timeline, "scales" | "deployed">, i: number) {
  const meaning = scales[i]?.meaning;
  if (meaning?.subject !== "balancer" || !lifecycle) return null;
  const { keeps: _, ...costs } = lifecycle;
  const cost = (costs as Partial<Record<string, Disruption>>)[meaning.kind];
  if (cost) return cost;
  // What starts it again costs what its end did: nothing more is lost, but for what is under way.
  if (meaning.undoes === undefined) return null;
  return costs.balancer_stop.edge ? { ...SERVED, edge: true as const } : SERVED;
}

export const certain = (probability: 0 | 1): Prediction => ({ probability, low: probability, high: probability });
export const OPEN_ENDED: Prediction = { probability: 0.5, low: 0, high: 1 };

/** Of a connection that is open when event i comes. */
export function lossInDisruption(
  timeline: Timeline,
  { open, edge }: Disruption,
  connection: Sender,
  i: number,
): Prediction {
  const { requestedT = 0, effectiveT = 0 } = timeline.scales[i] ?? {};
  if (open === "lost") return certain(1);
  if (open === "some_lost") return OPEN_ENDED;
  if (open === "reset") {
    const back = undoingOf(timeline, i);
    const [sureFrom, sureTo] = [effectiveT + UNDER_WAY_NS, (back?.requestedT ?? effectiveT) - UNDER_WAY_NS];
    if (sends(connection, sureFrom, sureTo)) return certain(1);
    const until = (back?.effectiveT ?? effectiveT) + UNDER_WAY_NS;
    return sends(connection, requestedT - UNDER_WAY_NS, until) ? OPEN_ENDED : certain(0);
  }
  const isUnderWay = edge && sends(connection, requestedT - UNDER_WAY_NS, effectiveT + UNDER_WAY_NS);
  return isUnderWay ? OPEN_ENDED : certain(0);
}

interface Sender {
  stream: StreamStart;
  startT: number;
}

/** Whether a message is due within the span. */
function sends({ stream, startT }: Sender, fromT: number, toT: number): boolean {
  const intervalNs = stream.intervalUs * 1000;
  if (toT < fromT || intervalNs === 0) return false;
  const next = startT + Math.max(0, Math.ceil((fromT - startT) / intervalNs)) * intervalNs;
  return next <= toT;
}
