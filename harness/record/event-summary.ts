// SPDX-License-Identifier: Apache-2.0
// `events` of summary.json: what came of each event of a run.
import { z } from "zod";
import { ANNOUNCE, byCause, byRoot, count, disruption, HEALTH_WAYS } from "./base.ts";
import { eventMeaning } from "./meaning.ts";

export const interval = z.tuple([z.number(), z.number()]);

/** From the first message, or attempt to connect, that was not served at once, to the last. */
const silence = z.object({
  fromMs: z.number(),
  toMs: z.number(),
  /** Either end is known to so much: half of the way to the next message, or attempt, that was served. Absent in records of before. */
  exactMs: z.number().exactOptional(),
  /** So many fell into it, and of those so many had no answer at once. */
  tried: count,
  missed: count,
});
export type Silence = z.infer<typeof silence>;

/** When connections were not served; null: they were. */
const interruption = z.object({
  open: silence.nullable(),
  fresh: silence.nullable(),
  /** Share of the messages without an answer in time before the first event: a machine that is late. */
  missedBefore: z.number(),
  /** What was expected; null: nobody says. */
  expected: disruption.nullable(),
  /** Attempts to connect that came to nothing, and those that ended otherwise than expected. */
  failed: count,
  mispredicted: count,
});
export type Interruption = z.infer<typeof interruption>;

const span = z.tuple([z.number(), z.number()]);

/** How the death of routers or targets, or their return, was found out. */
const failover = z.object({
  by: z.enum([...ANNOUNCE, ...HEALTH_WAYS]),
  /** By the timers, from the moment at which it was so; null: nobody finds out, or the timers do not say. */
  expectedMs: span.nullable(),
  /** When the first machine used others, and when the last one did; null: nobody found out. */
  foundMs: z.object({ first: z.number(), last: z.number() }).nullable(),
  /** Of connections that had an answer late at it, or never: how long they waited. null: there were none. */
  silenceMs: z.object({ connections: count, p50: z.number(), p99: z.number(), max: z.number() }).nullable(),
  /** Gratuitous ARP and unsolicited neighbour advertisements that the tester heard from then to the next event. Absent: nobody listened. */
  heard: z.object({ arp: count, na: count }).exactOptional(),
});
export type FailoverSummary = z.infer<typeof failover>;

export const eventSummary = z.object({
  kind: z.string(),
  /** Of kinds from outside: what they mean. */
  meaning: eventMeaning.exactOptional(),
  machines: z.array(z.string()),
  /** Milliseconds since the traffic began. */
  askedMs: z.number(),
  inForceMs: z.number(),
  alive: count,
  lost: count,
  ideal: z.number(),
  /** The expected number where chance has a part. */
  predicted: z.number().nullable(),
  /** Of the connections whose fate was certain; null when there were none. */
  mispredicted: z.number().nullable(),
  /** Losses that chance allows (99.9 %), where it has a part; null: the prediction is exact, or there is none. */
  predictedInterval: interval.nullable(),
  /** The expectation where bad luck comes to all connections at once, as with rules in turn; else as `predicted`. */
  predictedMost: z.number().nullable(),
  /** Entries of the balancer's table that it gave to another target. Absent: no table is known, or the summary is older. */
  entries: z.object({ moved: count, of: count }).exactOptional(),
  excessPercent: z.number(),
  interval95: interval,
  /** By what their clients saw. */
  byCause,
  /** By what ended them in the first place. Absent in older summaries. */
  causes: byRoot.exactOptional(),
  /** From the order until the last connection lost at it was open again; null: one never was. */
  recoveredMs: z.number().nullable(),
  /** From the order: service was back between these. null: nothing that was lost tried again, or in vain. Absent in older ones. */
  restoredMs: interval.nullable().exactOptional(),
  /** Only of events that interrupt service. */
  interruption: interruption.exactOptional(),
  /** Only of routers, and of targets with health checks of the lab, that die or come back, and nobody is told. */
  failover: failover.exactOptional(),
});
export type EventSummary = z.infer<typeof eventSummary>;

const overWindows = z.object({ mean: z.number(), p99: z.number(), max: z.number() });

/** Connections broken that no leaving target had, and how unevenly live ones were spread. */
export const consistency = z.object({
  changes: count,
  minutes: z.number(),
  violations: count,
  perMinute: z.number(),
  perChange: z.number(),
  ofConnections: z.number(),
  ofRequests: z.number(),
  /** Live connections of the targets in use, by their shares, at the end of each window; null: there was none. */
  unfairness: z
    .object({
      windowS: z.number(),
      /** Busiest target as a multiple of the mean, and standard deviation as a share of it. */
      maxOverMean: overWindows,
      variation: overWindows,
    })
    .nullable(),
});

export const spreadWindow = z.object({
  /** Number of the event that it follows, from 1. */
  event: count,
  fromMs: z.number(),
  toMs: z.number(),
  perTarget: z.record(z.string(), count),
  /** null: the strategy does not say. */
  expected: z.record(z.string(), z.number()).nullable(),
  chi2P: z.number().nullable(),
});
export type SpreadWindow = z.infer<typeof spreadWindow>;
