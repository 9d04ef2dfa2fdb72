// SPDX-License-Identifier: Apache-2.0
import { defineCommand, type Values } from "../cli/command.ts";
import { flag, option, text, texts } from "../plan/option.ts";
import { comparisonShape } from "../plan/options.ts";
import { sweepOption, varyOption } from "../plan/sweep.ts";

const positionals = { name: option(texts(), { about: "backends, or 'all'", names: "backend", expects: "a backend" }) };
const options = {
  ...comparisonShape,
  scenario: option(text().default("scale"), {
    group: "Comparison",
    about: "scenario of all runs ('list' shows them), or a file of one",
    expects: "a scenario",
    names: "scenario",
  }),
  simulate: option(flag(), { group: "Comparison", about: "without a lab: each decision by the oracle" }),
  sweep: sweepOption(
    "Comparison",
    "option of the run or the backend with its values: measured loss and theory against them",
  ),
  vary: varyOption(),
};
export type CompareArgs = Values<typeof positionals> & Values<typeof options>;

export const compareCommand = defineCommand({
  name: "compare",
  summary: "compare backends in one scenario with the same connections: one table, one graph",
  positionals,
  options,
  examples: [
    ["compare ecmp ecmp_resilient nfqueue --scenario scale", "what each strategy costs"],
    ["compare nfqueue nftables --set nftables.mode=dsr", "an option of one of them"],
    ["compare ecmp nfqueue --scenario scale_in --sweep targets=4,10,50", "loss against the number of targets"],
    ["compare nfqueue ecmp --scenario rolling --simulate", "what theory says, in seconds"],
    [
      "compare nfqueue --scenario router_crash --vary announce=vrrp,bgp-bird",
      "what a router's death costs, by who tells",
    ],
    ["compare nfqueue --scenario scale_in --sweep M=53,101,997,65537", "loss against the size of Maglev's table"],
  ],
  run: async (args, context) => (await import("../actions/compare.ts")).compareBackends(args, context),
});
