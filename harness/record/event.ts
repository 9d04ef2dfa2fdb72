// SPDX-License-Identifier: Apache-2.0
// events.ndjson: what happened, one event a line, in order. With connections.bin it is the waist of the whole design: left of it
// is the lab, right of it everything can be made again.
import { z } from "zod";
import { flowHash } from "../oracle/hashes/index.ts";
import { oracleSpec } from "../oracle/oracle.ts";
import {
  byCause,
  count,
  datagrams,
  family,
  integrity,
  protocol,
  reuse,
  room,
  snat,
  streamName,
  time,
  troubles,
  withoutTargets,
} from "./base.ts";
import { eventMeaning } from "./meaning.ts";

const phaseName = z.enum(["up", "deploy", "traffic", "down"]);
export type Phase = z.infer<typeof phaseName>;
const moment = z.enum(["before", "after"]);
const names = z.array(z.string());
const countsByName = z.record(z.string(), z.number());

const kind = <K extends string, S extends z.ZodRawShape>(name: K, shape: S) =>
  z.object({ kind: z.literal(name), t: time, ...shape });

const streamStart = kind("stream_start", {
  stream: streamName,
  mode: z.enum(["connect", "stream", "fragments"]),
  family,
  protocol,
  connections: count,
  /** Source network that the 5-tuples are drawn from; a row holds the offset of its source in it. */
  srcCidr: z.union([z.cidrv4(), z.cidrv6()]),
  /** So many addresses of it are used, the first ones; absent: all. */
  sources: z.int().min(1).exactOptional(),
  dst: z.union([z.ipv4(), z.ipv6()]),
  dport: z.int().min(0).max(65_535),
  /** Time between two messages of one connection; 0 when every connection sends one message only. */
  intervalUs: count,
  /** Silence after which a connection counts as lost with cause "stalled". */
  stallUs: count,
  /** Microseconds in one unit of its rows' times; absent: 1. What lasts more than an hour has more. */
  rowUnitUs: z.int().min(1).exactOptional(),
  /** Silence after which TCP of the clients asks its peer (SO_KEEPALIVE). Absent: never. */
  keepaliveUs: count.exactOptional(),
  /** Time between two samples; a quarter of a second where it is absent. */
  sampleUs: z.int().min(1).exactOptional(),
  /** How long it is to send; absent: until every connection has been made. */
  durationUs: count.exactOptional(),
  /** Number of the visit, from 1, where every source makes one connection at each. */
  visit: z.int().min(1).exactOptional(),
  /** What is opened again has the 5-tuple that it had. */
  sameTuple: z.literal(true).exactOptional(),
});
export type StreamStart = z.infer<typeof streamStart>;

const sample = kind("sample", {
  stream: streamName,
  /** Connections currently open. */
  alive: count,
  connecting: count,
  /** Counters since the stream's start. */
  established: count,
  failedConnects: count,
  lost: byCause,
  sent: count,
  received: count,
  lateSends: count,
  /** Worst delay of a send behind its schedule since the previous sample. */
  maxLateUs: z.number(),
  integrity: integrity.exactOptional(),
  /** Live connections by the name of the target that answered. */
  perTarget: z.record(z.string(), count),
  /** Round trips since the previous sample, timed from the scheduled send: sparse [bucket, count] of the HDR histogram. */
  hist: z.array(z.tuple([count, count])),
});
export type Sample = z.infer<typeof sample>;

