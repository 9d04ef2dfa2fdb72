// SPDX-License-Identifier: Apache-2.0
import type { Scenario, ScenarioOptions } from "../api/scenario.ts";
import { flowsOf } from "./flows.ts";
import type { RunOptions } from "./options.ts";

/** What a scenario's plan depends on. */
export function scenarioOptions(
  scenario: Pick<Scenario, "routers">,
  options: RunOptions,
  affinityS: number | null = null,
): ScenarioOptions {
  return {
    targets: options.targets,
    routers: options.routers ?? scenario.routers,
    scale: options.scale,
    durationS: options.duration ?? null,
    atS: options.at ?? null,
    changesPerMinute: options.changesPerMinute ?? null,
    silenceS: options.silence ?? null,
    icmp: options.icmp,
    sameTuple: options.sameTuple,
    flows: flowsOf(options),
    affinityS,
  };
}
