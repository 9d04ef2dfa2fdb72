// SPDX-License-Identifier: Apache-2.0
// A record that shows a fault of the lab is no verdict on the balancer, whoever reads it and whatever the balancer did.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { writeSyntheticRun } from "../bench/synthetic.ts";
import { ROW_BYTES } from "../record/connections.ts";
import { readRecord, readSummary } from "../record/read.ts";
import { RecordWriter } from "../record/record.ts";
import type { Event } from "../record/schema.ts";
import { EXIT, exitCodeOf } from "../util/exit-codes.ts";
import { judgeRuns } from "./gate.ts";
import { redraw } from "./report.ts";

/** A faultless run whose events went through `edit` before they were written. */
function made(t: ExecutionContext, edit: (event: Event) => Event[]): string {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-fault-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const [whole, edited] = [path.join(dir, "whole"), path.join(dir, "edited")];
  for (const one of [whole, edited]) mkdirSync(one);
  writeSyntheticRun(whole, 400);
  const rows = readFileSync(path.join(whole, "connections.bin"));
  const record = new RecordWriter(edited);
  record.file("run.json", readFileSync(path.join(whole, "run.json"), "utf8"));
  for (const event of readRecord(whole).events.flatMap(edit))
    if (event.kind !== "rows") record.add(event);
    else {
      const from = event.offset * ROW_BYTES;
      record.addRows(event.t, event.stream, rows.subarray(from, from + event.count * ROW_BYTES));
    }
  record.close();
  return edited;
}

const gate = (run: string) =>
  judgeRuns({
    run: [run],
    thresholds: undefined,
    baseline: undefined,
    updateBaseline: false,
    verbose: false,
    bench: undefined,
    json: true,
  });

const faults: [what: string, edit: (event: Event) => Event[], sentence: RegExp][] = [
  [
    "a generator ended early",
    (event) => {
      if (event.kind === "stream_start") return [{ ...event, durationUs: 25e6 }];
      return event.kind === "stream_end" ? [{ ...event, signal: "SIGTERM" }] : [event];
    },
    /^The traffic generator ipv4 ended 5\.0 s before its time \(SIGTERM\)\.$/,
  ],
  [
    "a server stood still",
    (event) => {
      if (event.kind !== "stream_end") return [event];
      const span = { t: event.t - 2e9, fromT: event.t - 9e9, limitNs: 1.75e9, lagNs: 1e7 };
      return [{ kind: "silence", of: "vm-003", role: "server", ...span }, event];
    },
    /^The server on vm-003 stood still for 7\.0 s, from 11\.0 s to 18\.0 s\.$/,
  ],
];

for (const [what, edit, sentence] of faults)
  test.serial(`report and gate: when ${what}, that is an error, not a pass`, async (t) => {
    const run = made(t, edit);
    t.is(await redraw([run]), EXIT.passed, "the report was made");
    const { verdict, reasons } = readSummary(run);
    t.is(exitCodeOf([verdict]), EXIT.infrastructure);
    t.regex(reasons[0] ?? "", sentence);
    t.is(gate(run), EXIT.infrastructure);
  });

test.serial("the same run without the fault passes", async (t) => {
  const run = made(t, (event) => [event]);
  await redraw([run]);
  t.is(readSummary(run).verdict, "pass");
  t.is(gate(run), EXIT.passed);
});
