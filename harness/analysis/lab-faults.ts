// SPDX-License-Identifier: Apache-2.0
// Faults of the generators and the servers, as the record shows them: with one of them a run says nothing of the balancer.
import type { Event, EventOf } from "../record/schema.ts";

/** What the end of a generator may differ from its plan: its clock is the record's. */
const TOLERANCE_NS = 5e7;
/** What held the harness up for a moment may have held up others for twice as long. */
const LAG_FACTOR = 2;

const seconds = (ns: number) => (ns / 1e9).toFixed(1);

/** One sentence for each. Records without planned ends and signs of life show none. */
export function labFaults(events: readonly Event[]): string[] {
  return [...earlyEnds(events).map(({ text }) => text), ...silences(events)];
}

const of = <K extends Event["kind"]>(events: readonly Event[], kind: K) =>
  events.filter((e): e is EventOf<K> => e.kind === kind);

/** Ends that the harness did not order, with the sentence of each. */
export function earlyEnds(events: readonly Event[]): { stream: string; text: string }[] {
  const ordered = Math.min(...of(events, "stop").map(({ t }) => t));
  const starts = new Map(of(events, "stream_start").map((start) => [start.stream, start]));
  return of(events, "stream_end").flatMap((end) => {
    const start = starts.get(end.stream);
    if (!start || end.t >= ordered) return [];
    const left = leftNs(start, end);
    const early = start.mode !== "fragments" && left > TOLERANCE_NS;
    if (!early && end.signal === undefined) return [];
    const how = left > 0 ? `${seconds(left)} s before its time` : "before its time";
    const text = `The traffic generator ${end.stream} ended ${how}${end.signal ? ` (${end.signal})` : ""}.`;
    return [{ stream: end.stream, text }];
  });
}

function leftNs({ t, durationUs }: EventOf<"stream_start">, end: EventOf<"stream_end">): number {
  return durationUs === undefined ? 0 : t + durationUs * 1000 - end.t;
}

/** Those that the machine's own lateness does not explain. */
export function faultySilences(events: readonly Event[]): EventOf<"silence">[] {
  return of(events, "silence").filter((silence) => {
    const excuse = LAG_FACTOR * silence.lagNs + stolenNs(events, silence);
    return silence.t - silence.fromT - excuse > silence.limitNs;
  });
}

function silences(events: readonly Event[]): string[] {
  const t0 = of(events, "stream_start")[0]?.t ?? 0;
  return faultySilences(events).map(({ of: name, role, fromT, t }) => {
    const who = role === "generator" ? `The traffic generator ${name}` : `The server on ${name}`;
    return `${who} stood still for ${seconds(t - fromT)} s, from ${seconds(fromT - t0)} s to ${seconds(t - t0)} s.`;
  });
}

/** CPU time that a hypervisor kept from this machine in that span. */
function stolenNs(events: readonly Event[], { fromT, t }: EventOf<"silence">): number {
  return of(events, "machine")
    .filter((window) => window.t > fromT && window.t - window.windowNs < t)
    .reduce((sum, { stolenCpus, windowNs }) => sum + stolenCpus * windowNs, 0);
}
