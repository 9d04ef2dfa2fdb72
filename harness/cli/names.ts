// SPDX-License-Identifier: Apache-2.0
import type { z } from "zod";
import { flagName, isArray, isFlag, jsonSchemaOf, metaOf, valueText } from "../plan/option.ts";
import { PROGRAM } from "../util/typed.ts";
import type { Command } from "./command.ts";

/** "./load-balancer.ts scale <direction> <numbers..>" */
export function synopsis(command: Command): string {
  const positionals = Object.entries(command.positionals).map(([name, schema]) => {
    const inner = isArray(schema) ? `${name}..` : name;
    return schema.isOptional() ? `[${inner}]` : `<${inner}>`;
  });
  return [PROGRAM, command.name, ...positionals, ...(command.rest ? [command.rest] : [])].join(" ");
}

/** "-o, --out FOLDER", "--no-stop" */
export function optionHead(key: string, schema: z.ZodType): string {
  const { short } = metaOf(schema);
  const json = jsonSchemaOf(schema);
  const name = `--${isFlag(schema) && json.default === true ? "no-" : ""}${flagName(key)}`;
  return `${short ? `-${short}, ` : ""}${name}${placeholder(schema)}`;
}

function placeholder(schema: z.ZodType): string {
  const { names, repeatable } = metaOf(schema);
  const json = jsonSchemaOf(schema);
  if (json.type === "boolean") return "";
  const item = json.type === "array" ? (json.items ?? {}) : json;
  if (json.enum && json.enum.length <= 4) return ` ${json.enum.join("|")}`;
  const word =
    names?.toUpperCase() ??
    (item.type === "integer" || item.type === "number" ? "NUMBER" : item.enum ? "NAME" : "TEXT");
  return ` ${word}${json.type === "array" && !repeatable ? ",.." : ""}`;
}

/** "default: 10; environment: __nvm; may be repeated"; empty where there is nothing to say. */
export function optionNotes(schema: z.ZodType): string {
  const { about, unit, defaultText, environment, repeatable } = metaOf(schema);
  const json = jsonSchemaOf(schema);
  const standard = defaultText ?? defaultOf(json.default);
  const item = json.type === "array" ? (json.items ?? {}) : json;
  const long = item.enum && !(json.enum && json.enum.length <= 4) ? item.enum.join(", ") : undefined;
  return [
    ...(unit && !about.includes(unit) ? [unit] : []),
    ...(long ? [`one of ${long}`] : []),
    ...(standard === undefined ? [] : [`default: ${standard}`]),
    ...(environment ? [`environment: ${environment}`] : []),
    ...(repeatable ? ["repeatable"] : []),
  ].join("; ");
}

function defaultOf(value: unknown): string | undefined {
  if (value === undefined || typeof value === "boolean") return undefined;
  return valueText(value) || undefined;
}

/** Ordered by group, as in the help. */
export function grouped(command: Command, groups: readonly string[]): [group: string, [string, z.ZodType][]][] {
  return groups.flatMap((group) => {
    const members = Object.entries(command.options).filter(
      ([, schema]) => (metaOf(schema).group ?? "General") === group,
    );
    return members.length > 0 ? [[group, members] as [string, [string, z.ZodType][]]] : [];
  });
}
