// SPDX-License-Identifier: Apache-2.0
// Two records of one plan, connection by connection: which target each got, and which change it was lost at.
import { rowReader } from "../analysis/rows.ts";
import { buildTimeline, type Timeline } from "../analysis/timeline.ts";
import type { WholeRecord } from "../record/read.ts";

interface FateDifference {
  /** "ipv4 17.0": stream, number and generation. */
  connection: string;
  /** "vm-003, lost at event 2"; null: the record has no such connection. */
  here: string | null;
  there: string | null;
}

export interface FateComparison {
  equal: number;
  differences: FateDifference[];
  /** Of those that come and go by a plan, the ones that differ and did so within a change: in a lab a change takes a while. */
  undecided: number;
}

/** So late a generator may send a last message. */
const LATE_NS = 50e6;

/** Connections that both have, and those that fare otherwise in one of them. Throws where a record has no traffic. */
export function compareFates(here: WholeRecord, there: WholeRecord): FateComparison {
  const timelines = [here, there].map(timelineOf) as [Timeline, Timeline];
  const spans = changesOf(timelines);
  const [own, other] = [fatesOf(here, timelines[0]), fatesOf(there, timelines[1])];
  const found: FateComparison = { equal: 0, differences: [], undecided: 0 };
  for (const connection of new Set([...own.keys(), ...other.keys()])) {
    const [a, b] = [own.get(connection), other.get(connection)];
    if (a?.text === b?.text) found.equal++;
    else if (a && b && isWithin(a, b, spans)) found.undecided++;
    else found.differences.push({ connection, here: a?.text ?? null, there: b?.text ?? null });
  }
  return found;
}

function timelineOf({ run, events, connections }: WholeRecord): Timeline {
  const timeline = buildTimeline(events, run.targets, run.routers, connections);
  if (timeline) return timeline;
  throw new Error(`Record '${run.id}' has no traffic.`);
}

/** Nanoseconds since the start of the traffic. */
interface Span {
  from: number;
  to: number;
}

/** From when a change was asked for in either record until it was in force in both. */
function changesOf(timelines: readonly Timeline[]): Span[] {
  const [first] = timelines;
  return (first?.scales ?? []).map((_, i) => {
    const all = timelines.flatMap(({ scales, t0 }) => {
      const scale = scales[i];
      return scale ? [{ from: scale.requestedT - t0, to: scale.effectiveT - t0 }] : [];
    });
    return { from: Math.min(...all.map(({ from }) => from)), to: Math.max(...all.map(({ to }) => to)) };
  });
}

/** Times are nanoseconds since the start of the traffic. */
interface Fate {
  text: string;
  start: number;
  opened: number;
  /** null: it lived on, was lost, or is one of those that last. */
  ended: number | null;
  isOpen: boolean;
}

function fatesOf({ connections }: WholeRecord, timeline: Timeline): Map<string, Fate> {
  const { t0 } = timeline;
  const read = rowReader(timeline);
  const fates = new Map<string, Fate>();
  for (const recorded of connections) {
    const row = read(recorded);
    if (!row) continue;
    const { stream, id, generation, target, cause } = recorded;
    const lost = row.establishedT === null ? "never established" : lossText(row.lossEvent);
    fates.set(`${stream} ${id}.${generation}`, {
      text: `${target}, ${lost}`,
      start: row.startT - t0,
      opened: (row.establishedT ?? row.endT) - t0,
      ended: cause === "none" ? row.endT - t0 : null,
      isOpen: row.stream.open !== undefined,
    });
  }
  return fates;
}

/** Whether a connection of a plan came or went within a change, in either record or between the two: a busy generator is late. */
function isWithin(a: Fate, b: Fate, spans: readonly Span[]): boolean {
  const meets = (first: number, last: number) =>
    spans.some(({ from, to }) => first <= to + LATE_NS && last >= from - LATE_NS);
  const ended = a.ended ?? b.ended;
  return (
    a.isOpen &&
    b.isOpen &&
    (meets(Math.min(a.start, b.start), Math.max(a.opened, b.opened)) || (ended !== null && meets(ended, ended)))
  );
}

const lossText = (event: number | "outside" | "forgotten" | null) =>
  event === null ? "kept" : typeof event === "number" ? `lost at event ${event + 1}` : `lost: ${event}`;
