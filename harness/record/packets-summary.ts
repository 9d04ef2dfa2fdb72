// SPDX-License-Identifier: Apache-2.0
// The part of summary.json that accounts for packets.
import { z } from "zod";
import { linkDeeds } from "./base.ts";

export const packets = z.object({
  /** IP packets by the tester, and to the targets. */
  sent: z.number(),
  received: z.number(),
  dropped: z.record(z.string(), z.number()),
  /** Sent, but neither received nor dropped by name. */
  unaccounted: z.number(),
  /** Received, but never sent: something duplicates packets. Absent: none. */
  duplicated: z.number().exactOptional(),
  /** The backend says that its packets cannot be accounted for: of the two above nothing is known. */
  accounts: z.literal(false).exactOptional(),
  /** Of both, how many this lab shows when it is healthy. Absent in older summaries. */
  noise: z.number().exactOptional(),
  /** `unaccounted` of each family, where no packet was dropped by name and none ended on the way. */
  unaccountedByFamily: z.object({ ipv4: z.number(), ipv6: z.number() }).exactOptional(),
  /** IP packets by the targets, and to the tester, as above. Only where nothing else can have sent, ended or dropped any. */
  answers: z
    .object({
      sent: z.number(),
      received: z.number(),
      unaccounted: z.number(),
      duplicated: z.number(),
      noise: z.number(),
    })
    .exactOptional(),
  /** Packets that ended at a proxy, and those that it sent instead. */
  relayed: z.object({ in: z.number(), out: z.number() }).exactOptional(),
  /** Packets of health checks that the routers sent to the targets. Absent: there are none. */
  probes: z.number().exactOptional(),
  /** What a program in a link did to packets of both directions, as was asked for. */
  path: linkDeeds.exactOptional(),
  /** Of those sent, the ICMP errors of the machine between tester and routers; only where there is one. */
  icmpErrors: z.number().exactOptional(),
});
