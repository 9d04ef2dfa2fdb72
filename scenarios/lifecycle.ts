// SPDX-License-Identifier: Apache-2.0
import {
  EVENTS,
  type EventDefinition,
  type Plan,
  type Scenario,
  type ScenarioOptions,
  UsageError,
} from "../harness/api/index.ts";
import { ARRIVALS } from "./arrivals.ts";
import { timesOf } from "./scale.ts";

/** TCP tries again after as long as it has waited so far, and once more. */
const AFTER_S = 4;

export const restart: Scenario = {
  name: "restart",
  summary: "The balancer is stopped at 4 s and started again at 4.5 s, under live and new connections.",
  routers: 1,
  needs: "restart",
  plan: (options) =>
    planned("restart", options, { atS: [4, 4.5], events: [EVENTS.balancer_stop, EVENTS.balancer_restart] }),
};

export const crash: Scenario = {
  name: "crash",
  summary: "The balancer is killed at 4 s, or its rules vanish, and it is started again at 4.5 s.",
  routers: 1,
  needs: "restart",
  plan: (options) =>
    planned("crash", options, { atS: [4, 4.5], events: [EVENTS.balancer_kill, EVENTS.balancer_restart] }),
};

export const reload: Scenario = {
  name: "reload",
  summary: "The balancer takes its configuration anew at 4 s, in its own way: who is served meanwhile?",
  routers: 1,
  needs: "reload",
  plan: (options) => planned("reload", options, { atS: [4], events: [EVENTS.balancer_reload] }),
};

export const upgrade: Scenario = {
  name: "upgrade",
  summary: "Another build of the balancer, or one with other options, takes over at 4 s.",
  routers: 1,
  needs: "upgrade",
  plan: (options) => planned("upgrade", options, { atS: [4], events: [EVENTS.balancer_upgrade] }),
};

function planned(
  name: string,
  options: ScenarioOptions,
  schedule: { atS: readonly number[]; events: readonly EventDefinition[] },
): Plan {
  const { routers, durationS } = options;
  const { events } = schedule;
  const atS = timesOf(name, options, schedule);
  const last = atS.at(-1) ?? 0;
  const lasts = durationS ?? last + AFTER_S;
  if (lasts < last + 1)
    throw new UsageError(
      `Cannot run '${name}' in ${lasts} s: connections need a second after its last event at ${last} s. Try a longer --duration.`,
    );
  const members = Array.from({ length: routers }, (_, i) => i + 1);
  return {
    mode: "stream",
    durationS: lasts,
    out: [],
    arrivals: ARRIVALS,
    steps: events.map((event, i) => ({ atS: atS[i] ?? 0, event, members })),
  };
}
