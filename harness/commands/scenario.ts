// SPDX-License-Identifier: Apache-2.0
import { defineCommand, type Values } from "../cli/command.ts";
import { choice, flag, option, text } from "../plan/option.ts";
import { runShape } from "../plan/options.ts";

const positionals = {
  action: option(choice(["show"]), { about: "what to do", expects: "show" }),
  name: option(text(), { about: "scenario, or a file of one", names: "scenario", expects: "a scenario" }),
};
const { targets, routers, scale, at, duration, changesPerMinute } = runShape;
const options = {
  targets,
  routers,
  scale,
  at,
  duration,
  changesPerMinute,
  svg: option(flag(), { group: "Output", about: "a picture of what happens when" }),
};
export type ScenarioArgs = Values<typeof positionals> & Values<typeof options>;

export const scenarioCommand = defineCommand({
  name: "scenario",
  summary: "print a scenario as a file that --scenario takes, to be changed; runs nothing",
  positionals,
  options,
  examples: [
    ["scenario show rolling --targets 4 > mine.json", "a scenario to begin with"],
    ["scenario show failure --svg > failure.svg", "what happens when, as a picture"],
    ["scenario show flap --changes-per-minute 80 --duration 30", "a train, event by event"],
  ],
  run: async (args, context) => (await import("../actions/scenario.ts")).showScenario(args, context),
});
