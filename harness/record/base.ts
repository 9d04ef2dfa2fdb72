// SPDX-License-Identifier: Apache-2.0
// Values that all files of a record are made of. Times are CLOCK_MONOTONIC nanoseconds (below 2^53 for the first 104 days of
// uptime), durations carry their unit in their name.
import { z } from "zod";

/** Version of the record's format that is written. Older ones are read (upgrade.ts). */
export const SCHEMA = 2;
export const schemaVersion = z.int().min(1).max(SCHEMA);

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

export const count = z.int().min(0);
export const time = z.int();
const lossCause = z.enum(CAUSES).exclude(["none"]);
export const byCause = z.partialRecord(lossCause, count);
export type ByCause = z.infer<typeof byCause>;

/**
 * What ended a connection in the first place, a closed list; `CAUSES` are what its client saw of it. Records and gates name them:
 * append, never rename. docs/explain.md describes each.
 */
export const ROOTS = [
  "moved_by_table",
  "stale_table",
  "misrouted",
  "target_gone",
  "target_dead",
  "target_frozen",
  "target_slow",
  "target_full",
  "state_flushed",
  "state_missing",
  "state_evicted",
  "state_expired",
  "not_tracked",
  "balancer_down",
  "rules_missing",
  "queue_overrun",
  "dropped_by_router",
  "no_route",
  "reverse_path_filter",
  "mtu",
  "checksum",
  "link_loss",
  "link_down",
  "foreign_reset",
  "port_reused",
  "generator",
  "lab",
  "unknown",
] as const;
export const rootCause = z.enum(ROOTS);
export type RootCause = z.infer<typeof rootCause>;
export const byRoot = z.partialRecord(rootCause, count);
export type ByRoot = z.infer<typeof byRoot>;

/** What of the lab broke, and where. */
export const faultSubject = z.strictObject({
  what: z.enum(["link", "routes", "rules", "server", "generator"]),
  /** A machine, or a generator's stream. */
  where: z.string(),
});
export type FaultSubject = z.infer<typeof faultSubject>;

/** What becomes of an attempt to connect while no target is in use. */
export const withoutTargets = z.enum(["silence", "unreachable", "refused"]);
export type WithoutTargets = z.infer<typeof withoutTargets>;

/** So many connections are let in at a time; the first packet of one more is dropped, each time that it is sent again. */
export const room = z.strictObject({
  /** Entries of conntrack's table, for each router; or ports of its own address, for each router, family and target. */
  what: z.enum(["conntrack", "snat_ports"]),
  /** The option that limits it, with its value. */
  option: z.string(),
  most: count,
  /** So many certainly find room: where there are many ports, not all are tried. */
  sure: count,
  /** New connections are given to equal targets in turn, so that none is full before the others. */
  inTurn: z.literal(true).exactOptional(),
});
export type Room = z.infer<typeof room>;

/**
 * A 5-tuple that is opened again soon after it was closed: a target is chosen anew ("again"), or it comes to the one that it had ("same").
 * `gone`: that one is no longer in use; "lost": its packets come to nothing.
 */
export const reuse = z.strictObject({
  after: z.enum(["again", "same"]),
  gone: z.enum(["again", "same", "lost"]),
  /** After so many seconds it is as if it had never been. Absent: that is longer than a run, or not said. */
  forgottenS: z.number().exactOptional(),
});
export type Reuse = z.infer<typeof reuse>;

/**
 * A connection to a target's own address, from the source address and port of one to the VIP: whether it is answered by that
 * target, where the one to the VIP leads to the same target and where it leads to another. The one to the VIP always lives.
 */
export const direct = z.strictObject({ same: z.enum(["lives", "lost"]), other: z.enum(["lives", "lost"]) });
export type Direct = z.infer<typeof direct>;

/** Until a balancer that was stopped, killed, reloaded or replaced serves again. */
export const disruption = z.strictObject({
  /**
   * Connections that are open: carried on; without an answer meanwhile; ended when they send meanwhile; ended at once; or some of them
   * ended, and nobody can know which.
   */
  open: z.enum(["served", "silence", "reset", "lost", "some_lost"]),
  /** Attempts to connect: served, or what becomes of them. */
  fresh: z.enum(["served", ...withoutTargets.options]),
  /** What is under way at the very moment may end its connection: a reply that passes without being translated back is answered by a reset. */
  edge: z.literal(true).exactOptional(),
});
export type Disruption = z.infer<typeof disruption>;

