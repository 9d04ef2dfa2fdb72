// SPDX-License-Identifier: Apache-2.0
// A run that never happened, of any size, written as a run is: to see what reports cost. A faultless balancer, so that its report is an ordinary one.

import { flowReader } from "../analysis/flows.ts";
import { EVENTS } from "../events/index.ts";
import { hashFlow, makeOracle, type OracleSpec } from "../oracle/oracle.ts";
import { ROW_BYTES } from "../record/connections.ts";
import { RecordWriter } from "../record/record.ts";
import { CAUSES, type Connection, type Event, type StreamStart } from "../record/schema.ts";
import { machines, runInfo, streamStart } from "../report/fixture-base.ts";

const MS = 1e6;
const T0 = 1000e9;
const [RAMP_MS, EVENT_MS, END_MS, SAMPLE_MS] = [4000, 5000, 20_000, 250];
const ORACLE: OracleSpec = { strategy: "maglev", m: 997, seed: 0, ports: true };
const NONE16 = 0xffff;
const BATCH = 4096;
const SILENT = { cause: "stalled", lastProgressUs: 9e6, endUs: 14e6 } as const;

/**
 * Two of ten targets leave at 5 s of 20; each connection whose target changes is lost and opened again. `dir` exists and is empty.
 * `others`: what becomes of the rest: they are kept, or fall silent later without a reason.
 */
export function writeSyntheticRun(dir: string, connections: number, others: "kept" | "lost" = "kept"): void {
  const record = new RecordWriter(dir);
  const targets = machines(1, 10);
  const run = runInfo("nfqueue_scale_in", "scale_in", targets, ["bench", "harness"]);
  record.file("run.json", `${JSON.stringify({ ...run, family: "4" }, null, 2)}\n`);
  const start = streamStart(T0, connections, 2e6);
  const phase = (name: "up" | "deploy" | "traffic" | "down", fromMs: number, toMs: number): Event[] => [
    { kind: "phase", t: T0 + fromMs * MS, phase: name, edge: "begin" },
    { kind: "phase", t: T0 + toMs * MS, phase: name, edge: "end" },
  ];
  const [up, deploy, traffic, down] = [
    phase("up", -400, -200),
    phase("deploy", -200, -100),
    phase("traffic", -100, END_MS + 100),
    phase("down", END_MS + 100, END_MS + 200),
  ];
  const sent = Math.round((connections * END_MS) / 2000);
  const add = (events: readonly (Event | undefined)[]) => {
    for (const event of events) if (event) record.add(event);
  };
  add([...up, ...deploy, traffic[0]]);
  add([
    { kind: "deployed", t: T0 - 100 * MS, backend: run.backend, active: targets, effectiveOptions: {}, oracle: ORACLE },
    counters("vm-221", "before", { ipOut: 0 }),
    start,
    { kind: "hosts", t: T0, stream: "ipv4", names: targets },
  ]);
  const scaled = {
    kind: "scale",
    action: EVENTS.scale_in.kind,
    machines: targets.slice(0, 2),
    requestedT: T0 + EVENT_MS * MS,
  } as const;
  for (let ms = SAMPLE_MS; ms <= END_MS; ms += SAMPLE_MS) {
    if (ms === EVENT_MS + SAMPLE_MS) record.add({ ...scaled, t: T0 + EVENT_MS * MS, effectiveT: T0 + EVENT_MS * MS });
    record.add(sampleAt(ms, connections, targets));
  }
  addRows(record, { start, targets, others }, connections);
  add([
    {
      kind: "stream_end",
      t: T0 + END_MS * MS,
      stream: "ipv4",
      userUs: 1e6,
      systemUs: 2e6,
      lateSends: 0,
      maxLateUs: 900,
    },
    counters("vm-221", "after", { ipOut: sent }),
    counters("vm-001", "after", { ipIn: sent }),
    traffic[1],
    ...down,
  ]);
  record.close();
}

function counters(machine: string, moment: "before" | "after", values: Record<string, number>): Event {
  return { kind: "counters", t: T0 + (moment === "before" ? -50 : END_MS + 50) * MS, machine, moment, values };
}

