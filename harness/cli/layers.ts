// SPDX-License-Identifier: Apache-2.0
// Where each option's value comes from: the command line, a named case, the configuration file, the environment, or its default.
import { z } from "zod";
import { parseOptions } from "../plan/invalid.ts";
import { flagName, metaOf } from "../plan/option.ts";
import { UsageError } from "../util/errors.ts";
import type { Command, Shape } from "./command.ts";
import type { Config } from "./config.ts";
import type { Words } from "./words.ts";

export const COMMAND_LINE = "command line";
const ENVIRONMENT = "environment";

interface Layer {
  values: Readonly<Record<string, unknown>>;
  /** What a user calls the option there. */
  nameOf(key: string): string;
  /** Where that is. */
  from: string;
}

export interface Resolved {
  args: Record<string, unknown>;
  /** Where each option that somebody gave comes from. */
  given: ReadonlyMap<string, string>;
  /** Variables of the environment that options come from, with what they hold. */
  variables: Readonly<Record<string, string>>;
}

/** Checked values, the nearest layer first. Throws UsageError that names the layer. */
export function resolve(
  command: Command,
  words: Words,
  config: Config | null,
  env: Readonly<Record<string, string | undefined>>,
): Resolved {
  const named = namedCase(command, words, config);
  const layers: Layer[] = [
    { values: words.options, nameOf: (key) => `--${flagName(key)}`, from: COMMAND_LINE },
    ...(named && config ? [inFile(config.file, `cases.${named.name}`, named.options)] : []),
    ...(config ? [inFile(config.file, "options", config.options)] : []),
    environment(command, env),
  ];
  const merged: Record<string, unknown> = {};
  const layerOf = new Map<string, Layer>();
  for (const key of Object.keys(command.options)) {
    const layer = layers.find(({ values }) => values[key] !== undefined);
    if (!layer) continue;
    merged[key] = layer.values[key];
    layerOf.set(key, layer);
  }
  const positionals = named ? { ...words.positionals, case: named.cases } : words.positionals;
  checkNeeds(command, words, merged);
  const schema = words.options.printConfig
    ? z.strictObject({ ...command.options, ...stated(command, positionals) })
    : command.schema;
  const args = parseOptions(
    schema,
    { ...merged, ...positionals },
    (key) => layerOf.get(key)?.nameOf(key) ?? (key in positionals ? `<${key}>` : `--${flagName(key)}`),
  ) as Record<string, unknown>;
  return {
    args,
    given: new Map([...layerOf].map(([key, { from }]) => [key, from])),
    variables: Object.fromEntries(
      [...layerOf].flatMap(([key, { values, from }]) => {
        const variable = from === ENVIRONMENT ? variableOf(command, key) : undefined;
        return variable === undefined ? [] : [[variable, String(values[key])]];
      }),
    ),
  };
}

const inFile = (file: string, part: string, values: Layer["values"]): Layer => ({
  values,
  nameOf: (key) => `'${part}.${flagName(key)}' in '${file}'`,
  from: `${file}, ${part}`,
});

/** The schemas of those positionals that were given. */
function stated({ positionals }: Command, given: Readonly<Record<string, unknown>>): Shape {
  return Object.fromEntries(Object.entries(positionals).filter(([key]) => key in given));
}

/** A variable that is set but empty is not set. */
function environment(command: Command, env: Readonly<Record<string, string | undefined>>): Layer {
  const values = Object.fromEntries(
    Object.keys(command.options).flatMap((key) => {
      const variable = variableOf(command, key);
      const value = variable === undefined ? undefined : env[variable]?.trim();
      return value ? [[key, value]] : [];
    }),
  );
  return { values, nameOf: (key) => `${variableOf(command, key)} (environment)`, from: ENVIRONMENT };
}

const variableOf = ({ options }: Command, key: string) => options[key] && metaOf(options[key]).environment;

function namedCase(command: Command, { positionals }: Words, config: Config | null) {
  const words = positionals.case;
  if (command.name !== "test" || !config || !Array.isArray(words)) return null;
  const name = (words as string[]).find((word) => Object.hasOwn(config.cases, word));
  const found = name === undefined ? undefined : config.cases[name];
  if (name === undefined || !found) return null;
  if (words.length > 1)
    throw new UsageError(`'${name}' is a case of '${config.file}' with options of its own: it must be run alone.`);
  return { name, ...found };
}

/** Of the command line only: a file holds options of many commands. */
function checkNeeds(command: Command, words: Words, merged: Record<string, unknown>): void {
  for (const key of Object.keys(words.options)) {
    const needs = command.options[key] && metaOf(command.options[key]).needs;
    if (needs !== undefined && words.options[key] !== false && (merged[needs] === undefined || merged[needs] === false))
      throw new UsageError(`--${flagName(key)} needs --${flagName(needs)}.`);
  }
}
