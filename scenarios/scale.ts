// SPDX-License-Identifier: Apache-2.0

import {
  EVENTS,
  type EventDefinition,
  memberNoun,
  type Plan,
  type Scenario,
  type ScenarioOptions,
  UsageError,
} from "../harness/api/index.ts";
import { seedIsSettable } from "./seed.ts";

export const scale: Scenario = {
  name: "scale",
  summary: "Targets leave at 5 s and return at 15 s, under live connections.",
  routers: 1,
  plan: (options) =>
    withSteps("scale", options, {
      durationS: 20,
      atS: [5, 15],
      events: [EVENTS.scale_in, EVENTS.scale_out],
      outAtStart: false,
    }),
};

export const scaleIn: Scenario = {
  name: "scale_in",
  summary: "Targets leave at 4 s, under live connections.",
  routers: 1,
  plan: (options) =>
    withSteps("scale_in", options, { durationS: 10, atS: [4], events: [EVENTS.scale_in], outAtStart: false }),
};

export const scaleOut: Scenario = {
  name: "scale_out",
  summary: "Targets that were out from the start come at 4 s, under live connections.",
  routers: 1,
  plan: (options) =>
    withSteps("scale_out", options, { durationS: 10, atS: [4], events: [EVENTS.scale_out], outAtStart: true }),
};

export const scaleLb: Scenario = {
  name: "scale_lb",
  summary:
    "The last router leaves the routes of tester and targets at 5 s and returns at 15 s, under live connections.",
  routers: 2,
  plan(options) {
    if (options.routers < 2)
      throw new UsageError(`Cannot run 'scale_lb' with ${options.routers} router: one has to remain. Try --routers 2.`);
    const schedule = {
      durationS: 20,
      atS: [5, 15],
      events: [EVENTS.router_out, EVENTS.router_in],
      outAtStart: false,
    } as const;
    return withSteps("scale_lb", { ...options, scale: [options.routers] }, schedule);
  },
};

export const drift: Scenario = {
  name: "drift",
  summary: "Targets leave at 5 s, but one router keeps its old list of targets until 10 s, under live connections.",
  routers: 2,
  missing: seedIsSettable,
  plan(options) {
    if (options.routers < 2)
      throw new UsageError(
        `Cannot run 'drift' with ${options.routers} router: one has to know better. Try --routers 2.`,
      );
    return withSteps("drift", options, {
      durationS: 15,
      atS: [5, 10],
      events: [EVENTS.drift, EVENTS.drift_end],
      outAtStart: false,
    });
  },
};

export const churn: Scenario = {
  name: "churn",
  summary:
    "Targets leave at 5 s and return at 10 s, and another one leaves at 15 s: who gets the connections that are opened again?",
  routers: 1,
  plan(options) {
    const events = [EVENTS.scale_in, EVENTS.scale_out, EVENTS.scale_in];
    const schedule = { durationS: 20, atS: [5, 10, 15], events, outAtStart: false };
    const plan = withSteps("churn", options, schedule);
    const other = Array.from({ length: options.targets }, (_, i) => i + 1).find((n) => !options.scale.includes(n)) ?? 1;
    return { ...plan, steps: plan.steps.map((step, i) => (i === 2 ? { ...step, members: [other] } : step)) };
  },
};

export const failure: Scenario = {
  name: "failure",
  summary: "Targets die at 4 s and are back at 12 s, and nobody tells the balancer: when does it find out?",
  routers: 1,
  needs: "health_checks",
  plan(options) {
    // More times than two: they die and return again and again.
    const times = Math.max(2, (options.atS?.length ?? 2) & ~1);
    const events = Array.from({ length: times }, (_, i) => (i % 2 === 0 ? EVENTS.failure : EVENTS.failure_end));
    const atS = events.map((_, i) => 4 + 8 * i);
    return withSteps("failure", options, { durationS: (atS.at(-1) ?? 0) + 5, atS, events, outAtStart: false });
  },
};

export const hotplug: Scenario = {
  name: "hotplug",
  summary: "Targets that nobody configured appear at 4 s, under live connections: does the balancer find them?",
  routers: 1,
  needs: "hotplug",
  set: { hotplug: "true" },
  plan: (options) =>
    withSteps("hotplug", options, { durationS: 12, atS: [4], events: [EVENTS.appearance], outAtStart: true }),
};

export const addUnknown: Scenario = {
  name: "add_unknown",
  summary:
    "Targets that were never there before, and that the balancer does not know, come at 4 s, under live connections.",
  routers: 1,
  plan: (options) =>
    withSteps("add_unknown", options, {
      durationS: 10,
      atS: [4],
      events: [EVENTS.add_unknown],
      outAtStart: true,
    }),
};

interface Schedule {
  durationS: number;
  atS: readonly number[];
  events: readonly EventDefinition[];
  outAtStart: boolean;
}

export function withSteps(name: string, options: ScenarioOptions, schedule: Schedule): Plan {
  if (schedule.events.some((event) => memberNoun(event) === "target")) checkMembers(name, options, schedule);
  const atS = timesOf(name, options, schedule);
  const last = atS.at(-1) ?? 0;
  const durationS =
    options.durationS ?? (options.atS ? last + schedule.durationS - (schedule.atS.at(-1) ?? 0) : schedule.durationS);
  if (durationS <= last)
    throw new UsageError(
      `Cannot run '${name}' in ${durationS} s: its last event is at ${last} s. Try a longer --duration, or move the events with --at.`,
    );
  return {
    mode: "stream",
    durationS,
    out: schedule.outAtStart ? options.scale : [],
    steps: schedule.events.map((event, i) => ({ atS: atS[i] ?? 0, event, members: options.scale })),
  };
}

/** When the events come, in seconds. Throws UsageError where --at does not give each a time. */
export function timesOf(
  name: string,
  { atS: given }: Pick<ScenarioOptions, "atS">,
  { atS: own, events }: Pick<Schedule, "atS" | "events">,
): readonly number[] {
  const atS = given ?? own;
  if (atS.length === events.length && atS.every((s, i) => s > (atS[i - 1] ?? 0))) return atS;
  const taken =
    events.length === 1 ? "1 event: --at takes its time" : `${events.length} events: --at takes as many rising times`;
  throw new UsageError(`'${name}' has ${taken}, not '${atS.join(" ")}'.`);
}

function checkMembers(name: string, { scale: members, targets }: ScenarioOptions, { outAtStart }: Schedule): void {
  const wrong = members.find((n) => n < 1 || n > targets);
  if (wrong !== undefined)
    throw new UsageError(`There is no target ${wrong}: --scale takes numbers from 1 to ${targets}.`);
  if (members.length === 0) throw new UsageError("--scale names no target.");
  if (new Set(members).size !== members.length)
    throw new UsageError(`--scale names a target twice: '${members.join(" ")}'.`);
  if (outAtStart && members.length >= targets)
    throw new UsageError(
      `With --scale naming all ${targets} targets '${name}' begins with none, and no connection could be opened. Leave one out.`,
    );
}
