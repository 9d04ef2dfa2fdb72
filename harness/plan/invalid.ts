// SPDX-License-Identifier: Apache-2.0
// Sentences about wrong values. They are derived from the schema, so that no library's words come before a user.
import { z } from "zod";
import { UsageError } from "../util/errors.ts";
import { didYouMean } from "../util/suggest.ts";
import { flagName, type JsonSchema, jsonSchemaOf, metaOf, valueText } from "./option.ts";

/** Checked values. Throws UsageError with one sentence about the first that does not fit; `nameOf` says how an option is called there. */
export function parseOptions<T>(
  schema: z.ZodType<T>,
  given: Readonly<Record<string, unknown>>,
  nameOf: (key: string) => string = (key) => `--${flagName(key)}`,
): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (!issue) throw new Error("A schema that fails without an issue.");
  const shape = schema instanceof z.ZodObject ? (schema.shape as Record<string, z.ZodType>) : {};
  if (issue.code === "unrecognized_keys") {
    const known = Object.keys(shape).map(nameOf);
    const wrong = nameOf(issue.keys[0] ?? "");
    throw new UsageError(`There is no option ${wrong}.${didYouMean(wrong, known)}`);
  }
  const key = String(issue.path[0] ?? "");
  throw new UsageError(invalid(given[key], nameOf(key), expectation(shape[key], issue)));
}

export function invalid(value: unknown, name: string, why: string): string {
  const shown = valueText(value);
  return `Invalid value '${shown.length > 60 ? `${shown.slice(0, 57)}...` : shown}' for ${name}: ${why}.`;
}

/** "expected a whole number from 1 to 1000 (targets)" */
function expectation(schema: z.ZodType | undefined, issue: z.core.$ZodIssue): string {
  const authors = issue.code === "custom" || (issue.code === "invalid_format" && !issue.message.startsWith("Invalid"));
  if (authors && !(schema && metaOf(schema).expects)) return issue.message;
  return `expected ${schema ? expected(schema, issue.code.startsWith("too_")) : "another value"}`;
}

/** "a number (messages per second)"; with its range where that matters. */
export function expected(schema: z.ZodType, withRange = true): string {
  const { expects, unit } = metaOf(schema);
  return expects ?? `${describe(jsonSchemaOf(schema), withRange)}${unit === undefined ? "" : ` (${unit})`}`;
}

function describe(json: JsonSchema, withRange: boolean): string {
  if (json.enum) return oneOf(json.enum.map(String));
  switch (json.type) {
    case "boolean":
      return "true or false";
    case "integer":
    case "number":
      return `a ${json.type === "integer" ? "whole " : ""}number${withRange ? range(json) : ""}`;
    case "array":
      return json.items?.enum
        ? `${oneOf(json.items.enum.map(String))}, or several`
        : describe(json.items ?? {}, withRange).replace(/^a (.*number)/, "$1s");
    default:
      return "a text";
  }
}

function range({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const most = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  const parts = [
    ...(exclusiveMinimum === undefined ? [] : [`above ${exclusiveMinimum}`]),
    ...(minimum === undefined ? [] : [most === undefined ? `of at least ${minimum}` : `from ${minimum} to ${most}`]),
    ...(exclusiveMaximum === undefined ? [] : [`below ${exclusiveMaximum}`]),
    ...(most === undefined || minimum !== undefined ? [] : [`at most ${most}`]),
  ];
  return parts.length === 0 ? "" : ` ${parts.join(" and ")}`;
}

/** "a, b or c" */
export function oneOf(names: readonly string[], conjunction: "or" | "and" = "or"): string {
  const last = names.at(-1) ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} ${conjunction} ${last}`;
}
