// SPDX-License-Identifier: Apache-2.0
import { defineCommand } from "../cli/command.ts";
import { commandHelp, findCommand, programHelp } from "../cli/help.ts";
import { choice, flag, option, text } from "../plan/option.ts";

export const helpCommand = defineCommand({
  name: "help",
  summary: "print this help, or the help of a command",
  positionals: { command: option(text().optional(), { about: "a command", names: "command", expects: "a command" }) },
  options: {
    markdown: option(flag(), { group: "Output", about: "print docs/command-line.md: all commands and options" }),
  },
  examples: [["help test", ""]],
  run: async (args, { commands, print }) => {
    if (args.markdown) print((await import("../cli/reference.ts")).reference(commands));
    else print(args.command === undefined ? programHelp(commands) : commandHelp(findCommand(commands, args.command)));
    return 0;
  },
});

export const versionCommand = defineCommand({
  name: "version",
  summary: "print the version and the git revision",
  positionals: {},
  options: {},
  examples: [["version", ""]],
  run: async (_, { print }) => {
    const { default: manifest } = await import("../../package.json", { with: { type: "json" } });
    const { describeHost } = await import("../host/describe.ts");
    const { gitRevision } = await describeHost();
    print(`${manifest.version}${gitRevision === null ? "" : ` (${gitRevision.slice(0, 12)})`}\n`);
    return 0;
  },
});

export const completionCommand = defineCommand({
  name: "completion",
  summary: "print a completion script for the shell",
  positionals: { shell: option(choice(["bash", "zsh"]), { about: "shell" }) },
  options: {},
  examples: [
    ["completion bash > ~/.local/share/bash-completion/completions/load-balancer.ts", "for new shells"],
    ["completion zsh > ~/.zfunc/_load-balancer.ts", "with ~/.zfunc in fpath"],
  ],
  run: async (args, { commands, catalog, print }) => {
    const { completion } = await import("../cli/completion.ts");
    print(completion(args.shell, commands, catalog));
    return 0;
  },
});
