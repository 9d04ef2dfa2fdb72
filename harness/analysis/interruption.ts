// SPDX-License-Identifier: Apache-2.0
// When connections were not served around an event: open ones by the messages whose answers were late or never came, new ones by the
// attempts that had to be made again or failed.
import { showsSilence } from "../events/meaning.ts";
import type { ByCause, Disruption, Event, Interruption, Silence, WithoutTargets } from "../record/schema.ts";
import { overT } from "./changes.ts";
import { disruptionAt } from "./disruption.ts";
import { mispredictedOf } from "./outage.ts";
import type { Row } from "./rows.ts";
import type { Timeline } from "./timeline.ts";

/** TCP sends a SYN again after a second: what took less was late, and lost no packet. A datagram is not sent again. */
const FIRST_SYN_NS = 950e6;
/** What lasts longer than an event, as the adoption of what it made, ends soon after it. */
const AFTER_NS = 100e6;

interface Span {
  fromT: number;
  toT: number;
}

interface Interrupted {
  /** An attempt to connect. */
  add(row: Row): void;
  summary(): Interruption;
}

/** By event; null: it is none that interrupts. */
export function interruptionsOf(timeline: Timeline, events: readonly Event[]): (Interrupted | null)[] {
  const missed = missedTimes(timeline, events);
  const spans = timeline.scales.map(({ meaning, requestedT }, i) =>
    showsSilence(meaning) && meaning.undoes === undefined
      ? { fromT: requestedT, toT: overT(timeline, i) + AFTER_NS }
      : null,
  );
  const before = missedBefore(timeline, missed);
  return spans.map(
    (span, i) => span && interrupted(timeline, span, { missed, before, expected: disruptionAt(timeline, i) }),
  );
}

/** Share of the messages that had no answer in time before anything happened: a machine that is late is late then too. */
function missedBefore({ t0, scales, streams }: Timeline, missed: Float64Array): number {
  const untilT = scales[0]?.requestedT ?? t0;
  const sent = (untilT - t0) * messagesPerNs(streams);
  return sent > 0 ? Math.min(1, missed.filter((t) => t < untilT).length / sent) : 0;
}

function messagesPerNs(streams: Timeline["streams"]): number {
  return [...streams.values()].reduce(
    (sum, { connections, intervalUs }) => sum + (intervalUs > 0 ? connections / (intervalUs * 1000) : 0),
    0,
  );
}

/** Of all streams, in order: monotonic ns. */
function missedTimes({ streams }: Timeline, events: readonly Event[]): Float64Array {
  const times = events.flatMap((e) => {
    const start = e.kind === "missed" ? streams.get(e.stream) : undefined;
    return e.kind === "missed" && start ? e.us.map((us) => start.t + us * 1000) : [];
  });
  return Float64Array.from(times).sort();
}

function interrupted(
  timeline: Timeline,
  span: Span,
  { missed, before, expected }: { missed: Float64Array; before: number; expected: Disruption | null },
): Interrupted {
  const isIn = (t: number) => t >= span.fromT && t <= span.toT;
  const attempts = { served: [] as number[], missed: [] as number[] };
  const byCause: ByCause = {};
  let failed = 0;
  return {
    add({ startT, establishedT, endT, recorded: { cause } }) {
      if (!isIn(startT)) return;
      const isServed = establishedT !== null && establishedT - startT < FIRST_SYN_NS;
      // What had no time for its answer before the traffic ended tells nothing.
      if (establishedT === null && cause === "none" && endT - startT < FIRST_SYN_NS) return;
      attempts[isServed ? "served" : "missed"].push(startT);
      if (establishedT !== null || cause === "none") return;
      failed++;
      byCause[cause] = (byCause[cause] ?? 0) + 1;
    },
    summary() {
      const open = silenceOfMessages(timeline, missed.filter(isIn));
      const fresh = silenceOfAttempts(timeline, attempts);
      return {
        open,
        fresh,
        expected,
        missedBefore: before,
        failed,
        mispredicted: mispredictedAttempts(expected, byCause),
      };
    },
  };
}

/** An attempt that is never answered is sent again until it is: only those that end by an error tell. */
function mispredictedAttempts(expected: Disruption | null, byCause: ByCause): number {
  if (!expected) return 0;
  if (expected.fresh === "served") return Object.values(byCause).reduce((sum, n) => sum + n, 0);
  const without: WithoutTargets = expected.fresh;
  return mispredictedOf(without, without === "refused" ? ended(byCause) : byCause);
}

const ended = (byCause: ByCause): ByCause => ({ ...byCause, timeout: 0, stalled: 0 });

/** Messages are due at even distances: the silence begins and ends half of one beside the first and the last that were missed. */
function silenceOfMessages({ streams, t0 }: Timeline, missed: Float64Array): Silence | null {
  const [fromT, toT] = [missed[0], missed.at(-1)];
  if (fromT === undefined || toT === undefined) return null;
  const perNs = messagesPerNs(streams);
  const half = perNs > 0 ? 0.5 / perNs : 0;
  const tried = Math.max(missed.length, Math.round((toT - fromT) * perNs) + 1);
  return {
    fromMs: (fromT - half - t0) / 1e6,
    toMs: (toT + half - t0) / 1e6,
    exactMs: half / 1e6,
    tried,
    missed: missed.length,
  };
}

/** It begins and ends between an attempt that was served and one that was not. */
function silenceOfAttempts({ t0 }: Timeline, attempts: { served: number[]; missed: number[] }): Silence | null {
  const missed = attempts.missed.sort((a, b) => a - b);
  const served = attempts.served.sort((a, b) => a - b);
  const [first, last] = [missed[0], missed.at(-1)];
  if (first === undefined || last === undefined) return null;
  const before = served.findLast((t) => t < first) ?? first;
  const after = served.find((t) => t > last) ?? last;
  const between = served.filter((t) => t > first && t < last).length;
  return {
    fromMs: ((before + first) / 2 - t0) / 1e6,
    toMs: ((last + after) / 2 - t0) / 1e6,
    exactMs: Math.max(first - before, after - last) / 2e6,
    tried: missed.length + between,
    missed: missed.length,
  };
}
