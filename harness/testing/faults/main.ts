// SPDX-License-Identifier: Apache-2.0
// npm run test:faults [-- WORD..]: injects every fault and kills runs in every phase, and prints what must come of it and what did.
// Words: faults, kills (else both); docker (else netns); --repeats N of each kill; --write to put the tables into docs/reliability.md.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { testEngine } from "../engine.ts";
import { root } from "../machine.ts";
import { runFaults } from "./faults.ts";
import { killMatrix } from "./kills.ts";
import { HEAD, type Row, replaceTable, rowText, tableText } from "./table.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { repeats: { type: "string", default: "1" }, write: { type: "boolean", default: false } },
});
const wants = (word: string) =>
  positionals.includes(word) || !["faults", "kills"].some((one) => positionals.includes(one));
const inContainers = positionals.includes("docker");
const runtime = inContainers ? "docker" : "netns";
const say = (text: string) => void process.stdout.write(`${text}\n`);
const tell = (row: Row) => say(rowText(row));

async function run(name: string, make: () => Promise<Row[]>): Promise<Row[]> {
  say(HEAD);
  const rows = await make();
  if (values.write) {
    const file = path.join(root, "docs/reliability.md");
    const table = tableText(rows, new Date().toISOString().slice(0, 10));
    writeFileSync(file, replaceTable(readFileSync(file, "utf8"), name, table));
  }
  return rows;
}

const engine = await testEngine();
if (engine.skip !== null) say(`SKIP: ${engine.skip} Rows on docker are left out.`);
const rows: Row[] = [];
if (wants("faults")) rows.push(...(await run("faults", () => runFaults(engine.skip === null, tell))));
if (wants("kills") && (!inContainers || engine.skip === null))
  rows.push(
    ...(await run(`kills on ${runtime}`, () => killMatrix({ runtime, inContainers }, Number(values.repeats), tell))),
  );
await engine.stop();
const wrong = rows.filter(({ passed }) => !passed).length;
say(`${rows.length} rows, ${wrong} not as wanted`);
process.exitCode = wrong > 0 ? 1 : 0;
