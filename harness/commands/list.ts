// SPDX-License-Identifier: Apache-2.0
import { defineCommand } from "../cli/command.ts";
import { jsonShape, outsideShape } from "../plan/options.ts";

export const listCommand = defineCommand({
  name: "list",
  summary: "list cases, backends and scenarios, and what this machine can run",
  positionals: {},
  options: { ...outsideShape, ...jsonShape },
  examples: [["list --json", ""]],
  run: async (args, { catalog }) => (await import("../actions/list.ts")).listAll(catalog, args),
});
