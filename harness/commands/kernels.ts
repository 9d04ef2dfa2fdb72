// SPDX-License-Identifier: Apache-2.0
import { defineCommand } from "../cli/command.ts";
import { jsonShape } from "../plan/options.ts";

export const kernelsCommand = defineCommand({
  name: "kernels",
  summary: "list kernels for --kernel: those in the cache, and those available from apt",
  positionals: {},
  options: jsonShape,
  examples: [["kernels", "then: test ipvs_scale --kernel debian:6.1"]],
  run: async (args, { signal }) => (await import("../actions/kernels.ts")).listKernels(args, signal),
});
