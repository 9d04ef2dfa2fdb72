// SPDX-License-Identifier: Apache-2.0
// Targets that are dead when they leave, where a backend's options say so: the same scenario with other events.
import type { Backend } from "../api/backend.ts";
import type { EventDefinition } from "../api/event.ts";
import type { Scenario } from "../api/scenario.ts";
import { EVENTS } from "../events/index.ts";
import { memoryOf } from "../oracle/strategies/registry.ts";
import { UsageError } from "../util/errors.ts";
import type { RunOptions } from "./options.ts";

const DEADLY = new Map<EventDefinition, EventDefinition>([
  [EVENTS.scale_in, EVENTS.death],
  [EVENTS.scale_out, EVENTS.revival],
]);

/** Throws UsageError where the backend remembers nothing that could be stale. */
export function withDeaths(
  scenario: Scenario,
  { backend, backendOptions }: { backend: Backend; backendOptions: Record<string, unknown> },
  { targets, protocol }: Pick<RunOptions, "targets" | "protocol">,
): Scenario {
  if (!backend.leavesDead?.(backendOptions)) return scenario;
  if (memoryOf(backend.oracle(backendOptions, targets, protocol), protocol) === null)
    throw new UsageError(
      `With leave=dead connections hang on stale state, but '${backend.name}' with these options remembers no ${protocol.toUpperCase()} connection.`,
    );
  return {
    ...scenario,
    plan(options) {
      const plan = scenario.plan(options);
      if (!plan.steps.some(({ event }) => event === EVENTS.scale_in)) return plan;
      return { ...plan, steps: plan.steps.map((step) => ({ ...step, event: DEADLY.get(step.event) ?? step.event })) };
    },
  };
}
