// SPDX-License-Identifier: Apache-2.0
// How long it took until a router or a target that died, or came back, was found, against the timers; and how long connections waited.
import { isRouterDeath } from "../events/meaning.ts";
import type { Event, EventOf, FailoverSummary } from "../record/schema.ts";
import type { Check } from "./failures.ts";
import type { Judged } from "./part.ts";
import type { Established } from "./rows.ts";
import type { Timeline } from "./timeline.ts";

/** The generator calls an answer late from then on; TCP sends again after 200 ms. */
const LATE_US = 150_000;
/** What the timers say holds to a tenth, and a busy machine's programs have their turn a little later. */
const TOLERANCE = { share: 0.1, ms: 20 };

interface Failover {
  /** A connection that was alive when it happened. */
  add(row: Established): void;
  summary(): FailoverSummary;
}

/** By event; null: nobody died or came back at it, or who finds out is not the lab's. */
export function failoversOf({ scales, announced }: Timeline, events: readonly Event[]): (Failover | null)[] {
  const health = events.find((e) => e.kind === "health");
  const found = events.filter((e): e is EventOf<"failover"> => e.kind === "failover");
  const heard = events.find((e): e is EventOf<"heard"> => e.kind === "heard");
  return scales.map(({ meaning, requestedT, effectiveT }, i) => {
    const one = found.find(({ t }) => t === effectiveT);
    const watched = isRouterDeath(meaning) ? announced : health;
    if (!watched || !one) return null;
    const late: number[] = [];
    const leaves = meaning.effect === "leave";
    return {
      add({ connection, stream }) {
        const gapUs = connection.longestGapUs * (stream.rowUnitUs ?? 1);
        // Of two events the first has it, as nobody knows at which of them the longest was.
        if (leaves && connection.cause === "none" && gapUs > LATE_US) late.push(gapUs / 1000);
      },
      summary: () => ({
        by: watched.by,
        expectedMs: leaves ? watched.detectionMs : null,
        foundMs: foundIn(one),
        silenceMs: quantiles(late),
        ...(heard ? { heard: heardIn(heard, requestedT, scales[i + 1]?.requestedT ?? Number.POSITIVE_INFINITY) } : {}),
      }),
    };
  });
}

const heardIn = ({ arp, na }: EventOf<"heard">, fromT: number, toT: number) => {
  const within = (times: readonly number[]) => times.filter((t) => t >= fromT && t < toT).length;
  return { arp: within(arp), na: within(na) };
};

function foundIn({ changedT, noticed }: EventOf<"failover">): FailoverSummary["foundMs"] {
  if (noticed.length === 0) return null;
  const ms = noticed.map(({ t }) => Math.max(0, t - changedT) / 1e6);
  return { first: Math.min(...ms), last: Math.max(...ms) };
}

function quantiles(ms: number[]): FailoverSummary["silenceMs"] {
  if (ms.length === 0) return null;
  const sorted = ms.sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { connections: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(3)} s`;

/** A router that is found too early was not dead for the timers, and one that is found too late was not asked by them. */
export function failoverFailures(summary: Judged): Check[] {
  return untimely(summary).flatMap(({ text, disturbed }): Check[] => (disturbed ? [] : [[true, text, "chance"]]));
}

/** Timers of a machine that others keep busy are late: that is no result. */
export function failoverGaps(summary: Judged): string[] {
  return untimely(summary).flatMap(({ text, disturbed }) =>
    disturbed ? `${text} Meanwhile other programs took up to ${disturbed.cpus.toFixed(1)} CPUs of this machine.` : [],
  );
}

function untimely({ events, machine, clock }: Judged) {
  return events.flatMap(({ kind, machines, askedMs, inForceMs, failover }, i) => {
    const { expectedMs, foundMs } = failover ?? {};
    if (!expectedMs || !foundMs) return [];
    const [low, high] = [
      expectedMs[0] * (1 - TOLERANCE.share) - TOLERANCE.ms,
      expectedMs[1] * (1 + TOLERANCE.share) + TOLERANCE.ms,
    ];
    if (foundMs.first >= low && foundMs.last <= high) return [];
    const windows = clock === "virtual" ? [] : (machine?.disturbed ?? []);
    const disturbed = windows.filter(({ fromMs, toMs }) => fromMs < inForceMs && toMs > askedMs);
    const text = `Event ${i + 1} (${kind} of ${machines.join(", ")}): the first machine found out after ${seconds(foundMs.first)}, and the last machine after ${seconds(foundMs.last)}; ${seconds(expectedMs[0])} to ${seconds(expectedMs[1])} by the timers (${failover?.by}).`;
    return [{ text, disturbed: disturbed.sort((a, b) => b.cpus - a.cpus)[0] }];
  });
}

export function failoverMerits({ events }: Judged): string[] {
  return events.flatMap(({ kind, failover }, i) => {
    if (!failover) return [];
    const { by, foundMs, expectedMs, silenceMs, heard } = failover;
    const timers = expectedMs ? ` (${seconds(expectedMs[0])} to ${seconds(expectedMs[1])} by the timers)` : "";
    const when = foundMs
      ? `the first machine found out after ${seconds(foundMs.first)}, and the last machine after ${seconds(foundMs.last)}${timers}, by ${by}`
      : "nobody found out";
    const waited = silenceMs
      ? `; ${silenceMs.connections} connections that lived on waited ${silenceMs.p50.toFixed(0)} ms in the median, ${silenceMs.p99.toFixed(0)} ms at most but for 1 %`
      : "";
    const said = heard
      ? `; the tester heard ${heard.arp} gratuitous ARPs and ${heard.na} unsolicited neighbour advertisements`
      : "";
    return [`Event ${i + 1} (${kind}): ${when}${waited}${said}.`];
  });
}
