// SPDX-License-Identifier: Apache-2.0
// Trains: changes that follow each other at a rate.
import { EVENTS, type Plan, type Scenario, type ScenarioOptions, UsageError } from "../harness/api/index.ts";
import { withSteps } from "./scale.ts";

const FIRST_S = 4;

export const rolling: Scenario = {
  name: "rolling",
  summary: "Each target in turn leaves and returns before the next one leaves, under live connections.",
  routers: 1,
  hasRate: true,
  plan(options) {
    if (options.targets < 2)
      throw new UsageError("Cannot run 'rolling' with 1 target: another one has to remain. Try --targets 2.");
    const member = (i: number) => (Math.floor(i / 2) % options.targets) + 1;
    const plan = train("rolling", { ...options, scale: [1] }, { perMinute: 30, changes: 2 * options.targets });
    return { ...plan, steps: plan.steps.map((step, i) => ({ ...step, members: [member(i)] })) };
  },
};

export const flap: Scenario = {
  name: "flap",
  summary: "The same targets leave and return again and again, under live connections.",
  routers: 1,
  hasRate: true,
  plan: (options) => train("flap", options, { perMinute: 30, changes: 6 }),
};

/** Targets leave and return by turns, from 4 s on: at times of the user's, or for as long as the user says, or `changes` times. */
function train(
  name: string,
  options: ScenarioOptions,
  { perMinute, changes }: { perMinute: number; changes: number },
): Plan {
  const { atS, durationS, changesPerMinute } = options;
  if (atS && changesPerMinute !== null)
    throw new UsageError("--at has the times of the changes already: it takes no --changes-per-minute.");
  const gapS = 60 / (changesPerMinute ?? perMinute);
  const fitting = durationS === null ? changes : Math.floor((durationS - FIRST_S) / gapS + 1e-9);
  const count = atS?.length ?? fitting;
  if (count < 1)
    throw new UsageError(
      `Cannot run '${name}' in ${durationS} s: its first change is at ${FIRST_S} s, and the next ${gapS} s later.`,
    );
  const places = Array.from({ length: count }, (_, i) => i);
  return withSteps(name, options, {
    durationS: FIRST_S + count * gapS,
    atS: places.map((i) => FIRST_S + i * gapS),
    events: places.map((i) => (i % 2 === 0 ? EVENTS.scale_in : EVENTS.scale_out)),
    outAtStart: false,
  });
}

/** What the targets of --scale weigh, where the others weigh 1. */
const WEIGHT = 3;

export const weights: Scenario = {
  name: "weights",
  summary: `Targets get ${WEIGHT} times their weight at 4 s, and lose it again at 10 s, under live connections.`,
  routers: 1,
  needs: "weights",
  hasRate: true,
  plan(options) {
    const { scale, targets } = options;
    const plan = train("weights", options, { perMinute: 10, changes: 2 });
    const weighed = (weight: number) => Array.from({ length: targets }, (_, i) => (scale.includes(i + 1) ? weight : 1));
    return {
      ...plan,
      steps: plan.steps.map((step, i) => ({
        ...step,
        event: EVENTS.weights,
        weights: weighed(i % 2 === 0 ? WEIGHT : 1),
      })),
    };
  },
};

export const drain: Scenario = {
  name: "drain",
  summary: "Targets get no new connections from 4 s on, keep those that they have, and are gone at 9 s.",
  routers: 1,
  set: { leave: "drain" },
  unfit: (oracle) =>
    oracle?.strategy === "stateful" && !oracle.flush
      ? null
      : "Targets are drained by balancers that remember connections: this one moves them, or cuts them, at once.",
  plan: (options) =>
    withSteps("drain", options, {
      durationS: 16,
      atS: [FIRST_S, 9],
      events: [EVENTS.scale_in, EVENTS.deadline],
      outAtStart: false,
    }),
};
