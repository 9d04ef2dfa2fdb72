// SPDX-License-Identifier: Apache-2.0
import { EVENTS, type Scenario, UsageError } from "../harness/api/index.ts";

/** Seconds: the second visit comes while a 5-tuple is remembered, the third when it is not any more, the fourth after targets left. */
const VISITS_S = [0, 1, 5, 6.5] as const;
const LEAVE_S = 5.75;

export const reuse: Scenario = {
  name: "reuse",
  summary:
    "Clients use the same ports again, within TIME_WAIT and the balancer's time-outs, after them, and after their target left: where do they come?",
  routers: 1,
  // In small: what is remembered for 2 s is forgotten after 4.
  set: { timeouts: "2,2,2" },
  plan({ targets, routers, scale, durationS, atS }) {
    if (routers > 1)
      throw new UsageError("'reuse' is judged with one router, as each remembers what it saw. Try --routers 1.");
    if (durationS !== null || atS !== null)
      throw new UsageError("'reuse' has times of its own: it takes neither --at nor --duration.");
    const gone = scale.filter((number) => number <= targets);
    if (gone.length >= targets)
      throw new UsageError(
        `Before the last visit ${gone.join(" and ")} leave, and none is left. Try --targets ${targets + 2}.`,
      );
    return {
      mode: "connect",
      durationS: VISITS_S[3],
      sameTuple: true,
      visitsS: VISITS_S,
      out: [],
      steps: [{ atS: LEAVE_S, event: EVENTS.scale_in, members: gone }],
    };
  },
};
