// SPDX-License-Identifier: Apache-2.0
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { runInfo } from "../report/fixture-base.ts";
import { ROW_BYTES } from "./connections.ts";
import { firstDifference } from "./difference.ts";
import { RecordWriter } from "./record.ts";
import type { Event } from "./schema.ts";

interface Made {
  rows?: number[];
  events?: readonly Event[];
  messages?: string;
}

const start: Event = {
  kind: "stream_start",
  t: 1,
  stream: "ipv4",
  mode: "stream",
  family: 4,
  protocol: "tcp",
  connections: 2,
  srcCidr: "50.0.0.0/16",
  dst: "10.0.0.0",
  dport: 5003,
  intervalUs: 1_000_000,
  stallUs: 5_000_000,
};
const phase = (hostT: number): Event => ({ kind: "phase", t: 2, phase: "traffic", edge: "begin", hostT });
const counted = (sent: number): Event => ({
  kind: "counters",
  t: 3,
  machine: "vm-221",
  moment: "after",
  values: { ipOut: sent },
});

/** A record with rows whose end is at these microseconds. */
function record(t: ExecutionContext, name: string, { rows = [7, 8], events = [], messages = "up\n" }: Made): string {
  const dir = path.join(t.context as string, name);
  mkdirSync(dir);
  const writer = new RecordWriter(dir);
  writer.file("run.json", JSON.stringify(runInfo("ipvs_scale", "scale", ["vm-001"], ["test"])));
  writer.add(start);
  const bytes = Buffer.alloc(rows.length * ROW_BYTES);
  for (const [i, end] of rows.entries()) bytes.writeUInt32LE(end, i * ROW_BYTES + 24);
  writer.addRows(2, "ipv4", bytes);
  for (const event of events) writer.add(event);
  writer.close();
  writeFileSync(path.join(dir, "logs/dmesg.txt"), messages);
  return dir;
}

test.beforeEach((t) => {
  t.context = mkdtempSync(path.join(tmpdir(), "load-balancer-difference-"));
});
test.afterEach.always((t) => rmSync(t.context as string, { recursive: true }));

test("a record is the same as its copy, whatever this machine's time was", (t) => {
  const before = record(t, "before", { events: [phase(10)] });
  const now = record(t, "now", { events: [phase(20)] });
  t.deepEqual(firstDifference(before, now), { same: { rows: 2, events: 3, messages: 1 } });
  const copy = path.join(t.context as string, "copy");
  cpSync(before, copy, { recursive: true });
  t.true("same" in firstDifference(before, copy));
});

const faults: [what: string, before: Made, now: Made, difference: string][] = [
  ["a row's field", { rows: [7, 8] }, { rows: [7, 9] }, "row 2, endUs: 8 before, 9 now"],
  [
    "a row that is missing",
    { rows: [7, 8] },
    { rows: [7] },
    'row 2: {"stream":"ipv4","id":0,"generation":0,"cause":"none","sport... before, nothing now',
  ],
  [
    "an event's field",
    { events: [phase(1), counted(5)] },
    { events: [phase(1), counted(6)] },
    "event 4 (counters), values.ipOut: 5 before, 6 now",
  ],
  ["a line of the kernel", { messages: "a\nb\n" }, { messages: "a\nc\n" }, 'line of dmesg 2: "b" before, "c" now'],
  ["a line more", { messages: "a\n" }, { messages: "a\nc\n" }, 'line of dmesg 2: nothing before, "c" now'],
];
for (const [what, before, now, difference] of faults)
  test(`${what} is the first difference`, (t) => {
    t.deepEqual(firstDifference(record(t, "before", before), record(t, "now", now)), { difference });
  });
