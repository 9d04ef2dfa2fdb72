// SPDX-License-Identifier: Apache-2.0
import { defineCommand, type Values } from "../cli/command.ts";
import { amount, choice, list, option, texts, whole } from "../plan/option.ts";
import {
  DEFAULT_CONNECTIONS,
  jsonShape,
  outShape,
  outsideShape,
  runShape,
  scenarioShape,
  setShape,
} from "../plan/options.ts";
import { RUN_REPORTERS } from "../report/names.ts";

const positionals = {
  case: option(texts(), { about: "case, glob or 'all'", names: "case", expects: "a case" }),
};
const options = {
  ...outsideShape,
  ...runShape,
  connections: option(whole(1, 1_000_000_000).default(DEFAULT_CONNECTIONS), {
    group: "Load",
    about: "number of connections; more than 100000 are counted only, without a record of each",
    unit: "connections",
  }),
  rate: option(amount((n) => n.positive()).optional(), {
    group: "Load",
    about: "messages per second over all connections",
    unit: "messages per second",
    defaultText: "as of a lab; 1 per connection of more than 100000",
  }),
  ...scenarioShape,
  ...setShape,
  reporter: option(list(choice(RUN_REPORTERS)).optional(), {
    group: "Output",
    about: "reporters of each run",
    defaultText: "all files of a run, and the terminal",
  }),
  ...outShape,
  ...jsonShape,
};
export type SimulateArgs = Values<typeof positionals> & Values<typeof options>;

export const simulateCommand = defineCommand({
  name: "simulate",
  summary: "run cases without a lab: the same plan, each decision by the oracle, the same record",
  positionals,
  options,
  examples: [
    ["simulate nfqueue_rolling ecmp_rolling", "what a rolling update should cost"],
    ["simulate ecmp --scenario mine.json", "what a scenario of your own should cost"],
    ["simulate nfqueue_rolling --connections 10000000 --targets 100 --set M=65537", "ten million, counted"],
  ],
  run: async (args, context) => (await import("../actions/simulate.ts")).simulateCases(args, context),
});
