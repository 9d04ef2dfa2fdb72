// SPDX-License-Identifier: Apache-2.0
import { type Scenario, UsageError } from "../harness/api/index.ts";

/** Datagrams up to this size, 21 fragments over Ethernet. */
const LARGEST = 30_000;

export const frag: Scenario = {
  name: "frag",
  summary:
    "UDP datagrams as fragments, in evil orders and by all routers at random; each must arrive whole, at one target.",
  routers: 1,
  needs: "fragments",
  protocol: { only: "udp", why: "'frag' sends datagrams: TCP fits its segments to the way." },
  set: { fragments: "true" },
  plan({ atS, durationS }) {
    if (atS !== null) throw new UsageError("'frag' has no events, so --at has nothing to move.");
    return { mode: "fragments", durationS: durationS ?? 10, out: [], steps: [], rate: 2000, size: LARGEST };
  },
};
