// SPDX-License-Identifier: Apache-2.0
// The configuration file: any option, and named cases of 'test'.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { z } from "zod";
import { expected, invalid } from "../plan/invalid.ts";
import { flagName, jsonSchemaOf, keyOf, metaOf, texts } from "../plan/option.ts";
import { systemReason, UsageError } from "../util/errors.ts";
import { importDefault } from "../util/import-file.ts";
import { didYouMean } from "../util/suggest.ts";
import type { Command, Shape } from "./command.ts";
import { commonShape } from "./command.ts";

export interface Config {
  /** As it is called in sentences. */
  file: string;
  options: Readonly<Record<string, unknown>>;
  cases: Readonly<Record<string, { cases: readonly string[]; options: Readonly<Record<string, unknown>> }>>;
}

const STANDARD = ["load-balancer.config.ts", "load-balancer.config.json"];
const PARTS = ["options", "cases"];
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** null: no file was named, and the folder has none. Throws UsageError that names file and key. */
export async function loadConfig(
  named: string | undefined,
  cwd: string,
  commands: readonly Command[],
): Promise<Config | null> {
  const found = named ?? STANDARD.find((name) => existsSync(path.join(cwd, name)));
  return found === undefined ? null : checkConfig(await read(path.resolve(cwd, found), found), found, commands);
}

async function read(file: string, name: string): Promise<unknown> {
  try {
    if (!/\.[cm]?[jt]s$/.test(file)) return JSON.parse(readFileSync(file, "utf8")) as unknown;
    return await importDefault(file);
  } catch (cause) {
    throw new UsageError(`Cannot read the configuration file '${name}': ${systemReason(cause)}.`, {
      cause,
    });
  }
}

function checkConfig(content: unknown, file: string, commands: readonly Command[]): Config {
  const wrong = (text: string) => new UsageError(`Configuration file '${file}': ${text}`);
  if (!isObject(content)) throw wrong(`expected an object with ${PARTS.map((part) => `'${part}'`).join(" and ")}.`);
  const part = Object.keys(content).find((key) => key !== "$schema" && !PARTS.includes(key));
  if (part !== undefined)
    throw wrong(`there is no key '${part}'.${didYouMean(part, PARTS) || " There are: cases, options."}`);
  const { options = {}, cases = {} } = content;
  if (!isObject(options)) throw wrong("'options' must be an object of options.");
  if (!isObject(cases)) throw wrong("'cases' must be an object of named cases.");
  const test = commands.filter(({ name }) => name === "test");
  return {
    file,
    options: checkOptions(options, "options", commands, wrong),
    cases: Object.fromEntries(
      Object.entries(cases).map(([name, value]) => {
        if (!isObject(value) || value.case === undefined)
          throw wrong(`'cases.${name}' must be an object with a 'case'.`);
        const { case: names, ...own } = value;
        const named = texts().safeParse(names);
        if (!named.success)
          throw wrong(invalid(names, `'cases.${name}.case'`, "expected the name of a case, or several"));
        return [name, { cases: named.data, options: checkOptions(own, `cases.${name}`, test, wrong) }];
      }),
    ),
  };
}

/** By key; a value must fit one of the commands that have the option. */
function checkOptions(
  given: Record<string, unknown>,
  where: string,
  commands: readonly Command[],
  wrong: (text: string) => UsageError,
): Record<string, unknown> {
  const known = [...new Set(commands.flatMap((command) => Object.keys(configurable(command))))];
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const key = keyOf(name);
      if (!known.includes(key))
        throw wrong(`there is no option '${where}.${name}'.${didYouMean(name, known.map(flagName))}`);
      const schemas = commands.flatMap((command) => configurable(command)[key] ?? []);
      const [first] = schemas;
      if (first && !schemas.some((schema) => schema.safeParse(value).success))
        throw wrong(invalid(value, `'${where}.${name}'`, `expected ${expected(first)}`));
      return [key, value];
    }),
  );
}

/** Options that a file may hold. */
function configurable(command: Command): Shape {
  if (command.hidden) return {};
  return Object.fromEntries(Object.entries(command.options).filter(([key]) => !(key in commonShape)));
}

/** JSON Schema of the configuration file, for editors. */
export function configJsonSchema(commands: readonly Command[]): Record<string, unknown> {
  const optionsOf = (chosen: readonly Command[]) => {
    const shapes = chosen.flatMap((command) => Object.entries(configurable(command)));
    return Object.fromEntries(shapes.reverse().map(([key, schema]) => [flagName(key), written(schema)]));
  };
  const named = {
    case: { type: ["string", "array"], items: { type: "string" } },
    ...optionsOf(commands.filter(({ name }) => name === "test")),
  };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "load-balancer.config.json",
    type: "object",
    additionalProperties: false,
    properties: {
      $schema: { type: "string" },
      options: { type: "object", additionalProperties: false, properties: optionsOf(commands) },
      cases: {
        type: "object",
        additionalProperties: { type: "object", additionalProperties: false, required: ["case"], properties: named },
      },
    },
  };
}

/** Whatever is written with a unit, or as a list in one text, may be a text too. */
function written(schema: z.ZodType): Record<string, unknown> {
  const { default: _, ...json } = jsonSchemaOf(schema);
  const description = metaOf(schema).about;
  return json.type === "string" || json.type === "boolean"
    ? { ...json, description }
    : { anyOf: [json, { type: "string" }], description };
}
