// How long clients were without service: from the order of an event until the last connection that ended by it was open again.
import type { Connection } from "../record/schema.ts";
import type { Timeline } from "./timeline.ts";

/**
 * For each event, milliseconds from when it was asked for until every connection that was lost before the next event was
 * established anew; 0 when none was lost, null when one never came back while the traffic lasted.
 */
export function recoveryMs({ scales, streams, endT }: Timeline, connections: Iterable<Connection>): (number | null)[] {
  const lost: { event: number; key: string; endT: number }[] = [];
  const opened = new Map<string, number[]>();
  for (const c of connections) {
    const start = streams.get(c.stream);
    if (!start || c.establishedUs === null) continue;
    const at = (us: number) => start.t + us * 1000;
    const key = `${c.stream} ${c.id}`;
    if (c.generation > 0) opened.set(key, [...(opened.get(key) ?? []), at(c.establishedUs)]);
    const event = scales.findLastIndex((scale) => scale.askedT <= at(c.endUs));
    if (c.cause !== "none" && event >= 0) lost.push({ event, key, endT: at(c.endUs) });
  }
  const until = scales.map((scale) => scale.askedT);
  for (const { event, key, endT: since } of lost) {
    const again = Math.min(...(opened.get(key) ?? []).filter((t) => t >= since));
    // What is lost in the last second has no time to come back.
    if (again === Number.POSITIVE_INFINITY && endT - since < 1e9) continue;
    until[event] = Math.max(until[event] ?? 0, again);
  }
  return scales.map((scale, i) => {
    const ms = ((until[i] ?? 0) - scale.askedT) / 1e6;
    return Number.isFinite(ms) ? ms : null;
  });
}
