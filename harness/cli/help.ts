// SPDX-License-Identifier: Apache-2.0
import { GROUPS, metaOf } from "../plan/option.ts";
import { UsageError } from "../util/errors.ts";
import { didYouMean } from "../util/suggest.ts";
import { PROGRAM } from "../util/typed.ts";
import { textColumns, wrap } from "../util/wrap.ts";
import type { Command } from "./command.ts";
import { grouped, optionHead, optionNotes, synopsis } from "./names.ts";

const WIDTH = textColumns();
const INDENT = 28;

export const EXIT_CODES =
  "0 passed, 1 failed, 2 wrong usage, 3 the lab could not be built or broke, 4 not enough data, 77 all skipped, 130 interrupted";

export const visible = (commands: readonly Command[]) => commands.filter(({ hidden }) => !hidden);

/** Throws UsageError. */
export function findCommand(commands: readonly Command[], name: string, cases: readonly string[] = []): Command {
  const found = commands.find((command) => command.name === name);
  if (found) return found;
  const names = visible(commands).map((command) => command.name);
  const meant = cases.includes(name) ? ` It is a case: '${PROGRAM} test ${name}' runs it.` : didYouMean(name, names);
  throw new UsageError(`There is no command '${name}'.${meant || ` See '${PROGRAM} help'.`}`);
}

export function programHelp(commands: readonly Command[]): string {
  return [
    `${PROGRAM} <command>`,
    "",
    ...wrap(
      "Test lab for Linux load balancers: which connections are lost when targets or routers leave, why, and what does theory predict?",
      WIDTH,
    ),
    "",
    "Commands:",
    ...visible(commands).flatMap(({ name, summary }) => entry(name, summary)),
    "",
    "Options:",
    ...entry("-h, --help", "print this help, or the help of a command: 'help test'"),
    ...entry("-v, --version", "print the version"),
    "",
    ...wrap(`Exit codes: ${EXIT_CODES}.`, WIDTH),
    "",
  ].join("\n");
}

export function commandHelp(command: Command): string {
  const positionals = Object.entries(command.positionals);
  return [
    synopsis(command),
    "",
    ...wrap(sentence(command.summary), WIDTH),
    ...(positionals.length === 0
      ? []
      : ["", "Arguments:", ...positionals.flatMap(([name, schema]) => entry(name, described(schema)))]),
    ...grouped(command, GROUPS).flatMap(([group, members]) => [
      "",
      `${group}:`,
      ...members.flatMap(([key, schema]) => entry(indented(optionHead(key, schema)), described(schema))),
    ]),
    "",
    "Examples:",
    ...command.examples.flatMap(([words, text]) => [
      `  ${PROGRAM} ${words}`,
      ...(text === "" ? [] : [`      ${text}`]),
    ]),
    "",
  ].join("\n");
}

const indented = (head: string) => (head.startsWith("--") ? `    ${head}` : head);
const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function described(schema: Command["options"][string]): string {
  const notes = optionNotes(schema);
  return `${metaOf(schema).about}${notes === "" ? "" : ` (${notes})`}`;
}

function entry(head: string, text: string): string[] {
  const [first = "", ...more] = wrap(text, WIDTH - INDENT);
  const start = `  ${head}`;
  const lines = [...more].map((line) => `${" ".repeat(INDENT)}${line}`);
  if (start.length > INDENT - 2) return [start, `${" ".repeat(INDENT)}${first}`, ...lines];
  return [`${start.padEnd(INDENT)}${first}`, ...lines];
}
