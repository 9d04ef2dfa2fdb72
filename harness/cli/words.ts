// SPDX-License-Identifier: Apache-2.0
// Words of the command line to positionals and options, unchecked: names only are looked at here.
import yargs from "yargs";
import type { z } from "zod";
import { expected, invalid, oneOf } from "../plan/invalid.ts";
import { flagName, isArray, isFlag, keyOf, metaOf, valueText } from "../plan/option.ts";
import { UsageError } from "../util/errors.ts";
import { didYouMean } from "../util/suggest.ts";
import { PROGRAM } from "../util/typed.ts";
import type { Command, Shape } from "./command.ts";
import { synopsis } from "./names.ts";

export interface Words {
  /** By key; a flag's value is a boolean, or a word that is neither true nor false. */
  options: Record<string, unknown>;
  positionals: Record<string, unknown>;
  rest: readonly string[];
}

/** What words that are none of the command's may be instead. */
interface Others {
  commands: readonly Command[];
  /** Names of options of backends. */
  settable: ReadonlySet<string>;
}

/** Throws UsageError. */
export function readWords(command: Command, words: readonly string[], others: Others): Words {
  const [own, rest] = command.rest === undefined ? [words, []] : splitRest(command, words);
  const { _: positionals, ...found } = parsed(command, withValues(command, own, others));
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(found)) {
    const schema = schemaOf(command, name);
    if (schema === undefined) throw unknownOption(command, `-${name}`, others);
    options[keyOf(name)] = metaOf(schema).repeatable ? [value].flat() : value;
  }
  const given = positionals.map(String);
  return { options, positionals: options.help ? {} : placed(command, given, options.printConfig === true), rest };
}

/** The same words with each value behind "=", as yargs would take one that begins with a dash for an option. Throws UsageError. */
function withValues(command: Command, words: readonly string[], others: Others): string[] {
  const seen = new Set<string>();
  const joined: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = longForm(command, words[i] ?? "");
    if (word === "--") return [...joined, ...words.slice(i)];
    if (!word.startsWith("--")) {
      joined.push(word);
      continue;
    }
    const [, typed = "", inline] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    const { name, schema, off } = optionOf(command, typed);
    if (schema === undefined) throw unknownOption(command, `--${typed}`, others);
    const value = isFlag(schema) ? null : (inline ?? valueBehind(name, schema, words[++i]));
    refuseTwice(metaOf(schema).repeatable ? pairOf(name, value ?? "") : name, seen);
    joined.push(value === null ? flagWord(typed, inline, off) : `--${name}=${value}`);
  }
  return joined;
}

function refuseTwice(what: string | null, seen: Set<string>): void {
  if (what === null) return;
  if (seen.has(what)) throw new UsageError(`Option --${what} was given twice.`);
  seen.add(what);
}

/** Of options that are given several times: each key=value once. */
function pairOf(name: string, value: string): string | null {
  const at = value.indexOf("=");
  return at < 1 ? null : `${name} ${value.slice(0, at)}`;
}

/** "-n" is "--targets". */
function longForm({ options }: Command, word: string): string {
  const found = Object.entries(options).find(([, schema]) => word === `-${metaOf(schema).short}`);
  return found ? `--${flagName(found[0])}` : word;
}

/** "--no-view" is a flag's other value. */
function optionOf(command: Command, typed: string) {
  const positive = typed.startsWith("no-") ? schemaOf(command, typed.slice(3)) : undefined;
  if (positive !== undefined && isFlag(positive)) return { name: typed.slice(3), schema: positive, off: true };
  return { name: typed, schema: schemaOf(command, typed), off: false };
}

function schemaOf({ options }: Command, name: string): z.ZodType | undefined {
  const key = keyOf(name);
  return Object.hasOwn(options, key) && flagName(key) === name ? options[key] : undefined;
}

function flagWord(typed: string, inline: string | undefined, off: boolean): string {
  if (inline === undefined) return `--${typed}`;
  if (!off && (inline === "true" || inline === "false")) return `--${typed}=${inline}`;
  throw new UsageError(invalid(inline, `--${typed}`, off ? "expected no value" : "expected true or false"));
}

