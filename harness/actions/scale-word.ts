// SPDX-License-Identifier: Apache-2.0
import { COMMAND_LINE } from "../cli/layers.ts";
import type { Case } from "../plan/catalog.ts";
import type { RunOptions } from "../plan/options.ts";
import { scenarioOptions } from "../plan/scenario-options.ts";
import { say } from "../run/planned-case.ts";
import { UsageError } from "../util/errors.ts";

/** Says so of a --scale that somebody typed, and that no case asks: he expects targets to leave. */
export function tellScale(cases: readonly Case[], options: RunOptions, given: ReadonlyMap<string, string>): void {
  const [first] = cases;
  if (given.get("scale") !== COMMAND_LINE || !first || cases.some((one) => asksScale(one, options))) return;
  say(`--scale changes nothing in '${first.scenario.name}': no target of it leaves or joins.`);
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
