// SPDX-License-Identifier: Apache-2.0
// Words of the command line to positionals and options, unchecked: names only are looked at here.
import { parseArgs } from "node:util";
import type { z } from "zod";
import { expected, invalid, oneOf } from "../plan/invalid.ts";
import { flagName, isArray, isFlag, keyOf, metaOf, valueText } from "../plan/option.ts";
import { UsageError } from "../util/errors.ts";
import { didYouMean } from "../util/suggest.ts";
import type { Command, Shape } from "./command.ts";
import { PROGRAM, synopsis } from "./names.ts";

export interface Words {
  /** By key; a flag's value is a boolean, or a word that is neither true nor false. */
  options: Record<string, unknown>;
  positionals: Record<string, unknown>;
  rest: readonly string[];
}

type Token = ReturnType<typeof parseArgs<{ strict: false; tokens: true }>>["tokens"][number];
type OptionToken = Extract<Token, { kind: "option" }>;

/** Throws UsageError. */
export function readWords(command: Command, words: readonly string[], commands: readonly Command[]): Words {
  const [own, rest] = command.rest === undefined ? [words, []] : splitRest(command, words);
  const options: Record<string, unknown> = {};
  const positionals: string[] = [];
  for (const token of tokensOf(command, own)) {
    if (token.kind === "positional") positionals.push(token.value);
    else if (token.kind === "option") take(command, token, options, commands);
  }
  return { options, positionals: options.help ? {} : placed(command, positionals, options.printConfig === true), rest };
}

function tokensOf(command: Command, words: readonly string[]): readonly Token[] {
  const options = Object.fromEntries(
    Object.entries(command.options).map(([key, schema]) => {
      const { short } = metaOf(schema);
      return [flagName(key), { type: isFlag(schema) ? "boolean" : "string", ...(short ? { short } : {}) } as const];
    }),
  );
  const parsed = parseArgs({ args: [...words], options, strict: false, allowPositionals: true, tokens: true });
  return parsed.tokens;
}

function take(
  command: Command,
  token: OptionToken,
  options: Record<string, unknown>,
  commands: readonly Command[],
): void {
  const { key, off } = keyOfToken(command, token);
  const schema = Object.hasOwn(command.options, key) ? command.options[key] : undefined;
  if (schema === undefined) throw unknownOption(command, token.rawName, commands);
  const { repeatable } = metaOf(schema);
  if (key in options && !repeatable) throw new UsageError(`Option --${flagName(key)} was given twice.`);
  const value = isFlag(schema) ? flagValue(token, off) : textValue(token, schema);
  options[key] = repeatable ? [...((options[key] as string[] | undefined) ?? []), value] : value;
}

/** "--no-view" is a flag's other value. */
function keyOfToken({ options }: Command, { name, rawName }: OptionToken): { key: string; off: boolean } {
  const positive = keyOf(name.slice(3));
  const negated = name.startsWith("no-") && Object.hasOwn(options, positive) ? options[positive] : undefined;
  const off = negated !== undefined && isFlag(negated);
  const key = off ? positive : keyOf(name);
  const exact = off || rawName === `--${flagName(key)}` || !rawName.startsWith("--");
  return { key: exact ? key : "", off };
}

function flagValue({ name, value }: OptionToken, off: boolean): unknown {
  if (off && value !== undefined) throw new UsageError(invalid(value, `--${name}`, "expected no value"));
  return off ? false : (value ?? true);
}

function textValue({ name, value }: OptionToken, schema: z.ZodType): string {
  if (value !== undefined && !value.startsWith("--")) return value;
  throw new UsageError(`Option --${name} needs a value: ${expected(schema)}.`);
}

function unknownOption(command: Command, rawName: string, commands: readonly Command[]): UsageError {
  const name = rawName.replace(/^--(no-)?/, "");
  const has = ([key, schema]: [string, z.ZodType]) =>
    flagName(key) === name && (!rawName.startsWith("--no-") || isFlag(schema));
  const others = commands
    .filter((other) => other !== command && !other.hidden && Object.entries(other.options).some(has))
    .map((other) => `'${other.name}'`);
  const known = Object.keys(command.options).map((option) => `--${flagName(option)}`);
  const belongs = others.length > 0 ? ` It is an option of ${oneOf(others.slice(0, 3), "and")}.` : "";
  const meant = rawName.startsWith("--") ? didYouMean(`--${flagName(name)}`, known) : "";
  return new UsageError(
    `'${command.name}' has no option ${rawName}.${belongs || meant || ` See '${PROGRAM} help ${command.name}'.`}`,
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
  throw new UsageError(`'${command.name}' takes ${most}: '${extra}' is one too many.`);
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
