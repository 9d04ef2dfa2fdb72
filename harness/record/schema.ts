// SPDX-License-Identifier: Apache-2.0
// The record: what a run writes down. `events.ndjson` and `connections.bin` are the waist of the whole design:
// left of them is the lab, right of them everything can be made again. Times are CLOCK_MONOTONIC nanoseconds (below 2^53
// for the first 104 days of uptime), durations carry their unit in their name.

import type { FlowHash } from "../oracle/flow-hash.ts";
import type { OracleSpec } from "../oracle/oracle.ts";

export const SCHEMA = 2;

/** Why a connection ended. The order is the wire format of `connections.bin`: append, never reorder. */
export const CAUSES = [
  "none",
  "reset",
  "eof",
  "timeout",
  "refused",
  "wrong_target",
  "stalled",
  "unreachable",
  "local",
] as const;
export type Cause = (typeof CAUSES)[number];
export type LossCause = Exclude<Cause, "none">;
export type ByCause = Partial<Record<LossCause, number>>;

export type Family = 4 | 6;
export type Protocol = "tcp" | "udp";
export type Phase = "up" | "deploy" | "traffic" | "down";
export type ScaleKind =
  | "scale_in"
  | "scale_out"
  | "router_out"
  | "router_in"
  | "blackout"
  | "blackout_end"
  | "drift"
  | "drift_end"
  | "failure"
  | "failure_end";

/** One generator process is a stream; its rows and samples carry its name: "ipv4", or "ipv4/2" for the second of several parts. */
export type StreamName = string;

export interface StreamStart {
  kind: "stream_start";
  t: number;
  stream: StreamName;
  mode: "connect" | "stream" | "fragments";
  family: Family;
  protocol: Protocol;
  connections: number;
  /** Source network the 5-tuples are drawn from; a row holds the offset of its source in it. */
  srcCidr: string;
  dst: string;
  dport: number;
  /** Time between two messages of one connection; 0 when every connection sends one message only. */
  intervalUs: number;
  /** Silence after which a connection counts as lost with cause "stalled". */
  stallUs: number;
  /** Time between two samples; a quarter of a second where it is absent. */
  sampleUs?: number;
  /** Number of the visit, from 1, where every source makes one connection at each. */
  visit?: number;
}

export interface Sample {
  kind: "sample";
  t: number;
  stream: StreamName;
  /** Connections at this moment. */
  alive: number;
  connecting: number;
  /** Counters since the stream's start. */
  established: number;
  failedConnects: number;
  lost: ByCause;
  sent: number;
  received: number;
  lateSends: number;
  /** Worst delay of a send behind its schedule since the previous sample. */
  maxLateUs: number;
  /** Live connections by the name of the target that answered. */
  perTarget: Record<string, number>;
  /** Round trips since the previous sample, timed from the scheduled send: sparse [bucket, count] of the HDR histogram. */
  hist: [number, number][];
}

/** Datagrams that were sent in fragments in one order. */
export interface Datagrams {
  pattern: string;
  sent: number;
  /** Of them, those that a target received whole. */
  arrived: number;
  /** Further ones that lacked a fragment, or had one that contradicts the others, and how many of those were received whole. */
  incompleteSent: number;
  incompleteDelivered: number;
  /** Receipts for something that was never sent so. */
  corrupt: number;
  /** Receipts for a datagram that had one already. */
  duplicates: number;
  /** Receipts by another target than the one that answered its flow first. */
  wrongTarget: number;
}

