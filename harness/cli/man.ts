// SPDX-License-Identifier: Apache-2.0
// The manual page, out of the commands themselves, as docs/command-line.md is.
import { GROUPS, metaOf } from "../plan/option.ts";
import { PROGRAM } from "../util/typed.ts";
import { type Command, commonShape } from "./command.ts";
import { EXIT_CODES, visible } from "./help.ts";
import { grouped, optionHead, optionNotes, synopsis } from "./names.ts";

/** For man(1); `version` stands in its foot. */
export function manPage(commands: readonly Command[], version: string): string {
  const shown = visible(commands);
  return [
    `.TH LOAD\\-BALANCER 1 "" "load\\-balancer ${roff(version)}"`,
    ".SH NAME",
    "load\\-balancer \\- test lab for Linux load balancers",
    ".SH SYNOPSIS",
    ".B load\\-balancer",
    ".I command",
    "[options]",
    ".SH COMMANDS",
    ...shown.flatMap(section),
    ".SH OPTIONS OF EVERY COMMAND",
    ...Object.entries(commonShape).flatMap(([key, schema]) => item(optionHead(key, schema), schema)),
    ".SH EXIT STATUS",
    roff(`${EXIT_CODES}.`),
    "",
  ].join("\n");
}

function section(command: Command): string[] {
  const options = grouped(command, GROUPS).flatMap(([, all]) => all.filter(([key]) => !(key in commonShape)));
  return [
    `.SS ${roff(own(synopsis(command)))}`,
    roff(`${command.summary.charAt(0).toUpperCase()}${command.summary.slice(1)}.`),
    ...Object.entries(command.positionals).flatMap(([name, schema]) => item(name, schema)),
    ...options.flatMap(([key, schema]) => item(optionHead(key, schema), schema)),
    ...command.examples.flatMap(([words]) => [".PP", ".RS", `.B load\\-balancer ${roff(words)}`, ".RE"]),
  ];
}

function item(head: string, schema: Command["options"][string]): string[] {
  const notes = optionNotes(schema);
  return [".TP", `.B ${roff(head)}`, roff(`${metaOf(schema).about}${notes === "" ? "" : ` (${notes})`}`)];
}

const own = (text: string) => text.replaceAll(PROGRAM, "load-balancer");
/** A line that roff takes for text. */
const roff = (text: string) =>
  own(text)
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^([.'])/, "\\&$1");