/** What the balancer's stop, crash, reload and upgrade cost, by the kind of the event; `keeps` is what outlives its process or rules. */
export const lifecycle = z.strictObject({
  keeps: z.string(),
  balancer_stop: disruption,
  balancer_kill: disruption,
  balancer_reload: disruption.exactOptional(),
  balancer_upgrade: disruption.exactOptional(),
});
export type Lifecycle = z.infer<typeof lifecycle>;

/** Source ports with the router's own address: the client's wherever it is free, or any at random. */
export const snat = z.enum(["kept", "random"]);
export type Snat = z.infer<typeof snat>;

/** How tester and targets find out that a router is dead: not at all, by health checks of their own, or by what the routers say. */
export const ANNOUNCE = ["none", "static", "vrrp", "vrrp-both", "bgp-bird", "bgp-frr"] as const;
/** When listeners answer by SYN cookies, in the order of net.ipv4.tcp_syncookies. */
export const SYN_COOKIES = ["off", "full", "always"] as const;
export type SynCookies = (typeof SYN_COOKIES)[number];

/** By what routers tell each other of connections: conntrackd, which waits for acknowledgements (FTFW) or does not (NOTRACK). */
export const SYNC_WAYS = ["conntrackd", "conntrackd-notrack"] as const;
export type SyncWay = (typeof SYNC_WAYS)[number];

/** How routers ask whether targets answer. */
export const HEALTH_WAYS = ["icmp", "tcp", "udp"] as const;
export const healthWay = z.enum(HEALTH_WAYS);
export type HealthWay = z.infer<typeof healthWay>;

const announce = z.enum(ANNOUNCE);
export type Announce = z.infer<typeof announce>;

/** The timers of it, and what follows from them. */
export const announcement = z.strictObject({
  by: announce,
  /** Between two checks, advertisements or packets; so many have to be missed. */
  intervalMs: z.number(),
  misses: count,
  /** From a router's death until it is found, at the least and at the most; null: never. */
  detectionMs: z.tuple([z.number(), z.number()]).nullable(),
  /** All routers share the flows, by the tester's and the targets' hash; or the last one of those that live has all of them. */
  serves: z.enum(["all", "last"]),
  /** What routers tell each other of connections, and by what. Absent: nothing. */
  sync: z.enum(SYNC_WAYS).exactOptional(),
});
export type Announcement = z.infer<typeof announcement>;

export const family = z.union([z.literal(4), z.literal(6)]);
export type Family = z.infer<typeof family>;
export const protocol = z.enum(["tcp", "udp", "sctp"]);
export type Protocol = z.infer<typeof protocol>;
export const families = z.enum(["4", "6", "both"]);

/** One generator process is a stream; its rows and samples carry its name: "ipv4", or "ipv4/2" for the second of several parts. */
export const streamName = z.string();
export type StreamName = z.infer<typeof streamName>;

/** Datagrams that were sent in fragments in one order. */
export const datagrams = z.object({
  pattern: z.string(),
  sent: count,
  /** Of them, those that a target received whole. */
  arrived: count,
  /** Further ones that lacked a fragment, or had one that contradicts the others. */
  incompleteSent: count,
  /** Of those, the ones that a target received whole. */
  incompleteDelivered: count,
  /** Receipts for something that was never sent so. */
  corrupt: count,
  /** Receipts for a datagram that had one already. */
  duplicates: count,
  /** Receipts by another target than the one that answered its flow first. */
  wrongTarget: count,
});
export type Datagrams = z.infer<typeof datagrams>;

/**
 * Echoes whose content was looked at, since the stream's start: how many, and of them those that were not as they were sent, came
 * twice, or out of order; and all that took longer than the generator's bound.
 */
export const integrity = z.object({
  checked: count,
  corrupt: count,
  duplicates: count,
  reordered: count,
  late: count,
});
export type Integrity = z.infer<typeof integrity>;

/** What went wrong with the connections of one target, since the stream's start; messages but for `resent`. */
export const troubles = z.object({
  corrupt: count,
  duplicates: count,
  reordered: count,
  late: count,
  /** TCP segments that the tester sent again. */
  resent: count,
  /** UDP messages without an answer. */
  unanswered: count,
});
export type Troubles = z.infer<typeof troubles>;

/** IP packets of both directions of a link with a program in it. */
export const linkDeeds = z.object({
  received: z.number(),
  lost: z.number(),
  copied: z.number(),
  damaged: z.number(),
  ahead: z.number(),
  overrun: z.number(),
  refused: z.number(),
});
