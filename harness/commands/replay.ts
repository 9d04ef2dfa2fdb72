// SPDX-License-Identifier: Apache-2.0
import { defineCommand, type Values } from "../cli/command.ts";
import { flag, option, text, whole } from "../plan/option.ts";
import { outShape, outsideShape } from "../plan/options.ts";

const positionals = { run: option(text(), { about: "folder of a run", names: "folder", expects: "a folder" }) };

const options = {
  ...outsideShape,
  simulate: option(flag(), {
    group: "Comparison",
    about: "simulate it instead, and compare connection by connection: target, and the change at which it is lost",
  }),
  kernel: option(text().optional(), {
    group: "Topology",
    about: "another kernel than the record's: then verdicts are compared",
    expects: "a kernel",
    defaultText: "the record's",
  }),
  repeats: option(whole(1, 1000).default(1), {
    group: "CI",
    about: "how often it is run again; of several, those that differ are kept",
    unit: "runs",
  }),
  busy: option(whole(0, 64).default(0), {
    group: "CI",
    about: "loops that keep this machine busy beside every second run",
    unit: "loops",
  }),
  trace: option(text().optional(), {
    group: "CI",
    about:
      "connection of the run whose packets nft traces through the routers' rules, told by 'explain': 17.0 or 50.0.3.7:4711",
    expects: "a connection",
    defaultText: "none",
  }),
  gdb: option(flag(), { group: "CI", about: "the guest waits for gdb on a socket of the run's folder" }),
  ...outShape,
};
export type ReplayArgs = Values<typeof positionals> & Values<typeof options>;

export const replayCommand = defineCommand({
  name: "replay",
  summary: "run a recorded run again: is it the same, bit for bit?",
  positionals,
  options,
  examples: [
    ["replay results/20260901T120000Z-ipvs_scale-1", "in virtual time: the same, or the first difference"],
    ["replay results/20260901T120000Z-nfqueue_rolling-1 --simulate", "does each connection fare as theory says?"],
    ["replay results/20260901T120000Z-ipvs_scale-1 --repeats 20 --busy 2", "half of them on a busy machine"],
    ["replay results/20260901T120000Z-ipvs_scale-1 --trace 17.0", "which rules did its packets meet?"],
  ],
  run: async (args, context) => (await import("../actions/replay.ts")).replay(args, context),
});
