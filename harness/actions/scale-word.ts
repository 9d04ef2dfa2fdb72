// SPDX-License-Identifier: Apache-2.0
import { COMMAND_LINE } from "../cli/layers.ts";
import type { Case } from "../plan/catalog.ts";
import type { RunOptions } from "../plan/options.ts";
import { scenarioOptions } from "../plan/scenario-options.ts";
import { UsageError } from "../util/errors.ts";

/** A --scale that somebody typed, and that no case would ask: he expects targets to leave. Throws UsageError. */
export function checkScale(cases: readonly Case[], options: RunOptions, given: ReadonlyMap<string, string>): void {
  const [first] = cases;
  if (given.get("scale") !== COMMAND_LINE || !first || cases.some((one) => asksScale(one, options))) return;
  throw new UsageError(`In '${first.scenario.name}' no target of --scale leaves or joins: leave it out. Try 'scale'.`);
}

/** Its plan is another one with other targets, or with none. */
function asksScale({ scenario }: Case, options: RunOptions): boolean {
  const planOf = (scale: readonly number[]) => {
    try {
      return JSON.stringify(scenario.plan(scenarioOptions(scenario, { ...options, scale: [...scale] })));
    } catch (error) {
      if (error instanceof UsageError) return null;
      throw error;
    }
  };
  const plan = planOf(options.scale);
  return plan === null || [[1], [2]].some((scale) => planOf(scale) !== plan);
}
