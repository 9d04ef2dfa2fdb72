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
import { withSteps } from "./scale.ts";
import { seedIsSettable } from "./seed.ts";

export const routerCrash: Scenario = {
  name: "router_crash",
  summary: "The last router dies at 4 s, its links stay up, and nobody is told: who finds out, and when?",
  routers: 2,
  missing: seedIsSettable,
  plan: (options) => planned("router_crash", options, { durationS: 12, atS: [4], events: [EVENTS.router_crash] }),
};

export const routerLink: Scenario = {
  name: "router_link",
  summary: "The last router's links go down at 4 s and up again at 11 s, and nobody is told.",
  routers: 2,
  missing: seedIsSettable,
  plan: (options) =>
    planned("router_link", options, {
      durationS: 16,
      atS: [4, 11],
      events: [EVENTS.router_link, EVENTS.router_relink],
    }),
};

export const routerPause: Scenario = {
  name: "router_pause",
  summary: "Nothing passes the last router from 4 s to 11 s, and nobody is told, not even itself: then there are two.",
  routers: 2,
  missing: seedIsSettable,
  plan: (options) =>
    planned("router_pause", options, {
      durationS: 16,
      atS: [4, 11],
      events: [EVENTS.router_pause, EVENTS.router_resume],
    }),
};

function planned(
  name: string,
  options: ScenarioOptions,
  schedule: { durationS: number; atS: readonly number[]; events: readonly EventDefinition[] },
): Plan {
  const { routers } = options;
  if (routers < 2)
    throw new UsageError(`Cannot run '${name}' with ${routers} router: one has to remain. Try --routers 2.`);
  const plan = withSteps(name, { ...options, scale: [routers] }, { ...schedule, outAtStart: false });
  return { ...plan, arrivals: ARRIVALS };
}