function sampleAt(ms: number, connections: number, targets: readonly string[]): Event {
  const alive = Math.min(connections, Math.round((connections * ms) / RAMP_MS));
  const messages = Math.round((alive * ms) / 2000);
  return {
    kind: "sample",
    t: T0 + ms * MS,
    stream: "ipv4",
    alive,
    connecting: 0,
    established: alive,
    failedConnects: 0,
    lost: {},
    sent: messages,
    received: messages,
    lateSends: 0,
    maxLateUs: 500,
    perTarget: Object.fromEntries(targets.map((name) => [name, Math.floor(alive / targets.length)])),
    hist: Array.from({ length: 40 }, (_, i) => [80 + i, 1 + ((i * 7) % 13)]),
  };
}

function addRows(
  record: RecordWriter,
  { start, targets, others }: { start: StreamStart; targets: readonly string[]; others: "kept" | "lost" },
  connections: number,
): void {
  const before = makeOracle(
    ORACLE,
    targets.map((_, i) => i),
  );
  const after = makeOracle(
    ORACLE,
    targets.flatMap((_, i) => (i < 2 ? [] : [i])),
  );
  const flowOf = flowReader(start);
  let batch: Buffer[] = [];
  const flush = () => {
    if (batch.length > 0) record.addRows(T0 + END_MS * MS, start.stream, Buffer.concat(batch));
    batch = [];
  };
  const put = (connection: Connection, target: number | null) => {
    batch.push(encodeRow(connection, target));
    if (batch.length >= BATCH) flush();
  };
  for (let id = 0; id < connections; id++) {
    const first = connectionOf(id, 0, Math.floor((id * RAMP_MS * 1000) / connections), "none");
    const hash = hashFlow(ORACLE, flowOf(first));
    const [was, is] = [before.pick(hash), after.pick(hash)];
    if (was === is) {
      put(others === "kept" ? first : { ...first, ...SILENT }, was);
      continue;
    }
    put({ ...first, cause: "reset", endUs: (EVENT_MS + 500) * 1000, lastProgressUs: EVENT_MS * 1000 }, was);
    const again = connectionOf(id, 1, (EVENT_MS + 700) * 1000, "none");
    put(again, after.pick(hashFlow(ORACLE, flowOf(again))));
  }
  flush();
}

function connectionOf(id: number, generation: number, startUs: number, cause: Connection["cause"]): Connection {
  return {
    stream: "ipv4",
    id,
    generation,
    cause,
    srcOffset: 1 + ((id * 7919) % 65_000),
    // Another port for each round through the addresses, so that no 5-tuple comes twice.
    sport: 1024 + ((id * 104_729 + Math.floor(id / 65_000) + 30_011 * generation) % 60_000),
    target: null,
    movedTo: null,
    startUs,
    establishedUs: startUs + 300,
    endUs: END_MS * 1000,
    longestGapUs: 2e6,
    lastProgressUs: END_MS * 1000 - 100_000,
    sent: 10,
    received: 10,
  };
}

/** What `decodeRow` reads. */
function encodeRow(connection: Connection, target: number | null): Buffer {
  const row = Buffer.alloc(ROW_BYTES);
  row.writeUInt32LE(connection.id, 0);
  row.writeUInt16LE(connection.generation, 4);
  row.writeUInt8(CAUSES.indexOf(connection.cause), 6);
  row.writeUInt16LE(connection.sport, 8);
  row.writeUInt16LE(target ?? NONE16, 10);
  row.writeUInt32LE(connection.srcOffset, 12);
  row.writeUInt32LE(connection.startUs, 16);
  row.writeUInt32LE(connection.establishedUs ?? 0xffffffff, 20);
  row.writeUInt32LE(connection.endUs, 24);
  row.writeUInt32LE(connection.longestGapUs, 28);
  row.writeUInt32LE(connection.sent, 32);
  row.writeUInt32LE(connection.received, 36);
  row.writeUInt16LE(NONE16, 40);
  row.writeUInt32LE(connection.lastProgressUs, 44);
  return row;
}
