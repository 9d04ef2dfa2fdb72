// SPDX-License-Identifier: Apache-2.0
// What hostile neighbours did, as summary.json has it.
import { z } from "zod";
import { count } from "./base.ts";
import { interval } from "./event-summary.ts";

/** Connections that an attacker chose for one target, those that were answered, and of them those on it; so many were to be. */
const attacker = z.object({
  connections: count,
  answered: count,
  onVictim: count,
  low: count,
  high: count,
  /** Answered by another target than the oracle predicted. */
  mispredicted: count,
});

export const collide = z.object({ victim: z.string(), secret: z.boolean(), knows: attacker, guesses: attacker });
export type CollideSummary = z.infer<typeof collide>;

export const flood = z.object({
  of: z.enum(["syn", "datagram"]),
  perS: z.number(),
  fromMs: z.number(),
  untilMs: z.number(),
  sent: count,
  /** As many as were asked for. */
  due: count,
  /** New connections that were meant, from its beginning on, and those of them whose first packet had no answer. */
  attempts: count,
  missed: count,
  /** Those that were to have none, and how many chance, and a tenth, let differ. */
  predicted: z.number(),
  interval,
  /** What it was to fill: conntrack's table, listeners' room for half-open connections. Empty: nothing. */
  fills: z.array(z.enum(["conntrack", "backlog"])),
  /** The balancer answered the SYNs itself, and told nobody of them. */
  shielded: z.literal(true).exactOptional(),
  /** Conntrack's entries on the router, their limit, and as many as were to be. Absent: there are none. */
  entries: z.object({ most: count, before: count, after: count, predicted: count }).exactOptional(),
  /** Packets that the machine, or a queue to user space, was too slow for. */
  overrun: count,
});
export type FloodSummary = z.infer<typeof flood>;
