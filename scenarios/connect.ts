// SPDX-License-Identifier: Apache-2.0
import { EVENTS, type Plan, type Scenario, type ScenarioOptions, UsageError } from "../harness/api/index.ts";

/** Seconds of the second and the third visit, and of the event before the third. */
const AGAIN = { visitsS: [0, 2.5, 5], leaveS: 4 } as const;

export const connect: Scenario = {
  name: "connect",
  summary: "Each connection is made once and answered with the target's name: does every target get its share?",
  routers: 1,
  plan: (options) => (options.sameTuple ? comeAgain(options) : { mode: "connect", durationS: 0, out: [], steps: [] }),
};

/** The same 5-tuples three times; before the third some of the targets leave. */
function comeAgain({ targets, routers, scale, durationS, atS }: ScenarioOptions): Plan {
  if (routers > 1)
    throw new UsageError(`--same-tuple is judged with one router, as each remembers what it saw. Try --routers 1.`);
  if (durationS !== null || atS !== null)
    throw new UsageError("With --same-tuple 'connect' has times of its own: it takes neither --at nor --duration.");
  const gone = scale.filter((number) => number <= targets);
  if (gone.length >= targets)
    throw new UsageError(
      `Before the third visit ${gone.join(" and ")} leave, and none is left. Try --targets ${targets + 2}.`,
    );
  const steps = [{ atS: AGAIN.leaveS, event: EVENTS.scale_in, members: gone }];
  return { mode: "connect", durationS: AGAIN.visitsS[2], out: [], steps, visitsS: AGAIN.visitsS };
}
