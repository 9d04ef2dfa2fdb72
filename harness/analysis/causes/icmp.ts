// SPDX-License-Identifier: Apache-2.0
import type { RootCause } from "../../record/schema.ts";
import type { Hop } from "../../tap/journey.ts";

/** What an ICMP error says of the way to a target, by its type, and by its code where that matters; null: nothing. */
export function icmpCause(hop: Pick<Hop, "icmp"> | null): RootCause | null {
  const icmp = hop?.icmp;
  if (!icmp) return null;
  const [unreachable, port, tooBig, exceeded] = icmp.family === 4 ? [3, 3, 4, 11] : [1, 4, -1, 3];
  if (icmp.type === exceeded) return "no_route";
  if (icmp.family === 6 && icmp.type === 2) return "mtu";
  if (icmp.type !== unreachable) return null;
  if (icmp.code === port) return "target_dead";
  return icmp.code === tooBig ? "mtu" : "no_route";
}
