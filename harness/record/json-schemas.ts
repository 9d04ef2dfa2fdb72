// SPDX-License-Identifier: Apache-2.0
// The files of a run and of what judges runs, as JSON Schemas for programs in other languages.
import { z } from "zod";
import { figureSchema } from "../bench/figure.ts";
import { configJsonSchema } from "../cli/config.ts";
import { commands } from "../commands/index.ts";
import { baselineSchema } from "../gate/baseline.ts";
import { thresholds } from "../gate/thresholds.ts";
import { scenarioSchema } from "../plan/scenario-schema.ts";
import { sweepSchema } from "../report/comparison/sweep.ts";
import { manifestSchema } from "../set/manifest.ts";
import { endSchema, eventSchema } from "./event.ts";
import { runInfoSchema } from "./run-info.ts";
import { summarySchema } from "./summary.ts";

const SCHEMAS: Readonly<Record<string, readonly [title: string, schema: z.ZodType]>> = {
  event: ["One line of events.ndjson", z.union([eventSchema, endSchema])],
  run: ["run.json", runInfoSchema],
  summary: ["summary.json", summarySchema],
  set: ["set.json, or set-1-of-3.json of a shard", manifestSchema],
  scenario: ["The file of --scenario", scenarioSchema],
  theory: ["theory.json of a comparison", sweepSchema],
  thresholds: ["The file of gate --thresholds", thresholds],
  baseline: ["The file of gate --baseline", baselineSchema],
  bench: ["What bench --json prints", z.array(figureSchema)],
};

/** File name -> content, as it lies in results/schema/. */
export function jsonSchemas(): Map<string, string> {
  const made = Object.entries(SCHEMAS).map(([name, [title, schema]]): [string, object] => {
    const { $schema, ...rest } = z.toJSONSchema(schema, { io: "input", reused: "ref" });
    return [name, { $schema, title, ...rest }];
  });
  const all = [...made, ["config", configJsonSchema(commands)] as const];
  return new Map(all.map(([name, schema]) => [`${name}.json`, `${JSON.stringify(schema, null, 2)}\n`]));
}
