// SPDX-License-Identifier: Apache-2.0
// summary.json: what came of a run. Others' scripts rely on these names: add, never rename.
import { z } from "zod";
import {
  byCause,
  byRoot,
  count,
  datagrams,
  direct,
  families,
  family,
  integrity,
  protocol,
  reuse,
  room,
  schemaVersion,
  snat,
  troubles,
  withoutTargets,
} from "./base.ts";
import { consistency, eventSummary, interval, spreadWindow } from "./event-summary.ts";
import { collide, flood } from "./hostile-summary.ts";
import { packets } from "./packets-summary.ts";

/** "unjudged": nothing failed, and no oracle could say which losses were right. */
const verdict = z.enum(["pass", "unjudged", "fail", "skip", "insufficient", "error"]);
export type Verdict = z.infer<typeof verdict>;

/** Visits of sources that had come before. */
const affinity = z.object({
  sources: count,
  /** Within the time that the strategy keeps a source with its target. */
  inTime: z.object({ visits: count, moved: count }),
  /** After it: a source may find its target again by chance. `interval`: how many chance lets move (99.9 %). */
  late: z.object({ visits: count, moved: count, expected: z.number(), interval }),
  /** So close to the limit that it cannot be told whether they were in time, or not established. */
  unjudged: count,
});
export type AffinitySummary = z.infer<typeof affinity>;

/** Few sources, of a strategy that keeps each with its target. */
const sources = z.object({
  /** Those whose connections share their luck. */
  bound: count,
  families: z.array(family),
  /** Targets that answered them. */
  targets: z.array(z.string()),
  /** Connections that came after another of their source, and of them those that another target answered. */
  returns: count,
  moved: count,
});
export type SourcesSummary = z.infer<typeof sources>;

/** Connections that were lost because the balancer had forgotten them; those are lost at no event. */
const forgotten = z.object({
  /** What of its memory is too small for the load. */
  why: z.array(z.string()),
  lost: count,
  predicted: z.number(),
  /** Losses that the strategy allows (99.9 %) where it leaves something open; null: the prediction is exact. */
  interval: interval.nullable(),
  /** Connections that lived on, although they were certain to be forgotten and lost. */
  mispredicted: count,
});
export type ForgottenSummary = z.infer<typeof forgotten>;

/** Spans in which no target was in use, and the attempts to connect that fell wholly into them. */
const outage = z.object({
  spans: z.array(z.object({ fromMs: z.number(), toMs: z.number() })),
  attempts: count,
  /** By what ended them; "timeout" had no answer at all. */
  byCause,
  /** What the backend does then; null: it does not say. */
  expected: withoutTargets.nullable(),
  /** Attempts that ended otherwise. */
  mispredicted: count,
  /** From an attempt to the answer that ended it; null: none was answered. Absent in older summaries. */
  answeredMs: z.object({ least: z.number(), median: z.number() }).nullable().exactOptional(),
});
export type OutageSummary = z.infer<typeof outage>;

/** Answered by the target to the end; never; ended after an answer; answered by another target. */
const directFates = z.object({ lives: count, lost: count, ended: count, astray: count });

const ms = z.number().min(0);

/** First connections to one of several services. */
const apart = z.object({
  planned: count,
  established: count,
  lost: count,
  lostOutsideEvents: count,
  perTarget: z.record(z.string(), count),
  chi2P: z.number().nullable(),
});

