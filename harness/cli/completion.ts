// SPDX-License-Identifier: Apache-2.0
// Scripts that complete the program's words, made from the commands. Names are written into them, so that a shell starts no program.
import type { z } from "zod";
import { allCases, type Catalog } from "../plan/catalog.ts";
import { flagName, isFlag, jsonSchemaOf, metaOf, type Names } from "../plan/option.ts";
import type { Command } from "./command.ts";
import { visible } from "./help.ts";

type Lists = Readonly<Record<Names, readonly string[]>>;

/** bash completes with it, and zsh through its own bashcompinit. */
export function completion(shell: "bash" | "zsh", commands: readonly Command[], catalog: Catalog): string {
  const named = (items: readonly { name: string }[]) => items.map(({ name }) => name);
  const shown = visible(commands);
  const lists: Lists = {
    case: ["all", ...named(allCases(catalog))],
    backend: ["all", ...named(catalog.backends)],
    scenario: named(catalog.scenarios),
    "backend or scenario": named([...catalog.backends, ...catalog.scenarios]),
    runtime: named(catalog.runtimes),
    command: named(shown),
    file: [],
    folder: [],
  };
  const script = [
    `# Completion of load-balancer.ts for ${shell}, printed by 'load-balancer.ts completion ${shell}'.`,
    "_load_balancer() {",
    `  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}"`,
    "  COMPREPLY=()",
    `  if [ "$COMP_CWORD" -eq 1 ]; then ${reply(words([...named(shown), "--help", "--version"]))}; return; fi`,
    `  case "$command $before" in`,
    ...shown.flatMap((command) => valueCases(command, lists)),
    "  esac",
    `  case "$command" in`,
    ...shown.map((command) => `    ${command.name}) ${wordCase(command, lists)} ;;`),
    "  esac",
    "}",
    "complete -o bashdefault -F _load_balancer load-balancer.ts ./load-balancer.ts load-balancer",
    "",
  ];
  if (shell === "bash") return script.join("\n");
  return ["#compdef load-balancer.ts load-balancer", "autoload -U +X bashcompinit && bashcompinit", ...script].join(
    "\n",
  );
}

/** Values of the options that have some to offer. */
function valueCases(command: Command, lists: Lists): string[] {
  return Object.entries(command.options)
    .filter(([, schema]) => !isFlag(schema))
    .map(([key, schema]) => {
      const { short } = metaOf(schema);
      const patterns = [`--${flagName(key)}`, ...(short ? [`-${short}`] : [])];
      const quoted = patterns.map((pattern) => `"${command.name} ${pattern}"`).join("|");
      return `    ${quoted}) ${valuesOf(schema, lists)}; return ;;`;
    });
}

/** Options once a dash is typed, else what the positionals take. */
function wordCase(command: Command, lists: Lists): string {
  const options = Object.entries(command.options).map(([key, schema]) => {
    const off = isFlag(schema) && jsonSchemaOf(schema).default === true;
    return `--${off ? "no-" : ""}${flagName(key)}`;
  });
  const schemas = Object.values(command.positionals);
  const [first = ":", ...more] = schemas.map((schema) => valuesOf(schema, lists));
  const positionals = more.length === 0 ? first : `if [ "$COMP_CWORD" -eq 2 ]; then ${first}; else ${more[0]}; fi`;
  return `case "$word" in -*) ${reply(words(options))} ;; *) ${positionals} ;; esac`;
}

function valuesOf(schema: z.ZodType, lists: Lists): string {
  const { names } = metaOf(schema);
  if (names === "file") return reply("-f");
  if (names === "folder") return reply("-d");
  const json = jsonSchemaOf(schema);
  const values = names ? lists[names] : (json.enum ?? json.items?.enum ?? []).map(String);
  return values.length === 0 ? ":" : reply(words(values));
}

const reply = (kind: string) => `COMPREPLY=($(compgen ${kind} -- "$word"))`;
const words = (all: readonly string[]) => `-W '${all.join(" ")}'`;
