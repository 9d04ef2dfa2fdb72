// SPDX-License-Identifier: Apache-2.0
import { defineCommand } from "../cli/command.ts";
import { option, text } from "../plan/option.ts";
import { jsonShape, outsideShape } from "../plan/options.ts";

export const doctorCommand = defineCommand({
  name: "doctor",
  summary: "show what this machine supports, with a command for each gap",
  positionals: { name: option(text().optional(), { about: "a backend", names: "backend", expects: "a backend" }) },
  options: { ...outsideShape, ...jsonShape },
  examples: [["doctor nfqueue", ""]],
  run: async (args, { catalog }) =>
    (await import("../actions/doctor.ts")).diagnose(catalog, { backend: args.name, json: args.json }),
});
