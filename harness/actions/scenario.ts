// SPDX-License-Identifier: Apache-2.0
import type { Context } from "../cli/command.ts";
import type { ScenarioArgs } from "../commands/scenario.ts";
import { parseOptions } from "../plan/invalid.ts";
import { runOptions } from "../plan/options.ts";
import { withFileDefaults, withScenario } from "../plan/scenario-file.ts";
import { scenarioOptions } from "../plan/scenario-options.ts";
import { scenarioSvg } from "../plan/scenario-picture.ts";
import { contentOf, scenarioText } from "../plan/scenario-text.ts";
import { EXIT } from "../util/exit-codes.ts";

/** As a file that says the same, or as a picture. */
export function showScenario(
  { name, svg, ...words }: ScenarioArgs,
  { catalog, given, print }: Pick<Context, "catalog" | "given" | "print">,
): number {
  const { scenario } = withScenario(catalog, name);
  const all = parseOptions(
    runOptions,
    Object.fromEntries(Object.entries(words).filter(([key]) => key in runOptions.shape)),
  );
  const options = scenarioOptions(scenario, withFileDefaults(all, scenario, given));
  print(svg ? scenarioSvg(scenario.name, scenario.plan(options)) : scenarioText(contentOf(scenario, options)));
  return EXIT.passed;
}
