// SPDX-License-Identifier: Apache-2.0
import { defineCommand, type Values } from "../cli/command.ts";
import { amount, flag, option, text, texts, whole } from "../plan/option.ts";
import { jsonShape, outsideShape } from "../plan/options.ts";

const file = (about: string) =>
  option(text().optional(), { group: "Judgement", about, expects: "a file", names: "file" });

const output = (about: string) =>
  option(text().optional(), { group: "Output", about, expects: "a file", names: "file" });

const planOptions = {
  plan: option(flag(), { group: "Measurement", about: "print how many connections or repeats an effect needs" }),
  effect: option(amount((n) => n.positive().max(100)).default(1), {
    group: "Measurement",
    about: "effect above the expectation",
    unit: "percent",
    needs: "plan",
  }),
  base: option(amount((n) => n.min(0).lt(100)).default(0), {
    group: "Measurement",
    about: "expected loss; 0 if each connection is predicted",
    unit: "percent",
    needs: "plan",
  }),
  alpha: option(amount((n) => n.gt(0).max(0.5)).default(0.0005), {
    group: "Measurement",
    about: "probability of a false alarm",
    needs: "plan",
  }),
  power: option(amount((n) => n.gt(0.5).lt(1)).default(0.99), {
    group: "Measurement",
    about: "statistical power: probability of detecting the effect",
    needs: "plan",
  }),
  connections: option(whole(1, 1_000_000_000).default(10_000), {
    group: "Measurement",
    about: "connections per run",
    unit: "connections",
    needs: "plan",
  }),
  cv: option(amount((n) => n.positive()).default(10), {
    group: "Measurement",
    about: "coefficient of variation of a performance figure between repeats",
    unit: "percent",
    needs: "plan",
  }),
};

const positionals = {
  run: option(texts().default([]), {
    about: "folders of runs, or their parent folders",
    names: "folder",
    expects: "a folder",
  }),
};
const options = {
  ...outsideShape,
  thresholds: option(text().optional(), {
    group: "Judgement",
    about: "JSON file of limits (docs/gate.md)",
    expects: "a file",
    names: "file",
  }),
  baseline: file("results to compare with"),
  updateBaseline: option(flag(), {
    group: "Judgement",
    about: "write the baseline from these runs",
    needs: "baseline",
  }),
  bench: file("output of 'bench --json', for ratioToPlain"),
  ...planOptions,
  verbose: option(flag(), { group: "Output", about: "print all checks, not only those that did not hold", short: "v" }),
  junit: output("JUnit file: a test for each check"),
  markdown: output("Markdown file: the summary of a pull request or a job"),
  annotations: option(flag(), {
    group: "Output",
    about: "print GitHub's annotations",
    environment: "GITHUB_ACTIONS",
  }),
  ...jsonShape,
};
export type GateArgs = Values<typeof positionals> & Values<typeof options>;

export const gateCommand = defineCommand({
  name: "gate",
  summary: "judge runs against thresholds and a baseline; --plan computes the sample size",
  positionals,
  options,
  examples: [
    ["gate results --thresholds gate.json --baseline baseline.json", "for a CI: 0 passed, 1 failed, 4 no data"],
    ["gate results --baseline baseline.json --update-baseline", ""],
    ["gate --plan --effect 1 --base 20", ""],
  ],
  run: async (args) => {
    const { judgeRuns, planGate } = await import("../actions/gate.ts");
    return args.plan ? planGate(args) : judgeRuns(args);
  },
});
