// SPDX-License-Identifier: Apache-2.0
import { defineCommand } from "../cli/command.ts";
import { option, text, texts } from "../plan/option.ts";

export const matrixCommand = defineCommand({
  name: "matrix",
  summary: "print the conformance matrix of runs: case by family and protocol",
  positionals: {
    results: option(texts(), {
      about: "folders of runs, or their parent folders",
      names: "folder",
      expects: "a folder",
    }),
  },
  options: {
    write: option(text().optional(), {
      group: "Output",
      about: "write the matrix between the marks of this file, where cells without a run keep what they have",
      expects: "a file",
      names: "file",
    }),
  },
  examples: [["matrix results --write scenarios/MATRIX.md", ""]],
  run: async (args, context) => (await import("../actions/matrix.ts")).conformanceMatrix(args, context),
});
