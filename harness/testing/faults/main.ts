// SPDX-License-Identifier: Apache-2.0
// npm run test:faults [-- WORD..]: injects every fault and kills runs in every phase, and prints what must come of it and what did.
// Words: faults, kills (else both); docker or vm (else netns). Options: below.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { testEngine } from "../engine.ts";
import { root } from "../machine.ts";
import { placeOf } from "./fault.ts";
import { FAULT_COLUMNS, runFaults } from "./faults.ts";
import { killMatrix, SIGNALS } from "./kills.ts";
import { headText, type Line, lineText, mergeTable } from "./table.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Of each kill. */
    repeats: { type: "string", default: "1" },
    /** Kills side by side. */
    "at-once": { type: "string", default: "1" },
    /** Only kills in this phase. */
    phase: { type: "string", multiple: true, default: [] },
    /** Only faults with this among their words. */
    only: { type: "string" },
    /** Put the lines into docs/reliability.md. */
    write: { type: "boolean", default: false },
  },
});
const wants = (word: string) =>
  positionals.includes(word) || !["faults", "kills"].some((one) => positionals.includes(one));
const where = placeOf(positionals.find((word) => word !== "faults" && word !== "kills") ?? "netns");
const today = new Date().toISOString().slice(0, 10);
const say = (text: string) => void process.stdout.write(`${text}\n`);
const tell = (line: Line) => say(lineText(line));

async function run(name: string, columns: readonly string[], make: () => Promise<Line[]>): Promise<Line[]> {
  say(headText(columns));
  const lines = await make();
  if (values.write) {
    const file = path.join(root, "docs/reliability.md");
    writeFileSync(file, mergeTable(readFileSync(file, "utf8"), name, columns, lines));
  }
  return lines;
}

const engine = where.inContainers ? await testEngine() : null;
const lines: Line[] = [];
if (engine?.skip) say(`SKIP: ${engine.skip}`);
else {
  const skip = (text: string) => say(`SKIP: ${text}`);
  if (wants("faults"))
    lines.push(
      ...(await run(`faults on ${where.runtime}`, FAULT_COLUMNS, () =>
        runFaults({ where, only: values.only, today }, tell, skip),
      )),
    );
  const kills = {
    where,
    repeats: Number(values.repeats),
    phases: values.phase,
    atOnce: Number(values["at-once"]),
    today,
  };
  if (wants("kills"))
    lines.push(...(await run("kills", ["runtime", "phase", ...SIGNALS, "date"], () => killMatrix(kills, tell))));
}
await engine?.stop();
const wrong = lines.filter(({ passed }) => !passed).length;
say(`${lines.length} lines, ${wrong} not as wanted`);
process.exitCode = wrong > 0 ? 1 : 0;
