// SPDX-License-Identifier: Apache-2.0
// events.ndjson: what happened, one event a line, in order. With connections.bin it is the waist of the whole design: left of it
// is the lab, right of it everything can be made again.
import { z } from "zod";
import { flowHash } from "../oracle/hashes/index.ts";
import { oracleSpec } from "../oracle/oracle.ts";
import {
  announcement,
  count,
  datagrams,
  direct,
  faultSubject,
  healthWay,
  integrity,
  lifecycle,
  reuse,
  room,
  SYN_COOKIES,
  snat,
  streamName,
  time,
  troubles,
  withoutTargets,
} from "./base.ts";
import { eventMeaning } from "./meaning.ts";
import { kind, sample, streamStart } from "./stream-events.ts";

const phaseName = z.enum(["up", "deploy", "traffic", "down"]);
export type Phase = z.infer<typeof phaseName>;
const moment = z.enum(["before", "after"]);
const names = z.array(z.string());
const countsByName = z.record(z.string(), z.number());

export const eventSchema = z.discriminatedUnion("kind", [
  /** `hostT` is this machine's own time, where the lab's is another. */
  kind("phase", { phase: phaseName, edge: z.enum(["begin", "end"]), hostT: time.exactOptional() }),
  kind("lab_up", {
    runtime: z.string(),
    machines: names,
    images: z.record(z.string(), z.string()).exactOptional(),
    /** The node of each machine, where there are several. */
    nodes: z.record(z.string(), z.string()).exactOptional(),
  }),
  /** At the end of the traffic: the clocks of other nodes, from which times were brought to the harness' own. */
  kind("clocks", { nodes: z.record(z.string(), z.object({ offsetNs: z.number(), errorNs: z.number() })) }),
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
    /** Only where clients use targets' own addresses too, and it says what becomes of that. */
    direct: direct.exactOptional(),
    /** Only where others send too: conntrack has an entry for each flow that passes. */
    tracks: z.literal(true).exactOptional(),
    /** Only where others send too: the balancer answers SYNs itself, and tells nobody of those that get no further. */
    answersSyns: z.literal(true).exactOptional(),
    /** Only where an event stops, kills, reloads or replaces the balancer. */
    lifecycle: lifecycle.exactOptional(),
  }),
  kind("scale", {
    /** The event kind. */
    action: z.string(),
    /** Of kinds from outside: what they mean. */
    meaning: eventMeaning.exactOptional(),
    machines: names,
    /** Of all targets from then on, in the order of run.json; absent: as they were. */
    weights: z.array(z.int().min(1)).exactOptional(),
    /** Which of the oracle's lists of flows is in force from then on; absent: the one before. */
    flows: z.int().min(0).exactOptional(),
    requestedT: time,
    effectiveT: time,
  }),
  /** How tester and targets find out that a router is dead, from the start. */
  kind("announce", announcement.shape),
  /** Health checks of targets by the routers, from the start. */
  kind("health", {
    by: healthWay,
    /** Answers in a row that make a target alive again, and how long others are waited for. Absent in older records. */
    rises: count.exactOptional(),
    dampingMs: z.number().exactOptional(),
    intervalMs: z.number(),
    misses: count,
    /** From a target's death until it is found, at the least and at the most. */
    detectionMs: z.tuple([z.number(), z.number()]),
  }),
  /** When a tester heard, without having asked, whose an address is: gratuitous ARP, and unsolicited neighbour advertisements. */
  kind("heard", { machine: z.string(), arp: z.array(time), na: z.array(time) }),
  /** A router, or a target with health checks of the lab, died or came back: since when, and since when each machine that chooses uses those that live. */
  kind("failover", { changedT: time, noticed: z.array(z.object({ machine: z.string(), t: time })) }),
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
  /** Others sent from sources that never answer, to the port of new connections. */
  kind("flood", {
    of: z.enum(["syn", "datagram"]),
    /** As asked for, both families together. */
    perS: z.number(),
    fromT: time,
    untilT: time,
    sent: count,
    refused: count,
    /** Conntrack's on each router that has it: room for so many entries, in so many buckets, and entries before and after. */
    tables: z.array(z.object({ machine: z.string(), most: count, buckets: count, before: count, after: count })),
    /** Sockets that listen there: of IPv4, of IPv6, and of both. */
    listeners: z.array(z.object({ machine: z.string(), ipv4: count, ipv6: count, both: count })),
    /** Room of each for half-open connections, as asked for. */
    synBacklog: count.exactOptional(),
    /** As asked for; absent: none where the room was asked for, else the kernel's default. */
    synCookies: z.enum(SYN_COOKIES).exactOptional(),
    /** Packets that found a receive queue of the machine full meanwhile. */
    overrun: count,
  }),
  streamStart,
  kind("hosts", { stream: streamName, names }),
  kind("all_established", { stream: streamName, established: count, failed: count }),
  sample,
  /** Microseconds since the stream's start at which messages were due whose answers were late, or never came. */
  kind("missed", { stream: streamName, us: z.array(count) }),
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
  /** Of the messages that a target received, those that were damaged on their way there, as it told at last. */
  kind("served", { target: z.string(), corrupt: count }),
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
  /** What machines sent of connections that were lost or asked for is in packets.bin; the program's own counts are absent where it did not end. */
  kind("tap", {
    mode: z.enum(["control", "full"]),
    /** Connections that were wanted, and packets that were kept of them. */
    connections: count,
    packets: count,
    /** First attempts that nobody answered before any event: those of which packets came to targets, and to several. Absent: to several, none. */
    unanswered: z.object({ connections: count, split: count }).exactOptional(),
    /** Packets that kernels dropped or answered by a reset that were kept; or why they were not asked for their reasons. */
    drops: count.exactOptional(),
    unasked: z.string().exactOptional(),
    /** Of packets.bin. */
    bytes: count,
    crc: count,
    /** Frames that the filter took, and what became of them. */
    seen: count.exactOptional(),
    written: count.exactOptional(),
    overwritten: count.exactOptional(),
    dropped: count.exactOptional(),
    untracked: count.exactOptional(),
    cpuNs: count.exactOptional(),
  }),
  /** The packets of one connection in a router's rules, as `nft monitor trace` prints them, each line when it came. */
  kind("trace", {
    machine: z.string(),
    src: z.string(),
    sport: count,
    lines: z.array(z.object({ t: time, text: z.string() })),
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
  kind("error", { text: z.string(), about: faultSubject.exactOptional() }),
]);
export type Event = z.infer<typeof eventSchema>;
export type EventOf<K extends Event["kind"]> = Extract<Event, { kind: K }>;
/** What is told of a fault of the lab. */
export type LabFault = Pick<EventOf<"error">, "text" | "about">;

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
