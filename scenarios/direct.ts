// SPDX-License-Identifier: Apache-2.0
import { type Scenario, UsageError } from "../harness/api/index.ts";

/** When the connections to targets' own addresses begin, and when all traffic ends. */
const [DIRECT_S, END_S] = [3, 6] as const;

export const direct: Scenario = {
  name: "direct",
  summary:
    "Clients use the VIP and, from the same source address and port, a target's own address: which of the two connections live?",
  routers: 1,
  plan({ durationS, atS, routers }) {
    if (durationS !== null || atS !== null)
      throw new UsageError("'direct' has times of its own: it takes neither --at nor --duration.");
    if (routers > 1)
      throw new UsageError("'direct' is judged with one router, as each remembers what it saw. Try --routers 1.");
    return { mode: "stream", durationS: END_S, directS: DIRECT_S, out: [], steps: [] };
  },
};