export const eventSchema = z.discriminatedUnion("kind", [
  /** `hostT` is this machine's own time, where the lab's is another. */
  kind("phase", { phase: phaseName, edge: z.enum(["begin", "end"]), hostT: time.exactOptional() }),
  kind("lab_up", {
    runtime: z.string(),
    machines: names,
    images: z.record(z.string(), z.string()).exactOptional(),
  }),
  kind("deployed", {
    backend: z.string(),
    /** Targets that are in use from the start. */
    active: names,
    /** What a reader of the report should know of the balancer: table size, hash, mode. */
    effectiveOptions: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    /** null: the strategy is random, or depends on state that no oracle can know. */
    oracle: oracleSpec.nullable(),
    /** Only where the plan leaves no target in use. */
    withoutTargets: withoutTargets.exactOptional(),
    /** Only where the number of connections that are let in was limited. */
    room: room.exactOptional(),
    /** Only where it was said which source ports connections get with the router's own address. */
    snat: snat.exactOptional(),
    /** The backend says that its packets cannot be accounted for. Absent: they can. */
    accounts: z.literal(false).exactOptional(),
    /** Only where it says what becomes of a 5-tuple that is opened again. */
    reuse: reuse.exactOptional(),
  }),
  kind("scale", {
    /** The event kind. */
    action: z.string(),
    /** Of kinds from outside: what they mean. */
    meaning: eventMeaning.exactOptional(),
    machines: names,
    requestedT: time,
    effectiveT: time,
  }),
  /** How the tester chooses a router for a flow. Written where the routers do not all do the same. */
  kind("routing", { hash: flowHash }),
  /** The way back to the tester, where ICMP errors do not find the targets, or none is needed as the MSS is clamped. */
  kind("path", {
    mtu: count,
    icmp: z.enum(["pass", "drop"]),
    /** Bytes of a message, which is those of its answer. */
    size: count,
    /** Path MTU that the balancer clamps the MSS of SYNs to. */
    clampMtu: count.exactOptional(),
    /** Of packets to targets: what a tunnel adds by family, and the path MTU that the MSS of targets fits. */
    tunnel: z.object({ ipv4: count, ipv6: count, announceMtu: count.exactOptional() }).exactOptional(),
  }),
  streamStart,
  kind("hosts", { stream: streamName, names }),
  kind("all_established", { stream: streamName, established: count, failed: count }),
  sample,
  kind("datagrams", { stream: streamName, fragments: count, patterns: z.array(datagrams) }),
  /** Where rows of a stream lie in connections.bin, counted in rows. */
  kind("rows", { stream: streamName, offset: count, count }),
  kind("stream_end", {
    stream: streamName,
    userUs: z.number(),
    systemUs: z.number(),
    lateSends: count,
    maxLateUs: z.number(),
    /** What told it to end before its time. */
    signal: z.enum(["SIGTERM", "SIGINT"]).exactOptional(),
    integrity: integrity.exactOptional(),
    /** By the name of the target, where there is any; by "" those of connections that never had one. */
    troubles: z.record(z.string(), troubles).exactOptional(),
  }),
  /** The harness tells the generators to end before their time: the run broke, or was interrupted. */
  kind("stop", {}),
  /**
   * A generator or a target's server did not run for a while, by what it tells of itself at regular times: from one sign of life to
   * the next, or to the end of the traffic.
   */
  kind("silence", {
    /** A generator's stream, or a target. */
    of: z.string(),
    role: z.enum(["generator", "server"]),
    fromT: time,
    /** Longer is taken for a fault. Slow machines have more. */
    limitNs: count,
    /** How late the harness itself was in that span, as its own timer tells: what held it up may have held up the others too. */
    lagNs: count,
  }),
  /** What is installed in a router's kernel after the traffic, as its own tools print it. */
  kind("rules", { machine: z.string(), text: z.string() }),
  /** A fixed piece of work around the traffic: how fast the machine was. */
  kind("calibration", { moment, bestNs: z.number(), medianNs: z.number() }),
  /** The host in the window before `t`, in CPUs; `foreignCpus` is null where the lab's own share is not known. */
  kind("machine", {
    windowNs: z.number(),
    busyCpus: z.number(),
    foreignCpus: z.number().nullable(),
    stolenCpus: z.number(),
    cpus: z.number(),
  }),
  kind("counters", { machine: z.string(), moment, values: countsByName }),
  /** The case cannot run here; nothing else is in its record. */
  kind("skip", { reasons: names }),
  /** The clean-up had trouble; the result stands. */
  kind("warning", { text: z.string() }),
  /** The balancer under test broke: the case fails. */
  kind("fault", { text: z.string() }),
  /** The lab or the harness broke, or was interrupted: there is no result. */
  kind("error", { text: z.string() }),
]);
export type Event = z.infer<typeof eventSchema>;
export type EventOf<K extends Event["kind"]> = Extract<Event, { kind: K }>;

/** The last line of events.ndjson: the record is whole, and as it was written. CRC-32 as in zip files (IEEE 802.3). */
export const endSchema = z.strictObject({
  kind: z.literal("end"),
  /** Lines of events.ndjson before this one, and their bytes. */
  events: count,
  eventBytes: count,
  eventsCrc: count,
  /** Rows of connections.bin, and its bytes. */
  rows: count,
  rowBytes: count,
  rowsCrc: count,
  /** Of run.json. */
  runCrc: count,
});
export type End = z.infer<typeof endSchema>;
