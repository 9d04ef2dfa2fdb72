// SPDX-License-Identifier: Apache-2.0
import { defineCommand, type Values } from "../cli/command.ts";
import { flag, option, texts, whole } from "../plan/option.ts";
import { jsonShape, outShape } from "../plan/options.ts";

const positionals = {
  name: option(texts(), { about: "published results, or 'all' (docs/reproductions.md lists them)", expects: "a name" }),
};
const options = {
  simulate: option(flag(), {
    group: "Simulation",
    about: "by simulation only; without it what a lab can make is measured too",
  }),
  repeat: option(whole(6, 100).default(6), {
    group: "Measurement",
    about: "rounds of what is measured; an interval needs at least six",
    unit: "rounds",
  }),
  ...outShape,
  ...jsonShape,
};
export type ReproduceArgs = Values<typeof positionals> & Values<typeof options>;

export const reproduceCommand = defineCommand({
  name: "reproduce",
  summary: "published results made again: paper, simulation and lab side by side, with interval and verdict",
  positionals,
  options,
  examples: [
    ["reproduce all --simulate", "each published figure that a simulation can make again"],
    ["reproduce rfc2992 xcluster", "simulated, and in labs"],
    ["reproduce nftlb-slides", "nft against iptables, by nftlb and by ours, in interleaved rounds"],
  ],
  run: async (args, context) => (await import("../actions/reproduce.ts")).reproduceAll(args, context),
});
