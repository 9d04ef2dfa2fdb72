// SPDX-License-Identifier: Apache-2.0

import { defineCommand, type Values } from "../cli/command.ts";
import { simulations } from "../oracle/simulation.ts";
import { choice, option, whole } from "../plan/option.ts";
import { jsonShape } from "../plan/options.ts";
import { MAX_SEED } from "../plan/repeat.ts";

const positionals = {
  M: option(whole(2, 1_000_003), { about: "slots, a prime", unit: "slots" }),
  N: option(whole(1, 10_000), { about: "targets", unit: "targets" }),
  seed: option(whole(0, MAX_SEED).default(0), { about: "seed of the hash" }),
  loops: option(whole(1, 10_000).default(1), { about: "number of seeds for the mean", unit: "seeds" }),
};
const options = {
  strategy: option(choice(["all", ...simulations().keys()]).default("maglev"), {
    group: "Simulation",
    about: "strategy",
  }),
  remove: option(whole(1, 9999).default(1), { group: "Simulation", about: "targets that leave", unit: "targets" }),
  ...jsonShape,
};
export type MaglevArgs = Values<typeof positionals> & Values<typeof options>;

export const maglevCommand = defineCommand({
  name: "maglev",
  summary: "simulate a table of M slots and N targets: permutations, slots, flows moved by a change of targets",
  positionals,
  options,
  examples: [
    ["maglev 7 3", "small enough to see the table"],
    ["maglev 997 10 0 100 --remove 2 --strategy all", "modulo against Maglev against rendezvous"],
  ],
  run: async (args) => (await import("../actions/maglev.ts")).simulate(args),
});