export type Event =
  | { kind: "phase"; t: number; phase: Phase; edge: "begin" | "end" }
  | { kind: "lab_up"; t: number; runtime: string; machines: string[]; images?: Record<string, string> }
  | {
      kind: "deployed";
      t: number;
      backend: string;
      /** Targets that are in use from the start. */
      active: string[];
      /** What a reader of the report should know of the balancer: table size, hash, mode. */
      effectiveOptions: Record<string, string | number | boolean>;
      /** null: the strategy is random, or depends on state that no oracle can know. */
      oracle: OracleSpec | null;
    }
  | { kind: "scale"; t: number; action: ScaleKind; machines: string[]; requestedT: number; effectiveT: number }
  /** How the tester chooses a router for a flow. Written where the routers do not all do the same. */
  | { kind: "routing"; t: number; hash: FlowHash }
  | StreamStart
  | { kind: "hosts"; t: number; stream: StreamName; names: string[] }
  | { kind: "all_established"; t: number; stream: StreamName; established: number; failed: number }
  | Sample
  | { kind: "datagrams"; t: number; stream: StreamName; fragments: number; patterns: Datagrams[] }
  | { kind: "rows"; t: number; stream: StreamName; offset: number; count: number }
  | {
      kind: "stream_end";
      t: number;
      stream: StreamName;
      userUs: number;
      systemUs: number;
      lateSends: number;
      maxLateUs: number;
    }
  /** What is installed in a router's kernel after the traffic, as its own tools print it. */
  | { kind: "rules"; t: number; machine: string; text: string }
  /** A fixed piece of work around the traffic: how fast the machine was. */
  | { kind: "calibration"; t: number; moment: "before" | "after"; bestNs: number; medianNs: number }
  /** The host in the window before `t`, in CPUs; `foreignCpus` is null where the lab's own share is not known. */
  | {
      kind: "machine";
      t: number;
      windowNs: number;
      busyCpus: number;
      foreignCpus: number | null;
      stolenCpus: number;
      cpus: number;
    }
  | { kind: "counters"; t: number; machine: string; moment: "before" | "after"; values: Record<string, number> }
  /** The case cannot run here; nothing else is in its record. */
  | { kind: "skip"; t: number; reasons: string[] }
  /** The clean-up had trouble; the result stands. */
  | { kind: "warning"; t: number; text: string }
  /** The balancer under test broke: the case fails. */
  | { kind: "fault"; t: number; text: string }
  /** The lab or the harness broke, or was interrupted: there is no result. */
  | { kind: "error"; t: number; text: string };
export type EventOf<K extends Event["kind"]> = Extract<Event, { kind: K }>;

/** One connection, as the generator saw it. Microseconds count from its stream's start. */
export interface Connection {
  stream: StreamName;
  id: number;
  /** 0 for the first connection of this id, 1 after it was lost and opened again, and so on. */
  generation: number;
  cause: Cause;
  srcOffset: number;
  sport: number;
  /** Name of the target that answered first, null if none did. */
  target: string | null;
  /** The other target that answered later (cause "wrong_target" only). */
  movedTo: string | null;
  startUs: number;
  /** null: never established. */
  establishedUs: number | null;
  endUs: number;
  longestGapUs: number;
  /** Last time anything arrived on it. */
  lastProgressUs: number;
  sent: number;
  received: number;
}

export type Verdict = "pass" | "fail" | "skip" | "insufficient" | "error";

export interface EventSummary {
  kind: ScaleKind;
  machines: string[];
  /** Milliseconds since the traffic began. */
  askedMs: number;
  inForceMs: number;
  alive: number;
  lost: number;
  ideal: number;
  /** The expected number where chance has a part. */
  predicted: number | null;
  /** Of the connections whose fate was certain; null when there were none. */
  mispredicted: number | null;
  /** Losses that chance allows (99.9 %), where it has a part; null: the prediction is exact, or there is none. */
  predictedInterval: [low: number, high: number] | null;
  /** The expectation where bad luck comes to all connections at once, as with rules in turn; else as `predicted`. */
  predictedMost: number | null;
  excessPercent: number;
  interval95: [number, number];
  byCause: ByCause;
  /** From the order until the last connection lost at it was open again; null: one never was. */
  recoveredMs: number | null;
}

