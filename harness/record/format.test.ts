// SPDX-License-Identifier: Apache-2.0
// results/README.md, the C that writes rows and the TypeScript that reads them say the same.
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "ava";
import { CAUSES } from "./base.ts";
import { type Connection, decodeRow, ROW_BYTES } from "./connections.ts";
import { endSchema, eventSchema } from "./event.ts";
import { runInfoSchema } from "./run-info.ts";
import { summarySchema } from "./summary.ts";

const root = path.join(import.meta.dirname, "..", "..");
const read = (...names: string[]) => readFileSync(path.join(root, ...names), "utf8");
const page = read("results", "README.md");

interface Field {
  offset: number;
  bytes: number;
  /** "": always 0. */
  name: string;
}

const documented = [...page.matchAll(/^\| (\d+) \| (\d) \| (?:`(\w+)`)? ?\| /gm)].map(
  ([, offset, bytes, name = ""]): Field => ({ offset: Number(offset), bytes: Number(bytes), name }),
);

test("the table of connections.bin is what row_pack() writes", (t) => {
  const body = read("images", "traffic", "row.c").match(/void row_pack.*?\n\{(.*?)\n\}/s)?.[1] ?? "";
  let offset = 0;
  const packed = [...body.matchAll(/put(16|32)\(to, (?:row->(\w+)|0)\)|\*to\+\+ = (?:row->(\w+)|0)/g)].map(
    ([, bits = "8", word, byte]): Field => {
      const field = { offset, bytes: Number(bits) / 8, name: word ?? byte ?? "" };
      offset += field.bytes;
      return field;
    },
  );
  t.deepEqual(documented, packed);
  t.is(offset, ROW_BYTES);
  t.regex(read("images", "traffic", "row.h"), new RegExp(`#define ROW_BYTES ${ROW_BYTES}\\n`));
});

/** C's names -> ours, where they differ. */
const OURS: Readonly<Record<string, keyof Connection>> = {
  port: "sport",
  host: "target",
  offset: "srcOffset",
  start_us: "startUs",
  established_us: "establishedUs",
  end_us: "endUs",
  longest_gap_us: "longestGapUs",
  moved_to: "movedTo",
  progress_us: "lastProgressUs",
};

const of = { stream: "ipv4", hosts: ["vm-001", "vm-002"], unitUs: 1 };

test("each field is read from the bytes that the table names", (t) => {
  for (const { offset, bytes, name } of documented.filter((field) => field.name !== "")) {
    const row = Buffer.alloc(ROW_BYTES);
    row.writeUIntLE(1, offset, bytes);
    const changed = decodeRow(row, 0, of);
    const plain = decodeRow(Buffer.alloc(ROW_BYTES), 0, of);
    const differs = (Object.keys(plain) as (keyof Connection)[]).filter((key) => changed[key] !== plain[key]);
    t.deepEqual(differs, [OURS[name] ?? name] as (keyof Connection)[], name);
  }
});

test("the codes of causes are those of the C program, in its order", (t) => {
  const codes = [...page.matchAll(/^\| (\d) \| `(\w+)`: /gm)].map(([, code, cause]) => [Number(code), cause]);
  t.deepEqual(codes, CAUSES.map((cause, code) => [code, cause]) as (number | string)[][]);
  const inC = [...read("images", "traffic", "cause.h").matchAll(/\tCAUSE_(\w+),/g)].map(([, name]) =>
    name?.toLowerCase(),
  );
  t.deepEqual(inC, [...CAUSES]);
});

test("every kind of event and every field of run.json and summary.json is on the page", (t) => {
  const section = (heading: string) => page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const kinds = [...eventSchema.options, endSchema].map(({ shape }) => shape.kind.value);
  for (const kind of kinds) t.true(section("events.ndjson").includes(`\`${kind}\``), kind);
  for (const field of Object.keys(runInfoSchema.shape).filter((name) => name !== "schema"))
    t.true(section("run.json").includes(`\`${field}\``), field);
  const shared = new Set(Object.keys(runInfoSchema.shape));
  for (const field of Object.keys(summarySchema.shape).filter((name) => !shared.has(name)))
    t.true(section("summary.json").includes(`\`${field}\``), field);
});
