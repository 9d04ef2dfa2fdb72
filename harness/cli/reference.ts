// SPDX-License-Identifier: Apache-2.0
// docs/command-line.md, out of the commands themselves.
import { GROUPS, metaOf } from "../plan/option.ts";
import { PROGRAM } from "../util/typed.ts";
import { wrap } from "../util/wrap.ts";
import { type Command, commonShape } from "./command.ts";
import { EXIT_CODES, visible } from "./help.ts";
import { grouped, optionHead, optionNotes, synopsis } from "./names.ts";

const WIDTH = 100;

export function reference(commands: readonly Command[]): string {
  const shown = visible(commands);
  return [
    "# The command line",
    "",
    `This page is printed by \`${PROGRAM} help --markdown\`; a test compares the two.`,
    "",
    ...shown.flatMap(({ name, summary }) => bullet(`[\`${name}\`](#${name}): ${summary}`)),
    "",
    ...wrap(`Exit codes: ${EXIT_CODES}.`, WIDTH),
    "",
    ...VALUES,
    "",
    "Every command has these options:",
    "",
    ...optionLines(Object.entries(commonShape)),
    "",
    ...shown.flatMap(section),
  ].join("\n");
}

const VALUES = [
  ...wrap(
    "Numbers may be written as `20`, `10k`, `2M` or `1e5`; times as `20` (seconds), `20s`, `500ms` or `2min`; percentages as `1%`; lists with commas or blanks. The value of an option is taken from the command line, else from a named case, else from the `options` of the configuration file, else from the environment, else it is the default; `--print-config` shows which.",
    WIDTH,
  ),
  "",
  ...wrap(
    "The configuration file is `load-balancer.config.ts` (its default export) or `load-balancer.config.json` in the working directory, or the file of `--config`. `./load-balancer.ts test nightly` runs the named case of this one; `results/schema/config.json` is its JSON Schema:",
    WIDTH,
  ),
  "",
  "```json",
  "{",
  '  "options": { "out": "runs", "targets": 20 },',
  '  "cases": { "nightly": { "case": ["nfqueue_scale", "ecmp_scale"], "targets": 100, "repeat": 5 } }',
  "}",
  "```",
];

function section(command: Command): string[] {
  const groups = grouped(command, GROUPS).flatMap(([group, all]) => {
    const members = all.filter(([key]) => !(key in commonShape));
    return members.length === 0 ? [] : [`${group}:`, "", ...optionLines(members), ""];
  });
  const positionals = Object.entries(command.positionals);
  return [
    `## ${command.name}`,
    "",
    `    ${synopsis(command)}`,
    "",
    ...wrap(`${command.summary.charAt(0).toUpperCase()}${command.summary.slice(1)}.`, WIDTH),
    "",
    ...(positionals.length === 0 ? [] : [...positionals.flatMap(([name, schema]) => line(name, schema)), ""]),
    ...groups,
    ...command.examples.flatMap(([words, text]) => [`    ${PROGRAM} ${words}${text === "" ? "" : `   # ${text}`}`]),
    "",
  ];
}

const optionLines = (options: readonly [string, Command["options"][string]][]) =>
  options.flatMap(([key, schema]) => line(optionHead(key, schema), schema));

function line(head: string, schema: Command["options"][string]): string[] {
  const notes = optionNotes(schema);
  return bullet(`\`${head}\`: ${metaOf(schema).about}${notes === "" ? "" : ` (${notes})`}`);
}

function bullet(text: string): string[] {
  return wrap(text, WIDTH - 2).map((part, i) => `${i === 0 ? "- " : "  "}${part}`);
}
