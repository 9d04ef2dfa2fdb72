// SPDX-License-Identifier: Apache-2.0
// What is made of runs that were recorded before.
import { defineCommand } from "../cli/command.ts";
import { TABLE_FORMATS, TABLES } from "../export/names.ts";
import { choice, flag, list, millimetres, option, text, texts, whole } from "../plan/option.ts";
import { jsonShape, outShape, outsideShape } from "../plan/options.ts";
import { ROOTS } from "../record/base.ts";
import { FIGURE_FORMATS, SET_REPORTERS } from "../report/names.ts";
import { CTRAFFIC_ANALYSES } from "../traffic/ctraffic.ts";

export const reportCommand = defineCommand({
  name: "report",
  summary: "write the reports of runs and comparisons again from their records",
  positionals: {
    run: option(texts(), {
      about: "folders of runs or comparisons, or parent folders of runs",
      names: "folder",
      expects: "a folder",
    }),
  },
  options: {
    ...outsideShape,
    format: option(list(choice(FIGURE_FORMATS)).default(["png"]), {
      group: "Output",
      about: "files of the pictures: png, svg, pdf",
    }),
    width: option(millimetres(30, 500).optional(), {
      group: "Output",
      about: "width of the pictures, for a paper",
      unit: "millimetres",
      defaultText: "1200 pixels",
    }),
    dpi: option(whole(72, 1200).default(300), {
      group: "Output",
      about: "dots per inch of PNGs with --width",
      needs: "width",
    }),
    titles: option(flag(true), { group: "Output", about: "title and caption in the pictures" }),
  },
  examples: [
    ["report results/*nfqueue_scale*", ""],
    ["report results/*compare_scale* --format svg --width 85mm --no-titles", "pictures for a column of a paper"],
  ],
  run: async (args) => (await import("../actions/report.ts")).redraw(args.run, args),
});

export const exportCommand = defineCommand({
  name: "export",
  summary: "write connections, events, samples and latencies of runs as tables, for other programs",
  positionals: {
    run: option(texts(), { about: "folders of runs, or their parent folders", names: "folder", expects: "a folder" }),
  },
  options: {
    ...outsideShape,
    format: option(choice(TABLE_FORMATS).default("csv"), { group: "Output", about: "files of the tables" }),
    table: option(list(choice(TABLES)).default([...TABLES]), { group: "Output", about: "tables" }),
    out: option(text().optional(), {
      group: "Output",
      about: "folder of the tables; of several runs each has a folder in it",
      expects: "a folder",
      defaultText: "'export' in each run's folder",
      names: "folder",
      short: "o",
    }),
  },
  examples: [
    ["export results/*nfqueue_scale* --format parquet", "for DuckDB, pandas, R"],
    ["export results/*nfqueue_scale* --table connections --out /tmp/tables", ""],
  ],
  run: async (args) => (await import("../actions/export.ts")).exportRuns(args),
});

export const explainCommand = defineCommand({
  name: "explain",
  summary: "say why connections of a run were lost: root causes with counts, or the story of one connection",
  positionals: {
    run: option(text(), { about: "folder of a run", names: "folder", expects: "a folder" }),
    connection: option(text().optional(), {
      about: "its number ('17', '17.1' with its generation) or its source ('50.0.3.7:4711', '[2000::7]:4711')",
    }),
  },
  options: {
    ...outsideShape,
    cause: option(choice(ROOTS).optional(), { group: "Output", about: "list lost connections of this root cause" }),
    most: option(whole(1, 1_000_000).default(20), {
      group: "Output",
      about: "number of listed connections",
      unit: "connections",
    }),
    page: option(text().optional(), {
      group: "Output",
      about: "HTML page of the connections, with their packets as diagrams",
      expects: "a file",
      names: "file",
    }),
    ...jsonShape,
  },
  examples: [
    ["explain results/*nfqueue_scale*", "what was lost, why, and one story for each cause"],
    ["explain results/*nfqueue_scale* 17", "the decision before and after, and what happened"],
  ],
  run: async (args) => (await import("../actions/explain.ts")).explain(args),
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

export const resultsCommand = defineCommand({
  name: "results",
  summary:
    "all runs below a folder: list them (ls), open the newest (open), draw their trend (index), remove old ones (rm)",
  positionals: {
    action: option(choice(["ls", "open", "index", "rm"]).default("ls"), { about: "ls, open, index or rm" }),
    folder: option(text().default("results"), { about: "folder of runs", names: "folder", expects: "a folder" }),
  },
  options: {
    keep: option(whole(0, 1_000_000).optional(), {
      group: "Output",
      about: "of rm: number of the newest runs that stay",
      unit: "runs",
    }),
    ...jsonShape,
  },
  examples: [
    ["results", ""],
    [
      "results index results",
      "history.html: loss, recovery and latency by date and revision; 'latest' is the newest run",
    ],
    ["results rm results --keep 50", ""],
  ],
  run: async (args) => (await import("../actions/results.ts")).manageResults(args),
});

export const analyzeCommand = defineCommand({
  name: "analyze",
  summary: "run a ctraffic analysis on a statistics file of ctraffic or of 'traffic stream --stats ctraffic'",
  positionals: {
    analysis: option(choice(CTRAFFIC_ANALYSES), { about: "analysis" }),
    file: option(text(), { about: "statistics file", names: "file", expects: "a file" }),
  },
  options: {
    format: option(choice(["ctraffic", "table"]).default("ctraffic"), {
      group: "Output",
      about: "ctraffic: the lines that ctraffic prints; table: columns of our own",
    }),
  },
  examples: [
    ["analyze hosts stats.json", "lost and lasting connections by target"],
    ["analyze throughput stats.json --format table", "messages a second: sent, received, dropped"],
  ],
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
