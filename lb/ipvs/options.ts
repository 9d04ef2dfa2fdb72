// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { UsageError } from "../../harness/api/index.ts";
import { mssClamp } from "../linux/mss-clamp.ts";
import { checkWeights, timeouts, weights } from "../linux/options.ts";
import { checkRoom, randomFully, snatPorts } from "../linux/room.ts";

export const SCHEDULERS = ["rr", "wrr", "lc", "wlc", "sh", "dh", "mh", "sed", "nq"] as const;
/** Those that choose by a hash. */
const HASHING = ["sh", "dh", "mh"] as const;
export type Hashing = (typeof HASHING)[number];

const flag = z.stringbool();

export const options = z.strictObject({
  forward: z
    .enum(["dsr", "masq", "tun"])
    .default("dsr")
    .describe("direct routing by MAC address, NAT, or IP in IP; replies pass the router only with NAT"),
  scheduler: z.enum(SCHEDULERS).default("rr").describe("how a new connection gets its target"),
  weights,
  port: flag.default(false).describe("sh and mh: the source port is hashed too (sh-port, mh-port)"),
  fallback: flag
    .default(false)
    .describe("sh and mh: instead of a drained target take another (sh-fallback, mh-fallback)"),
  sloppyTcp: flag
    .default(false)
    .describe("a TCP connection that the router does not know is taken for a new one (net.ipv4.vs.sloppy_tcp)"),
  persistence: z.coerce
    .number()
    .int()
    .min(0)
    .max(86_400)
    .default(0)
    .describe("seconds for which a source stays with its target (0: it does not)"),
  timeouts,
  ops: flag
    .default(false)
    .describe("UDP: one-packet scheduling, each datagram is scheduled for itself and nothing is remembered"),
  fwmark: flag.default(false).describe("one service for a firewall mark instead of one for each port"),
  leave: z
    .enum(["remove", "drain", "dead"])
    .default("remove")
    .describe(
      "a target that leaves is removed, or gets weight 0 and keeps its connections; dead: the same, and it has died, so that they hang",
    ),
  expireNodest: flag
    .default(true)
    .describe("connections of a removed target end at once, not by time-out (net.ipv4.vs.expire_nodest_conn)"),
  expireQuiescent: flag
    .default(false)
    .describe("persistence forgets drained targets (net.ipv4.vs.expire_quiescent_template)"),
  masquerade: flag
    .optional()
    .describe("with NAT: the router's own address is the source (default: only with several routers)"),
  connReuseMode: z.coerce
    .number()
    .int()
    .min(0)
    .max(3)
    .default(1)
    .describe(
      "a 5-tuple opened again: 0 to its target, 1 chosen anew after TIME_WAIT, 2 and 3 with dsr too (net.ipv4.vs.conn_reuse_mode)",
    ),
  snatPorts,
  randomFully,
  mssClamp,
  announceMtu: z.coerce
    .number()
    .int()
    .min(1280)
    .max(1500)
    .optional()
    .describe(
      "path MTU in bytes: targets announce an MSS that fits it, so that requests fit into a tunnel (the links' MTU)",
    ),
  sync: flag.default(false).describe("routers tell each other their connections (master and backup daemons)"),
});
export type Options = z.infer<typeof options>;

export const isHashing = (scheduler: string): scheduler is Hashing =>
  (HASHING as readonly string[]).includes(scheduler);

export const looksAtWeights = (scheduler: string): boolean => !["rr", "lc", "dh"].includes(scheduler);

export const weightless = (scheduler: string): string =>
  `Scheduler '${scheduler}' does not look at weights. Try scheduler=wrr, wlc, sh or mh.`;

/** Throws UsageError when options do not fit together. */
export function check({ scheduler, port, fallback, forward, masquerade, ...given }: Options, targets: number): void {
  checkWeights(given.weights, targets);
  const hashed = scheduler === "sh" || scheduler === "mh";
  if ((port || fallback) && !hashed)
    throw new UsageError(`port and fallback are options of the schedulers sh and mh, not of '${scheduler}'.`);
  if (given.ops && forward === "masq")
    throw new UsageError(
      "With ops=true nobody knows to whom a reply belongs, so forward=masq cannot be. Try dsr or tun.",
    );
  if (given.ops && given.leave === "dead")
    throw new UsageError("With ops=true nothing is remembered that could be stale. Try leave=remove.");
  checkRoom(given, forward === "masq" ? (masquerade ?? null) : false, "forward=masq and masquerade=true");
  checkForward({ forward, masquerade, announceMtu: given.announceMtu });
  if (given.weights && !looksAtWeights(scheduler)) throw new UsageError(weightless(scheduler));
}

function checkForward({ forward, masquerade, announceMtu }: Pick<Options, "forward" | "masquerade" | "announceMtu">) {
  if (masquerade !== undefined && forward !== "masq")
    throw new UsageError(`masquerade goes with forward=masq: with '${forward}' targets see the client's address.`);
  if (announceMtu !== undefined && forward === "masq")
    throw new UsageError("announceMtu is for targets that answer past the router. Try forward=tun or dsr.");
}
