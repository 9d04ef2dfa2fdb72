// SPDX-License-Identifier: Apache-2.0
import { EVENTS, type Scenario, UsageError } from "../harness/api/index.ts";
import { withSteps } from "./scale.ts";

const [FROM_S, UNTIL_S, AFTER_S] = [4, 12, 4] as const;

export const deaf: Scenario = {
  name: "deaf",
  summary: "Targets answer health checks but no traffic from 4 to 12 s: nobody finds out, and what goes there is lost.",
  routers: 1,
  without: {
    feature: "health_checks",
    why: "checks its targets by itself, where the traffic goes: what is deaf is dead to it. Try 'failure'.",
  },
  plan(options) {
    if (options.scale.length >= options.targets)
      throw new UsageError("With --scale naming all targets 'deaf' leaves none that hears. Leave one out.");
    return withSteps("deaf", options, {
      durationS: UNTIL_S + AFTER_S,
      atS: [FROM_S, UNTIL_S],
      events: [EVENTS.deaf, EVENTS.deaf_end],
      outAtStart: false,
    });
  },
};
