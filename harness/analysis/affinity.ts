// SPDX-License-Identifier: Apache-2.0
// Whether sources that come back get the target that they had, for as long as the strategy says, and no longer.
import { affinityS } from "../oracle/affinity.ts";
import type { AffinitySummary } from "../record/schema.ts";
import type { AnalysisModule } from "./part.ts";
import type { Row } from "./rows.ts";
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

/** Contributes nothing where the traffic makes no visits. */
export const affinity: AnalysisModule = ({ timeline }) => {
  if (![...timeline.streams.values()].some(({ visit, sameTuple }) => visit !== undefined && !sameTuple))
    return { part: () => ({}) };
  const sources = new Map<string, Visit[]>();
  return {
    row(row) {
      const { stream, recorded } = row;
      if (stream.visit === undefined) return;
      const key = `${stream.family}/${recorded.srcOffset}`;
      const limitNs = affinityS(timeline.deployed.oracle, stream.family) * 1e9;
      sources.set(key, [...(sources.get(key) ?? []), visitOf(row, stream.visit, limitNs)]);
    },
    part: () => ({ summary: { affinity: judgeVisits(timeline, sources) } }),
  };
};

function visitOf({ recorded, startT, establishedT, endT }: Row, number: number, limitNs: number): Visit {
  const target = establishedT === null ? null : recorded.target;
  return { number, startT, answeredT: establishedT ?? endT, target, limitNs };
}

/** What two visits of a source, one after the other, have to say. */
type Judged = { when: "unjudged" } | { when: "inTime" | "late"; moved: boolean };

function judgeVisit(before: Visit, visit: Visit): Judged {
  const [least, most] = [visit.startT - before.answeredT, visit.answeredT - before.startT];
  if (visit.target === null || before.target === null) return { when: "unjudged" };
  const moved = visit.target !== before.target;
  if (most < visit.limitNs - TICK_NS) return { when: "inTime", moved };
  return least > visit.limitNs + TICK_NS ? { when: "late", moved } : { when: "unjudged" };
}

function judgeVisits({ stages, shares }: Timeline, sources: ReadonlyMap<string, Visit[]>): AffinitySummary {
  const equal = 1 / Math.max(1, stages[0]?.active.size ?? 0);
  const inTime = { visits: 0, moved: 0 };
  const late = { visits: 0, moved: 0, expected: 0, interval: [0, 0] as [number, number] };
  let [unjudged, variance] = [0, 0];
  for (const visits of sources.values()) {
    visits.sort((a, b) => a.number - b.number);
    for (const [i, visit] of visits.entries()) {
      const before = visits[i - 1];
      if (!before) continue;
      const judged = judgeVisit(before, visit);
      if (judged.when === "unjudged") {
        unjudged++;
        continue;
      }
      const count = judged.when === "late" ? late : inTime;
      count.visits++;
      count.moved += Number(judged.moved);
      if (judged.when === "inTime") continue;
      const stays = shares ? (shares.get(before.target ?? "") ?? 0) : equal;
      late.expected += 1 - stays;
      variance += stays * (1 - stays);
    }
  }
  late.interval = chanceInterval(late.expected, late.expected, variance, late.visits);
  return { sources: sources.size, inTime, late, unjudged };
}
