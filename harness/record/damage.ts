// SPDX-License-Identifier: Apache-2.0
// JSON files of a record, read with their schema. What does not fit is one sentence with file and line.
import { readFileSync } from "node:fs";
import type { z } from "zod";
import { LabError } from "../runtime/runtime.ts";
import { SCHEMA } from "./base.ts";

/** What a record says cannot be relied on: no data, and never a pass. */
export class Damaged extends LabError {
  override name = "Damaged";

  constructor(file: string, line: number | null, why: string) {
    super(`Damaged: ${file}${line === null ? "" : `:${line}`}: ${why}.`);
  }
}

/** What is read of each, and what of them is damaged: one does not hide the others. */
export function readAll<T>(names: readonly string[], one: (name: string) => T): { found: T[]; damaged: Damaged[] } {
  const found: T[] = [];
  const damaged: Damaged[] = [];
  for (const name of names) {
    try {
      found.push(one(name));
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
      damaged.push(error);
    }
  }
  return { found, damaged };
}

/** The file's content, with the names of today. Throws Damaged. */
export function readJson<T>(file: string, schema: z.ZodType<T>, upgrade = (value: Fields) => value): T {
  const text = readWhole(file).toString();
  return checkJson(parseJson(text, file), schema, { file, text }, upgrade);
}

/** Throws Damaged. */
export function readWhole(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Damaged(file, null, `it cannot be read: ${(error as Error).message}`);
  }
}

export type Fields = Record<string, unknown>;

function parseJson(text: string, file: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const { line, why } = jsonFault(text, error as Error);
    throw new Damaged(file, line, why);
  }
  if (!isFields(value)) throw new Damaged(file, 1, "it is not a JSON object");
  return value;
}

/** Where a text stops being JSON, and why, in one line. */
export function jsonFault(text: string, { message }: Error): { line: number; why: string } {
  const position = Number(message.match(/at position (\d+)/)?.[1] ?? text.length);
  return { line: lineAt(text, position), why: `it is not JSON (${oneLine(message)})` };
}

function checkJson<T>(
  value: Fields,
  schema: z.ZodType<T>,
  { file, text }: { file: string; text: string },
  upgrade: (value: Fields) => Fields,
): T {
  const line = (path: readonly PropertyKey[]) => lineOfField(text, path);
  if (typeof value.schema === "number" && value.schema > SCHEMA) {
    const newer = `it was written by a newer version (schema ${value.schema}; this one reads 1 to ${SCHEMA})`;
    throw new Damaged(file, line(["schema"]), newer);
  }
  const today = upgrade(value);
  const parsed = schema.safeParse(today);
  if (parsed.success) return today as T;
  const [issue] = parsed.error.issues;
  throw new Damaged(file, line(issue?.path ?? []), issueText(parsed.error));
}

/** "'host.cpus': expected number, received string". */
export function issueText({ issues: [issue] }: z.ZodError): string {
  const where = issue?.path.map(String).join(".") ?? "";
  const what = oneLine((issue?.message ?? "it does not fit").replace(/^Invalid input: /, ""));
  return where === "" ? what : `'${oneLine(where)}': ${what}`;
}

/** Line of the deepest part of the path that is there; 1 for the whole file. */
function lineOfField(text: string, path: readonly PropertyKey[]): number {
  let at = 0;
  for (const key of path) {
    if (typeof key !== "string") continue;
    const next = text.indexOf(`${JSON.stringify(key)}:`, at);
    if (next < 0) break;
    at = next;
  }
  return lineAt(text, at);
}

const lineAt = (text: string, position: number) => text.slice(0, position).split("\n").length;

/** What comes from a file that may hold anything, for a terminal. */
function oneLine(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]+/g, " ");
  return printable.length > 200 ? `${printable.slice(0, 200)} ...` : printable;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
