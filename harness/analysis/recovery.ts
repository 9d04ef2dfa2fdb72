// SPDX-License-Identifier: Apache-2.0
// How long clients were without service: from the order of an event until the last connection that ended by it was open again.
import type { Connection } from "../record/schema.ts";
import type { Timeline } from "./timeline.ts";

/**
 * For each event, milliseconds from when it was asked for until every connection that was lost before the next event was
 * established anew; 0 when none was lost, null when one never came back while the traffic lasted. Rows of a connection come in the
 * order of its generations, as a record has them.
 */
export function recoveryMs({ scales, streams, endT }: Timeline, connections: Iterable<Connection>): (number | null)[] {
  const until = scales.map((scale) => scale.requestedT);
  const cameBack = (event: number, t: number) => {
    until[event] = Math.max(until[event] ?? 0, t);
  };
  /** By stream and number: what was lost and is not open again yet. */
  const missing = new Map(
    [...streams.keys()].map((name) => [name, new Map<number, { event: number; endT: number }>()]),
  );
  for (const c of connections) {
    const start = streams.get(c.stream);
    const lost = missing.get(c.stream);
    if (!start || !lost || c.establishedUs === null) continue;
    const before = lost.get(c.id);
    if (before) cameBack(before.event, start.t + c.establishedUs * 1000);
    if (before) lost.delete(c.id);
    if (c.cause === "none") continue;
    const ended = start.t + c.endUs * 1000;
    const event = scales.findLastIndex((scale) => scale.requestedT <= ended);
    if (event >= 0) lost.set(c.id, { event, endT: ended });
  }
  // What is lost in the last second has no time to come back.
  for (const lost of missing.values())
    for (const { event, endT: since } of lost.values())
      if (endT - since >= 1e9) cameBack(event, Number.POSITIVE_INFINITY);
  return scales.map((scale, i) => {
    const ms = ((until[i] ?? 0) - scale.requestedT) / 1e6;
    return Number.isFinite(ms) ? ms : null;
  });
}
