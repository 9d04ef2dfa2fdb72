// SPDX-License-Identifier: Apache-2.0
// When what is slow or out of order is nobody's fault but the path's: no event is under way, and the machine keeps up.
import type { Event, EventOf } from "../record/schema.ts";
import { overT } from "./changes.ts";
import { contentionOf } from "./contention.ts";
import type { Timeline } from "./timeline.ts";

/** Sends that leave so late show a machine that is late itself. */
const LATE_US = 20_000;
/** Of the machine's CPUs: above it programs wait for their turn. */
const BUSY_SHARE = 0.75;
const AFTER_EVENT_NS = 1e9;

interface Span {
  fromT: number;
  toT: number;
}

/** Whether a span between two samples of a generator, with the worst delay of its sends, was calm. Times are monotonic ns. */
export function calmOf(timeline: Timeline, events: readonly Event[]): (span: Span, maxLateUs: number) => boolean {
  const restless = [...eventSpans(timeline), ...busySpans(timeline, events)];
  return ({ fromT, toT }, maxLateUs) =>
    maxLateUs < LATE_US && !restless.some((other) => overlaps({ fromT, toT }, other));
}

const overlaps = (a: Span, b: Span) => a.fromT < b.toT && b.fromT < a.toT;

/** Whether programs waited for a CPU at any time of a span: the machine's were nearly all in use, or others used it. */
export function busyDuring(timeline: Timeline, events: readonly Event[]): (span: Span) => boolean {
  const busy = busySpans(timeline, events);
  return (span) => busy.some((other) => overlaps(span, other));
}

/** After an event TCP may wait as long again as nothing passed, before it tries once more. */
function eventSpans(timeline: Timeline): Span[] {
  return timeline.scales.map(({ requestedT }, i) => {
    const untilT = overT(timeline, i);
    return { fromT: requestedT, toT: untilT + Math.max(AFTER_EVENT_NS, 2 * (untilT - requestedT)) };
  });
}

function busySpans({ t0 }: Timeline, events: readonly Event[]): Span[] {
  const disturbed = contentionOf(events, t0).disturbed.map(({ fromMs, toMs }) => ({
    fromT: t0 + fromMs * 1e6,
    toT: t0 + toMs * 1e6,
  }));
  const busy = events
    .filter((e): e is EventOf<"machine"> => e.kind === "machine" && e.busyCpus > BUSY_SHARE * e.cpus)
    .map(({ t, windowNs }) => ({ fromT: t - windowNs, toT: t }));
  return [...disturbed, ...busy];
}
