// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { leave } from "../linux/conntrack.ts";
import { mssClamp } from "../linux/mss-clamp.ts";
import { timeouts } from "../linux/options.ts";
import { conntrackMax } from "../linux/room.ts";
import { tableOptions } from "../linux/table.ts";

export const options = z.strictObject({
  ...tableOptions(16_777_213),
  sctpHash: z
    .enum(["ports", "flow"])
    .default("ports")
    .describe(
      "what of an SCTP packet is hashed: its ports, so that all paths of an association meet, or addresses too; with ports=false addresses only",
    ),
  queues: z.coerce.number().int().min(1).max(16).default(1).describe("NFQUEUEs, with a thread each"),
  perCpu: z
    .stringbool()
    .default(false)
    .describe("a queue for each CPU, whatever `queues` says, whose thread stays there"),
  batch: z.coerce.number().int().min(1).max(256).default(64).describe("packets per receive and verdict call"),
  qlength: z.coerce.number().int().min(1).max(1_000_000).default(16_384).describe("packets that may wait in a queue"),
  receiveBuffer: z.coerce
    .number()
    .int()
    .min(4608)
    .max(2 ** 31 - 1)
    .optional()
    .describe("bytes of kernel memory for packets on their way to user space (default: so many that qlength fits)"),
  failOpen: z.stringbool().default(false).describe("packets that find the queue full pass where routes lead them"),
  noTargets: z
    .enum(["drop", "unreachable", "refuse"])
    .default("drop")
    .describe("packets without an active target: dropped, or answered with ICMP (no route), or with a reset"),
  synOnly: z
    .stringbool()
    .default(false)
    .describe("only the first packets of a TCP connection are asked about; conntrack's mark carries the rest"),
  udp: z.stringbool().default(false).describe("with synOnly: UDP flows are remembered too"),
  oneWay: z
    .stringbool()
    .optional()
    .describe("with synOnly: the router does not see the replies (default: only with several routers)"),
  leave,
  timeouts,
  conntrackMax,
  mssClamp,
  fragments: z
    .stringbool()
    .default(false)
    .describe("keep the fragments of a datagram together, at the target of its flow"),
  fragmentTtl: z.coerce
    .number()
    .int()
    .min(1)
    .max(60_000)
    .default(500)
    .describe("milliseconds that a datagram's fragments may be apart"),
  fragmentBytes: z.coerce
    .number()
    .int()
    .min(2 ** 17)
    .max(2 ** 30)
    .default(2 ** 24)
    .describe("bytes of fragments that wait for their first one, at most"),
  reassembler: z
    .stringbool()
    .default(false)
    .describe("with fragments: a datagram is forgotten once all of its fragments have passed"),
});
export type Options = z.infer<typeof options>;
