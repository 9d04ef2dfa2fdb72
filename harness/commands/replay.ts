// SPDX-License-Identifier: Apache-2.0
import { defineCommand, type Values } from "../cli/command.ts";
import { flag, option, text, whole } from "../plan/option.ts";
import { outShape, outsideShape } from "../plan/options.ts";

const positionals = { run: option(text(), { about: "folder of a run", names: "folder", expects: "a folder" }) };

const options = {
  ...outsideShape,
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
    ["replay results/20260901T120000Z-ipvs_scale-1 --repeats 20 --busy 2", "half of them on a busy machine"],
  ],
  run: async (args, context) => (await import("../actions/replay.ts")).replay(args, context),
});
