// SPDX-License-Identifier: Apache-2.0
import { defineCommand, type Values } from "../cli/command.ts";
import { choice, flag, list, option, texts, whole } from "../plan/option.ts";
import { comparisonShape, scenarioShape } from "../plan/options.ts";
import { REPORTERS } from "../report/names.ts";
import { shardSchema } from "../set/shard.ts";

const setOptions = {
  stop: option(flag(true), { group: "Events", about: "keep the lab running after the traffic, until 'stop'" }),
  quiet: option(flag(), {
    group: "Output",
    about: "print the runs that do not pass, and one line for all",
    short: "q",
  }),
  verbose: option(flag(), { group: "Output", about: "print also what happened when, and all options", short: "v" }),
  view: option(flag(), { group: "Output", about: "open the report in the browser" }),
  reporter: option(list(choice(REPORTERS)).optional(), {
    group: "Output",
    about: "reporters of each run and of all runs",
    defaultText: "the files of each run, and the terminal",
  }),
  live: option(whole(0, 65_535).optional(), {
    group: "Output",
    about: "port on localhost of a live page, and of /metrics for Prometheus (0: any free port)",
    unit: "port",
  }),
  shard: option(shardSchema.optional(), {
    group: "CI",
    about: "i/n: run the i-th of n parts only; 'merge' joins them",
    expects: "i/n, from 1/n to n/n",
  }),
  retries: option(whole(0, 10).default(0), {
    group: "CI",
    about: "further attempts of a run that does not pass; a later pass is 'flaky'",
    unit: "attempts",
  }),
  failFast: option(flag(), { group: "CI", about: "stop after the first run that does not pass" }),
  lastFailed: option(flag(), {
    group: "CI",
    about: "of the cases, only those runs whose newest one in --out did not pass",
  }),
  dryRun: option(flag(), { group: "CI", about: "print what would be run and how long it takes; run nothing" }),
  gdb: option(flag(), {
    group: "Events",
    about: "the guest of --time virtual waits for gdb, on a socket in the run's folder",
  }),
  resume: option(flag(), { group: "CI", about: "skip runs already in --out" }),
};

const positionals = {
  case: option(texts(), {
    about: "case, glob or 'all' ('list' shows them), or a named case of the configuration file",
    names: "case",
    expects: "a case",
  }),
};

const options = { ...comparisonShape, ...scenarioShape, ...setOptions };
export type TestArgs = Values<typeof positionals> & Values<typeof options>;

export const testCommand = defineCommand({
  name: "test",
  summary: "run cases and print the verdict (globs and 'all' allowed)",
  positionals,
  options,
  examples: [
    ["test nfqueue_scale --view", "2 of 10 targets leave at 5 s and return at 15 s"],
    ["test nfqueue_scale_in --targets 100 --scale '1 50' --set M=65537", "another table size"],
    ["test nightly", "a case of load-balancer.config.json with options of its own"],
  ],
  run: async (args, context) =>
    args.kernel?.includes(",")
      ? (await import("../actions/kernel-comparison.ts")).compareKernels(args, context)
      : (await import("../actions/test.ts")).runTests(args, context),
});