/** Visits of sources that had come before. */
export interface AffinitySummary {
  sources: number;
  /** Within the time that the strategy keeps a source with its target. */
  inTime: { visits: number; moved: number };
  /** After it: a source may find its target again by chance. `interval`: how many chance lets move (99.9 %). */
  late: { visits: number; moved: number; expected: number; interval: [low: number, high: number] };
  /** So close to the limit that it cannot be told whether they were in time, or not established. */
  unjudged: number;
}

/** summary.json. Others' scripts rely on these names: add, never rename. */
export interface Summary {
  schema: number;
  case: string;
  backend: string;
  scenario: string;
  runtime: string;
  kernel: string;
  family: "4" | "6" | "both";
  protocol: Protocol;
  seed: number;
  targets: number;
  routers: number;
  verdict: Verdict;
  reasons: string[];
  /** Of the reasons of a failure, those in which chance has no part. */
  deterministicFailures: string[];
  connections: { planned: number; established: number; lost: number; lostOutsideEvents: number };
  /** Targets that first answered, against the oracle's choice for that 5-tuple at that time. */
  assigned: { checked: number; mispredicted: number };
  events: EventSummary[];
  /** Only where sources come again and again. */
  affinity?: AffinitySummary;
  /** `unpredicted`: the strategy has no shares that could be judged. */
  spread: {
    perTarget: Record<string, number>;
    chi2P: number | null;
    maxOverMean: number | null;
    unpredicted?: true;
  };
  latencyMs: { p50: number | null; p99: number | null; p999: number | null; max: number | null };
  /** Only of runs that send fragments. */
  datagrams?: Datagrams[];
  packets: {
    /** IP packets by the tester, and to the targets. */
    sent: number;
    received: number;
    dropped: Record<string, number>;
    unaccounted: number;
    /** Packets that ended at a proxy, and those that it sent instead. */
    relayed?: { in: number; out: number };
    /** Packets of health checks that the routers sent to the targets. Absent: there are none. */
    probes?: number;
    /** Of those sent, the ICMP errors of the machine between tester and routers; only where there is one. */
    icmpErrors?: number;
  };
  /** Packets for the VIP that came to the routers, and those of them that went to user space. Absent: the backend has none. */
  userSpace?: { packets: number; queued: number };
  /** Of `sends` messages, those that left more than 50 ms behind their schedule. */
  generator: { sends: number; lateSends: number; cpuShare: number };
  /** The host meanwhile: the lab's own CPUs (null: not measured), and the windows in which others used more than half a CPU. */
  machine: {
    busyCpus: number | null;
    windows: number;
    disturbed: { fromMs: number; toMs: number; cpus: number }[];
    /** Time of a fixed piece of work after the traffic, as a multiple of before. */
    slowdown: number | null;
    /** null: the machine was not disturbed. */
    note: string | null;
  };
  /** `report` (analysis and drawing) is 0 while the reports themselves are made; `total` includes it once it is known. */
  phasesMs: { up: number; deploy: number; traffic: number; down: number; report: number; total: number };
}

/** run.json: what was run, where, and with what. */
export interface RunInfo {
  schema: number;
  id: string;
  case: string;
  backend: string;
  scenario: string;
  commandLine: string[];
  startedAt: string;
  gitRevision: string | null;
  host: { hostname: string; kernel: string; cpus: number; cpuModel: string; memoryMiB: number };
  tools: Record<string, string>;
  runtime: string;
  /** The kernel of the lab's machines where it is not the host's. */
  kernel?: string;
  /** What the lab was found to carry, connections a second through plain routing; the default load follows from it. */
  calibrated?: { connectionsPerS: number };
  targets: string[];
  routers: string[];
  family: "4" | "6" | "both";
  protocol: Protocol;
  seed: number;
  /** 2 for the first retry, and so on; 1 where it is absent. */
  attempt?: number;
  /** All options after defaults were applied. */
  options: Record<string, unknown>;
  backendOptions: Record<string, unknown>;
}
