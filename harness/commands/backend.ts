// SPDX-License-Identifier: Apache-2.0
// For authors of balancers: a file to begin with, and what its balancer lacks.
import { defineCommand } from "../cli/command.ts";
import { choice, option, text } from "../plan/option.ts";
import { outShape } from "../plan/options.ts";

export const backendCommand = defineCommand({
  name: "backend",
  summary: "write a small backend file that works, or check one: its interface, then short runs in a lab",
  positionals: {
    action: option(choice(["new", "check"]), { about: "new: write a file; check: say what it lacks" }),
    what: option(text(), {
      about: "new: name of the backend; check: its file",
      names: "file",
      expects: "a name or a file",
    }),
  },
  options: { ...outShape },
  examples: [
    ["backend new my-lb", "writes my-lb.ts"],
    ["backend check ./my-lb.ts", ""],
  ],
  run: async (args, context) => {
    const { checkBackend, newBackend } = await import("../actions/backend.ts");
    return args.action === "new" ? newBackend(args.what, context) : checkBackend(args.what, args.out, context);
  },
});
