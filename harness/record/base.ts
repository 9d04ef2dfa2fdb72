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
export const reuse = z.strictObject({ after: z.enum(["again", "same"]), gone: z.enum(["again", "same", "lost"]) });
export type Reuse = z.infer<typeof reuse>;

/** Source ports with the router's own address: the client's wherever it is free, or any at random. */
export const snat = z.enum(["kept", "random"]);
export type Snat = z.infer<typeof snat>;

export const family = z.union([z.literal(4), z.literal(6)]);
export type Family = z.infer<typeof family>;
export const protocol = z.enum(["tcp", "udp"]);
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