export const summarySchema = z.object({
  schema: schemaVersion,
  case: z.string(),
  backend: z.string(),
  scenario: z.string(),
  runtime: z.string(),
  kernel: z.string(),
  family: families,
  protocol,
  seed: z.int(),
  targets: count,
  routers: count,
  verdict,
  reasons: z.array(z.string()),
  /** Of the reasons of a failure, those in which chance has no part. */
  deterministicFailures: z.array(z.string()),
  /** false: there was an event whose losses no oracle could predict. */
  lossesJudged: z.boolean(),
  /** Whose time the record's times are. */
  clock: z.enum(["real", "virtual"]),
  connections: z.object({ planned: count, established: count, lost: count, lostOutsideEvents: count }),
  /** What ended the lost connections in the first place, and those lost outside the events. Absent in older summaries. */
  causes: byRoot.exactOptional(),
  causesOutsideEvents: byRoot.exactOptional(),
  /** Targets that first answered, against the oracle's choice for that 5-tuple at that time. */
  assigned: z.object({ checked: count, mispredicted: count }),
  /**
   * Only where there were any: first connections whose packets came to several targets before the first event, of so many that were
   * answered, or whose packets were seen at targets.
   */
  split: z.object({ connections: count, split: count }).exactOptional(),
  events: z.array(eventSummary),
  /** Only where the load needs more than the balancer remembers. */
  forgotten: forgotten.exactOptional(),
  /** Only where connections came all the time besides, each for one answer: they count nowhere else. */
  arrivals: z.object({ attempts: count, served: count, failedOutsideEvents: count }).exactOptional(),
  /** Only where attackers choose connections for one target. `secret`: the hash has a seed that one of them does not know. */
  collide: collide.exactOptional(),
  /** Only where others sent too, from sources that never answer. */
  flood: flood.exactOptional(),
  /** Only of runs with events. Absent in older summaries. */
  consistency: consistency.exactOptional(),
  /** Only where connections come and go by a plan. */
  open: z.object({ peak: count, warmUpMs: z.number() }).exactOptional(),
  /** Only where no target was in use for a while. */
  outage: outage.exactOptional(),
  /** Only where ICMP errors of a narrow path are dropped, or the MSS is clamped. */
  pathMtu: z
    .object({
      mtu: count,
      icmp: z.enum(["pass", "drop"]),
      clampMtu: count.exactOptional(),
      /** Of those that were to hang: those whose requests do not fit into a tunnel, though their answers fit the path. */
      byTunnel: count.exactOptional(),
      /** First connections of which no answer arrived, those that were to hang, and those that fared differently. */
      hang: count,
      predicted: count,
      mispredicted: count,
    })
    .exactOptional(),
  /** Only where the number of connections that are let in was limited. */
  room: z
    .object({
      ...room.shape,
      /** First connections before the first event, and those of them that were let in; `low` to `high` were to be. */
      connections: count,
      established: count,
      low: count,
      high: count,
      /** What ended the others; "timeout" had no answer at all. */
      byCause,
      /** Counters of the kernel that say so: messages that the table is full, entries that could not be inserted. */
      said: z.number(),
    })
    .exactOptional(),
  /** Source ports with the router's own address, of the connections that conntrack knew at the end. */
  snat: z.object({ ports: snat, kept: count, changed: count, low: count, high: count }).exactOptional(),
  /** Only where 5-tuples were opened again, and the backend says what becomes of them. */
  reuse: z
    .object({
      ...reuse.shape,
      /** Opened again while the target was in use, and of those what another one answered; so many were to (99.99 %). */
      returns: count,
      moved: count,
      low: count,
      high: count,
      /** Opened again when it was gone: answered by it, by another one, or by none; and those that fared otherwise than predicted. */
      goneReturns: z.object({ same: count, again: count, lost: count, mispredicted: count }),
      /** Opened again once it was forgotten, and of those what another target answered; so many were to. Absent: none were. */
      forgotten: z.object({ returns: count, moved: count, low: count, high: count }).exactOptional(),
      /** Of all that were opened again, those whose answer took a second or longer: a SYN was dropped. */
      late: count,
      /** Had another 5-tuple, as theirs could not be opened. */
      unjudged: count,
    })
    .exactOptional(),
  /** Only where clients used a target's own address from the port of their connection to the VIP. */
  direct: z
    .object({
      ...direct.shape,
      /** Where the connection to the VIP had the same target, and where it had another one. */
      toSame: directFates,
      toOther: directFates,
      mispredicted: count,
      /** Their own port could not be used, or the connection to the VIP was not established. */
      unjudged: count,
    })
    .exactOptional(),
  /** Only where sources come again and again. */
  affinity: affinity.exactOptional(),
  /** Only where --sources is given and the strategy keeps a source with its target. */
  sources: sources.exactOptional(),
  spread: z.object({
    perTarget: z.record(z.string(), count),
    chi2P: z.number().nullable(),
    maxOverMean: z.number().nullable(),
    /** The strategy has no shares that could be judged. */
    unpredicted: z.literal(true).exactOptional(),
  }),
  /** New connections from each event to the next one, or to the end; only where there were any. */
  spreadAfterEvents: z.array(spreadWindow).exactOptional(),
  /** First connections by router and target. Only where it is known which router a connection crosses. */
  tiers: z
    .object({
      perRouter: z.record(z.string(), z.record(z.string(), count)),
      /** Probability that router and target depend on each other so much, or more, by chance; null: too few, or not to be judged. */
      independenceP: z.number().nullable(),
    })
    .exactOptional(),
  /** First connections by VIP; only where clients have several. */
  vips: z.array(apart.extend({ vip: z.string() })).exactOptional(),
  /** First connections by the flow that takes them at the start; only where flows tell services apart. */
  flows: z.array(apart.extend({ flow: z.string() })).exactOptional(),
  latencyMs: z.object({
    p50: z.number().nullable(),
    p99: z.number().nullable(),
    p999: z.number().nullable(),
    max: z.number().nullable(),
  }),
  /** Only of runs that send fragments. */
  datagrams: z.array(datagrams).exactOptional(),
  /** Of all streams together. Absent: the generator did not look, as older ones and those of fragments. */
  integrity: integrity
    .extend({
      /** What no impairment that was asked for, no event and no lateness of this machine explains; of so many answers. */
      judged: z.object({ answers: count, corrupt: count, duplicates: count, reordered: count, late: count }),
      /** Messages that were damaged before they came to a target. Absent: the targets did not tell. */
      corruptAtTargets: count.exactOptional(),
      /** Where it was: null is a connection that never had a target. */
      where: z.array(troubles.extend({ target: z.string().nullable(), family })),
    })
    .exactOptional(),
  packets,
  /** Packets for the VIP that came to the routers, and those of them that went to user space. Absent: the backend has none. */
  userSpace: z.object({ packets: z.number(), queued: z.number() }).exactOptional(),
  /** Of `sends` messages, those that left more than 50 ms behind their schedule. */
  generator: z.object({ sends: count, lateSends: count, cpuShare: z.number() }),
  /** The host meanwhile. */
  machine: z.object({
    /** The lab's own CPUs; null: not measured. */
    busyCpus: z.number().nullable(),
    windows: count,
    /** Windows in which others used more than half a CPU. */
    disturbed: z.array(z.object({ fromMs: z.number(), toMs: z.number(), cpus: z.number() })),
    /** Time of a fixed piece of work after the traffic, as a multiple of before. */
    slowdown: z.number().nullable(),
    /** null: the machine was not disturbed. */
    note: z.string().nullable(),
  }),
  /** `report` (analysis and drawing) is 0 while the reports themselves are made; `total` includes it once it is known. */
  phasesMs: z.object({ up: ms, deploy: ms, traffic: ms, down: ms, report: ms, total: ms }),
});
export type Summary = z.infer<typeof summarySchema>;
