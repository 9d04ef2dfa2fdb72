// SPDX-License-Identifier: Apache-2.0
// What is made of runs that were recorded before.
import { defineCommand } from "../cli/command.ts";
import { choice, list, option, text, texts } from "../plan/option.ts";
import { outShape, outsideShape } from "../plan/options.ts";
import { SET_REPORTERS } from "../report/names.ts";
import { CTRAFFIC_ANALYSES } from "../traffic/ctraffic.ts";

export const reportCommand = defineCommand({
  name: "report",
  summary: "write the reports of runs again from their records",
  positionals: { run: option(texts(), { about: "folders of runs", names: "folder", expects: "a folder" }) },
  options: outsideShape,
  examples: [["report results/*nfqueue_scale*", ""]],
  run: async (args) => (await import("../actions/report.ts")).redraw(args.run),
});

export const mergeCommand = defineCommand({
  name: "merge",
  summary: "join the results of shards into one report; missing runs are listed and do not pass",
  positionals: { dir: option(texts(), { about: "the shards' --out folders", names: "folder", expects: "a folder" }) },
  options: {
    ...outShape,
    reporter: option(list(choice(SET_REPORTERS)).default(["terminal", "markdown", "junit", "ctrf", "json", "html"]), {
      group: "Output",
      about: "reporters of all runs",
    }),
  },
  examples: [["merge shard-1 shard-2 --out all", ""]],
  run: async (args) => (await import("../actions/merge.ts")).merge(args),
});

export const analyzeCommand = defineCommand({
  name: "analyze",
  summary: "run a ctraffic analysis on a statistics file of ctraffic or of 'traffic stream --stats ctraffic'",
  positionals: {
    analysis: option(choice(CTRAFFIC_ANALYSES), { about: "analysis" }),
    file: option(text(), { about: "statistics file", names: "file", expects: "a file" }),
  },
  options: {},
  examples: [["analyze hosts stats.json", "lost and lasting connections by target"]],
  run: async (args) => (await import("../actions/analyze.ts")).analyze(args),
});

export const cleanCommand = defineCommand({
  name: "clean",
  summary: "remove leftovers of earlier runs",
  positionals: {},
  options: {},
  examples: [["clean", ""]],
  run: async (_, { catalog }) => (await import("../actions/clean.ts")).clean(catalog),
});
