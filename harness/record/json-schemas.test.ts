// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { z } from "zod";
import { analyse } from "../analysis/analyse.ts";
import { writeSyntheticRun } from "../bench/synthetic.ts";
import { jsonSchemas } from "./json-schemas.ts";
import { readRecord } from "./read.ts";

const dir = path.join(import.meta.dirname, "..", "..", "results", "schema");

test("results/schema holds what the code says: 'npm run schemas' writes it", (t) => {
  const schemas = jsonSchemas();
  t.deepEqual(readdirSync(dir), [...schemas.keys()].sort());
  for (const [name, content] of schemas) t.is(readFileSync(path.join(dir, name), "utf8"), content, name);
});

test("the schemas, read as a stranger reads them, take a record and refuse it when a field is of another type", (t) => {
  const read = (name: string) => z.fromJSONSchema(JSON.parse(readFileSync(path.join(dir, `${name}.json`), "utf8")));
  const run = mkdtempSync(path.join(tmpdir(), "load-balancer-schema-"));
  t.teardown(() => rmSync(run, { recursive: true }));
  writeSyntheticRun(run, 100);
  const record = readRecord(run);
  const lines = readFileSync(path.join(run, "events.ndjson"), "utf8").trim().split("\n");
  const event = read("event");
  for (const line of lines) t.true(event.safeParse(JSON.parse(line)).success, line);
  t.false(event.safeParse({ kind: "warning", t: "now", text: "" }).success);
  t.true(read("run").safeParse(record.run).success);
  t.false(read("run").safeParse({ ...record.run, seed: "1" }).success);
  const { summary } = analyse(record.run, record);
  t.true(read("summary").safeParse(summary).success);
  t.false(read("summary").safeParse({ ...summary, verdict: "passed" }).success);
});