function valueBehind(name: string, schema: z.ZodType, next: string | undefined): string {
  if (next !== undefined && !next.startsWith("--")) return next;
  throw new UsageError(`Option --${name} needs a value: ${expected(schema)}.`);
}

/** By the option's name; `_` are the positionals. An option that was given several times is an array. */
function parsed(command: Command, words: readonly string[]): Record<string, unknown> & { _: (string | number)[] } {
  const options = Object.entries(command.options).map(([key, schema]) => [flagName(key), schema] as const);
  const shorts = options.flatMap(([name, schema]) => {
    const { short } = metaOf(schema);
    return short === undefined ? [] : [[short, name] as const];
  });
  const { $0: _program, ...found } = yargs([])
    .help(false)
    .version(false)
    .exitProcess(false)
    .fail(false)
    .boolean(options.flatMap(([name, schema]) => (isFlag(schema) ? [name] : [])))
    .string(options.flatMap(([name, schema]) => (isFlag(schema) ? [] : [name])))
    .alias(Object.fromEntries(shorts.map(([short, name]) => [name, short])))
    .parserConfiguration({
      "camel-case-expansion": false,
      "dot-notation": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "strip-aliased": true,
    })
    .parseSync([...words]);
  return found;
}

function unknownOption(command: Command, rawName: string, { commands, settable }: Others): UsageError {
  const name = rawName.replace(/^--(no-)?/, "");
  const has = ([key, schema]: [string, z.ZodType]) =>
    flagName(key) === name && (!rawName.startsWith("--no-") || isFlag(schema));
  const others = commands
    .filter((other) => other !== command && !other.hidden && Object.entries(other.options).some(has))
    .map((other) => `'${other.name}'`);
  const known = Object.keys(command.options).map((option) => `--${flagName(option)}`);
  const belongs = others.length > 0 ? ` It is an option of ${oneOf(others.slice(0, 3), "and")}.` : "";
  const ofBackends =
    "set" in command.options && rawName.startsWith("--") && settable.has(keyOf(name))
      ? ` It is an option of backends: '--set ${keyOf(name)}=VALUE'.`
      : "";
  const meant = rawName.startsWith("--") ? didYouMean(`--${flagName(name)}`, known) : "";
  return new UsageError(
    `'${command.name}' has no option ${rawName}.${belongs || ofBackends || meant || ` See '${PROGRAM} help ${command.name}'.`}`,
  );
}

function placed(command: Command, words: readonly string[], partial: boolean): Record<string, unknown> {
  const names = Object.entries(command.positionals);
  const found: Record<string, unknown> = {};
  const left = [...words];
  for (const [name, schema] of names) {
    if (isArray(schema)) {
      if (left.length > 0) found[name] = left.splice(0);
    } else if (left.length > 0) found[name] = left.shift();
    if (found[name] === undefined && !partial && !schema.isOptional())
      throw new UsageError(`Argument '${name}' is missing. Usage: ${synopsis(command)}`);
  }
  const [extra] = left;
  if (extra === undefined) return found;
  const most = names.length === 0 ? "no arguments" : names.length === 1 ? "one argument" : `${names.length} arguments`;
  throw new UsageError(`'${command.name}' takes ${most}: '${extra}' is extra.`);
}

/** The words that give these options these values. */
export function wordsOf(shape: Shape, values: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(shape).flatMap((key) =>
    [values[key]].flat().flatMap((value) => (value === undefined ? [] : [`--${flagName(key)}=${valueText(value)}`])),
  );
}

/** Behind the positionals stand the words of another program, with or without `--` before them. */
function splitRest(command: Command, words: readonly string[]): [readonly string[], readonly string[]] {
  let missing = Object.keys(command.positionals).length;
  const end = words.findIndex((word) => word === "--" || (!word.startsWith("-") && missing-- === 1));
  if (end < 0) return [words, []];
  const at = words[end] === "--" ? end : end + 1;
  const rest = words.slice(at);
  if (rest[0] === "--help" || rest[0] === "-h") return [["--help"], []];
  return [words.slice(0, at), rest[0] === "--" ? rest.slice(1) : rest];
}
