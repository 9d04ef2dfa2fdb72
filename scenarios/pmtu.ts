// SPDX-License-Identifier: Apache-2.0
import { type Scenario, UsageError } from "../harness/api/index.ts";

/** Smaller than Ethernet's, larger than what IPv6 guarantees. */
const MTU = 1300;

export const pmtu: Scenario = {
  name: "pmtu",
  summary: `Answers larger than the MTU of the way back (${MTU}): ICMP errors must find the target of their flow, or connections stall; with --icmp drop they do.`,
  routers: 1,
  needs: "icmp_errors",
  protocol: { only: "tcp", why: "'pmtu' needs TCP: UDP answers of that size are fragments, which 'frag' has." },
  plan({ atS, durationS, icmp }) {
    if (atS !== null) throw new UsageError("'pmtu' has no events, so --at has nothing to move.");
    const blackHole = icmp === "drop" ? { icmpDropped: true as const } : {};
    return {
      mode: "stream",
      durationS: durationS ?? 10,
      out: [],
      steps: [],
      size: 8000,
      squeezeMtu: MTU,
      ...blackHole,
    };
  },
};
