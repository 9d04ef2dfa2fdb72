// SPDX-License-Identifier: Apache-2.0
// An option is a zod schema and what people must know about it. Parser, help, completion, documents and sentences are derived from both.
import { z } from "zod";
import {
  readDelay,
  readEndpoint,
  readList,
  readMillimetres,
  readNumber,
  readPercent,
  readSeconds,
} from "./quantities.ts";

/** In the order of the help. */
export const GROUPS = [
  "Topology",
  "Load",
  "Events",
  "Faults",
  "Comparison",
  "Measurement",
  "Simulation",
  "Judgement",
  "CI",
  "Output",
  "General",
] as const;

/** What the shell may complete a value with. */
export type Names = "case" | "backend" | "scenario" | "backend or scenario" | "runtime" | "command" | "file" | "folder";

export interface OptionMeta {
  group?: (typeof GROUPS)[number];
  about: string;
  /** Of a number: "messages per second". */
  unit?: string;
  /** Where the schema alone does not say what is expected: "a folder". */
  expects?: string;
  /** Where the default is not a value: "the scenario's". */
  defaultText?: string;
  /** Variable that is the default when it is set and not empty. */
  environment?: string;
  short?: string;
  /** May be given more than once, one value each time. */
  repeatable?: boolean;
  /** Option without which this one means nothing. */
  needs?: string;
  names?: Names;
}

const registry = z.registry<OptionMeta>();

export function option<T extends z.ZodType>(schema: T, meta: OptionMeta): T {
  registry.add(schema, meta);
  return schema;
}

export const metaOf = (schema: z.ZodType): OptionMeta => registry.get(schema) ?? { about: schema.description ?? "" };

export interface JsonSchema {
  type?: "integer" | "number" | "boolean" | "string" | "array" | "object";
  enum?: readonly (string | number)[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  items?: JsonSchema;
  default?: unknown;
  [other: string]: unknown;
}

/** What a checked value looks like. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: "output", unrepresentable: "any" });
  return json as JsonSchema;
}

export const isFlag = (schema: z.ZodType): boolean => jsonSchemaOf(schema).type === "boolean";
export const isArray = (schema: z.ZodType): boolean => jsonSchemaOf(schema).type === "array";

const stated = (read: (value: unknown) => unknown) => (value: unknown) => (value === undefined ? value : read(value));

export const whole = (min: number, max: number) => z.preprocess(stated(readNumber), z.int().min(min).max(max));
/** A target by number or by name: vm-001 is 1. */
export const targetNumber = (max: number) =>
  z.preprocess(
    stated((value) => readNumber(/^vm-0*(\d+)$/.exec(String(value).trim())?.[1] ?? value)),
    z.int().min(1).max(max),
  );
export const amount = (limits: (schema: z.ZodNumber) => z.ZodNumber) =>
  z.preprocess(stated(readNumber), limits(z.number()));
const someSeconds = (least: number, most: number) =>
  least > 0 ? z.number().min(least).max(most) : z.number().positive().max(most);
/** Forty days: of a lab in virtual time they are an hour or two. */
const LONGEST_S = 40 * 86_400;

export const seconds = (least = 0, most = LONGEST_S) => z.preprocess(stated(readSeconds), someSeconds(least, most));
export const wholeSeconds = (min: number, max: number) => z.preprocess(stated(readSeconds), z.int().min(min).max(max));
export const millimetres = (min: number, max: number) =>
  z.preprocess(stated(readMillimetres), z.int().min(min).max(max));
export const endpointParts = z.object({
  address: z.union([z.ipv4(), z.ipv6()]),
  port: z.int().min(1).max(0xffff),
});
export const endpoint = () => z.preprocess(stated(readEndpoint), endpointParts);
export const percentage = () => z.preprocess(stated(readPercent), z.string());
export const delay = () => z.preprocess(stated(readDelay), z.string());
export const list = <T extends z.ZodType>(item: T) => z.preprocess(stated(readList), z.array(item));
export const choice = <const T extends readonly string[]>(values: T) => z.preprocess(stated(String), z.enum(values));
export const text = () => z.string().trim().min(1);
/** Files of options hold numbers as such. */
export const numberOrText = () => z.preprocess((value) => (typeof value === "number" ? String(value) : value), text());
/** Several values, each given on its own. */
export const texts = () =>
  z.preprocess(
    stated((value) => (Array.isArray(value) ? value : [value])),
    z.array(text()),
  );

const WORDS: Readonly<Record<string, boolean>> = { true: true, yes: true, false: false, no: false };
export const flag = (standard = false) =>
  z.preprocess((value) => WORDS[String(value)] ?? value, z.boolean().default(standard));

/** failFast is --fail-fast. */
export const flagName = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
export const keyOf = (name: string): string => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** A value as it is shown; nothing where there is none. */
export function valueText(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map(valueText).join(" ");
  return typeof value === "string" ? value : JSON.stringify(value);
}
