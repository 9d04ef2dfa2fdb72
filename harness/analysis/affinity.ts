// SPDX-License-Identifier: Apache-2.0
// Whether sources that come back get the target that they had, for as long as the strategy says, and no longer.
import { affinityS } from "../oracle/affinity.ts";
import type { AffinitySummary, Connection } from "../record/schema.ts";
import { chanceInterval } from "./statistics.ts";
import type { Timeline } from "./timeline.ts";

/** The kernel counts affinity in ticks. */
const TICK_NS = 20e6;

interface Visit {
  number: number;
  /** The router saw the connection's first packet between these. */
  startT: number;
  answeredT: number;
  target: string | null;
  limitNs: number;
}

/** null: this traffic makes no visits. */
export function judgeAffinity(timeline: Timeline, connections: Iterable<Connection>): AffinitySummary | null {
  if (![...timeline.streams.values()].some((stream) => stream.visit !== undefined)) return null;
  const sources = bySource(timeline, connections);
  const [stage] = timeline.stages;
  const inTime = { visits: 0, moved: 0 };
  const late = { visits: 0, moved: 0, expected: 0, interval: [0, 0] as [number, number] };
  let [unjudged, variance] = [0, 0];
  for (const visits of sources.values()) {
    visits.sort((a, b) => a.number - b.number);
    for (const [i, visit] of visits.entries()) {
      const before = visits[i - 1];
      if (!before) continue;
      const [least, most] = [visit.startT - before.answeredT, visit.answeredT - before.startT];
      const moved = Number(visit.target !== before.target);
      if (visit.target === null || before.target === null) unjudged++;
      else if (most < visit.limitNs - TICK_NS) {
        inTime.visits++;
        inTime.moved += moved;
      } else if (least > visit.limitNs + TICK_NS) {
        const stays = timeline.shares
          ? (timeline.shares.get(before.target) ?? 0)
          : 1 / Math.max(1, stage?.active.size ?? 0);
        late.visits++;
        late.moved += moved;
        late.expected += 1 - stays;
        variance += stays * (1 - stays);
      } else unjudged++;
    }
  }
  late.interval = chanceInterval(late.expected, late.expected, variance, late.visits);
  return { sources: sources.size, inTime, late, unjudged };
}

function bySource({ streams, deployed }: Timeline, connections: Iterable<Connection>): Map<string, Visit[]> {
  const sources = new Map<string, Visit[]>();
  for (const c of connections) {
    const stream = streams.get(c.stream);
    if (stream?.visit === undefined) continue;
    const at = (us: number) => stream.t + us * 1000;
    const key = `${stream.family}/${c.srcOffset}`;
    const visit = {
      number: stream.visit,
      startT: at(c.startUs),
      answeredT: at(c.establishedUs ?? c.endUs),
      target: c.establishedUs === null ? null : c.target,
      limitNs: affinityS(deployed.oracle, stream.family) * 1e9,
    };
    sources.set(key, [...(sources.get(key) ?? []), visit]);
  }
  return sources;
}
