// SPDX-License-Identifier: Apache-2.0
import { defineCommand } from "../cli/command.ts";
import { commandHelp, findCommand, programHelp } from "../cli/help.ts";
import { choice, flag, option, text } from "../plan/option.ts";

const version = async () => (await import("../../package.json", { with: { type: "json" } })).default.version;

export const helpCommand = defineCommand({
  name: "help",
  summary: "print this help, or the help of a command",
  positionals: { command: option(text().optional(), { about: "a command", names: "command", expects: "a command" }) },
  options: {
    markdown: option(flag(), { group: "Output", about: "print docs/command-line.md: all commands and options" }),
    man: option(flag(), { group: "Output", about: "print the manual page, for man(1)" }),
  },
  examples: [
    ["help test", ""],
    ["help --man | man -l -", ""],
  ],
  run: async (args, { commands, print }) => {
    if (args.markdown) print((await import("../cli/reference.ts")).reference(commands));
    else if (args.man) print((await import("../cli/man.ts")).manPage(commands, await version()));
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
    const { gitRevision } = await import("../host/revision.ts");
    const revision = await gitRevision();
    print(`${await version()}${revision === null ? "" : ` (${revision.slice(0, 12)})`}\n`);
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
