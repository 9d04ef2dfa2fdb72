// SPDX-License-Identifier: Apache-2.0
// What a generator says of a stream of connections, as lines of events.ndjson.
import { z } from "zod";
import { byCause, count, family, integrity, protocol, streamName, time } from "./base.ts";

/** One kind of event. */
export const kind = <K extends string, S extends z.ZodRawShape>(name: K, shape: S) =>
  z.object({ kind: z.literal(name), t: time, ...shape });

export const streamStart = kind("stream_start", {
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
  /** Connections that come all the time, each for one answer, besides those that last: they tell when new ones are served. */
  arrivals: z.literal(true).exactOptional(),
  /**
   * Its connections come and go by a plan, at most so many at a time, and none is opened again. Of one that ended as planned the end is
   * when its last message was due. Of what fails before the end of the warm-up nothing is said.
   */
  open: z.object({ warmUpUs: count, peak: count }).exactOptional(),
  /** What is opened again has the 5-tuple that it had. */
  sameTuple: z.literal(true).exactOptional(),
  /** Where the second path of each of its associations leads, from the same offsets and ports. */
  second: z
    .strictObject({ srcCidr: z.union([z.cidrv4(), z.cidrv6()]), dst: z.union([z.ipv4(), z.ipv6()]) })
    .exactOptional(),
  /** It goes to the own address of this target, past the balancer, from 5-tuples' sources that other streams use. */
  direct: z.string().exactOptional(),
  /** Its connections are those that an attacker chose for this target: one who knows the hash with its seed, or one who guesses the seed. */
  attack: z.object({ by: z.enum(["knows", "guesses"]), victim: z.string() }).exactOptional(),
});
export type StreamStart = z.infer<typeof streamStart>;

export const sample = kind("sample", {
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
