// SPDX-License-Identifier: Apache-2.0
import { defineCommand } from "../cli/command.ts";
import { flag, option, text } from "../plan/option.ts";
import { jsonShape, outsideShape } from "../plan/options.ts";

export const listCommand = defineCommand({
  name: "list",
  summary:
    "show which backend can run which scenario on this machine, or one backend with its options, or one scenario",
  positionals: {
    name: option(text().optional(), {
      about: "a backend or a scenario",
      names: "backend or scenario",
      expects: "a backend or a scenario",
    }),
  },
  options: {
    ...outsideShape,
    cases: option(flag(), { group: "Output", about: "print the names of the cases, one a line" }),
    ...jsonShape,
  },
  examples: [
    ["list", "backends by scenarios"],
    ["list nfqueue", "its options and cases"],
    ["list drift", "what happens in it, and its cases"],
    ["list --cases", "for scripts"],
  ],
  run: async (args, { catalog }) => (await import("../actions/list-text.ts")).listAll(catalog, args),
});
