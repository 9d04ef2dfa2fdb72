// SPDX-License-Identifier: Apache-2.0
// Somebody's own file: read, and refused with the line.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { UsageError } from "../../harness/api/index.ts";

/** Options of every backend that takes a file of somebody's own. */
export const fileOptions = {
  config: z.string().optional().describe("a configuration of your own, whose addresses become the lab's"),
  map: z
    .string()
    .optional()
    .describe(
      "what addresses of the file are in the lab, 'OLD:NEW,...', NEW vip, vm-001, router, clients or keep (in order of appearance)",
    ),
  servicePort: z.coerce
    .number()
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe("port of the VIP that connections go to (the first in the file)"),
};
export interface FileOptions {
  config?: string | undefined;
  map?: string | undefined;
  servicePort?: number | undefined;
}

export const wrongAt = (file: string, line: number, text: string) => new UsageError(`'${file}' line ${line}: ${text}.`);

/** Throws UsageError when it cannot be read. */
export function readText(file: string): string {
  try {
    const text = readFileSync(file);
    if (text.includes(0)) throw new Error("it is no text");
    if (text.length > LARGEST) throw new Error(`it is larger than ${LARGEST / 1e6} MB`);
    return text.toString("utf8");
  } catch (cause) {
    throw new UsageError(`Cannot read configuration '${file}': ${(cause as Error).message}.`, { cause });
  }
}

const LARGEST = 4e6;

/** Options that the file decides, refused beside it: those that differ from what they are when nobody gave them. */
export function refuseBeside(
  { config, ...given }: FileOptions & Readonly<Record<string, unknown>>,
  schema: z.ZodObject,
  allowed: readonly string[],
): void {
  if (config === undefined) {
    const loose = ["map", "servicePort"].find((name) => given[name] !== undefined);
    if (loose) throw new UsageError(`${loose} goes with config=FILE.`);
    return;
  }
  const defaults = schema.parse({}) as Record<string, unknown>;
  const other = Object.keys(given).find(
    (name) => !["map", "servicePort", ...allowed].includes(name) && given[name] !== defaults[name],
  );
  if (other) throw new UsageError(`config=${config} says what ${other} would: give one of them.`);
}

/** For the report: what of the file the lab does itself. */
export function leftToTheLab(left: readonly { word: string; line: number }[]): { "left to the lab"?: string } {
  return left.length === 0
    ? {}
    : { "left to the lab": left.map(({ word, line }) => `${word} (line ${line})`).join(", ") };
}
