// SPDX-License-Identifier: Apache-2.0
// The record of a simulated run: what a lab would have written, as the oracle decides.
import { createHash } from "node:crypto";
import { useOf } from "../analysis/use.ts";
import { needsUse, type OracleSpec } from "../oracle/oracle.ts";
import { withLists } from "../plan/flow-lists.ts";
import { decodeRow } from "../record/connections.ts";
import type { RecordWriter } from "../record/record.ts";
import type { Connection, StreamStart } from "../record/schema.ts";
import type { PlannedCase } from "../run/planned-case.ts";
import { activeAtStart } from "../run/steps.ts";
import { planTopology, TESTER_NAME, type Topology } from "../topology/topology.ts";
import { openStart } from "../traffic/open.ts";
import { flowSource } from "../traffic/traffic.ts";
import { UsageError } from "../util/errors.ts";
import { NO_TARGET } from "./fates.ts";
import type { FlowDrawer } from "./flows.ts";
import { type World, worldOf } from "./lives.ts";
import { intervalUsOf, RowMaker } from "./rows.ts";
import { samplesOf } from "./samples.ts";

/** When the traffic begins. */
const T0 = 1e9;
const ROWS_AT_ONCE = 1024;
const LONGEST_END_S = 60;

export function recordRun(planned: PlannedCase, spec: OracleSpec, record: RecordWriter): void {
  const { plan, load, routers, options } = planned;
  const topology = planTopology({ targets: options.targets, routers });
  const endT = T0 + load.durationS * 1e9;
  begin(planned, spec, { record, topology });
  const streams = settledStreams(planned, spec, topology);
  for (const { start } of streams) {
    record.add(start);
    record.add({ kind: "hosts", t: T0, stream: start.stream, names: topology.targets.map(({ name }) => name) });
  }
  for (const { event, members, atS, weights, list } of withLists(plan.steps)) {
    const t = T0 + atS * 1e9;
    const machines = members.flatMap((member) => topology.targets[member - 1]?.name ?? []);
    const changed = { ...(weights ? { weights: [...weights] } : {}), ...(list === undefined ? {} : { flows: list }) };
    record.add({ kind: "scale", t, action: event.kind, machines, ...changed, requestedT: t, effectiveT: t });
  }
  for (const one of streams) {
    writeRows(one, { record, endT });
    for (const sample of samplesOf(one.start, decoded(one, topology))) record.add(sample);
  }
  count(streams, { record, topology, endT });
  record.add({ kind: "phase", t: endT, phase: "traffic", edge: "end" });
}

/** One generator's part of the record. */
interface SimulatedStream {
  start: StreamStart;
  maker: RowMaker;
  rows: Buffer[];
}

/**
 * Where a strategy depends on when flows send, and flows on the strategy: again and again, until both fit. Each time one more
 * event at least is as it has to be.
 */
function settledStreams(planned: PlannedCase, spec: OracleSpec, topology: Topology): SimulatedStream[] {
  const spans = [0, ...planned.plan.steps.map(({ atS }) => atS), planned.load.durationS].map((s) => T0 + s * 1e9);
  let use: ReturnType<typeof useOf> = null;
  let before = "";
  for (let round = 0; round <= spans.length; round++) {
    const streams = simulatedStreams(planned, worldOf(planned, spec, use));
    const now = needsUse(spec) ? createHash("sha256").update(Buffer.concat(streams.flatMap(({ rows }) => rows))) : null;
    const digest = now?.digest("hex") ?? "";
    if (digest === before) return streams;
    before = digest;
    const connections = streams.flatMap((one) => decoded(one, topology));
    use = useOf(spec, { streams: streams.map(({ start }) => start), connections, routerOf: null, spans });
  }
  throw new Error("The buckets of a simulated run do not settle.");
}

function decoded({ start, rows }: SimulatedStream, { targets }: Topology): Connection[] {
  const hosts = targets.map(({ name }) => name);
  return rows.map((row) => decodeRow(row, 0, { stream: start.stream, hosts, unitUs: start.rowUnitUs ?? 1 }));
}

function simulatedStreams(planned: PlannedCase, world: World): SimulatedStream[] {
  const { plan, load, options } = planned;
  const unitUs = unitOf(load.durationS);
  return world.drawers.map((drawer) => {
    const maker = new RowMaker(drawer, { plan, load, targets: options.targets, unitUs });
    const rows: Buffer[] = [];
    world.each(drawer, (life) => {
      if (life.target === NO_TARGET)
        throw new UsageError(
          `'${planned.case.name}' cannot be simulated: which buckets fall idle in time hangs on single packets.`,
        );
      rows.push(maker.row(life));
    });
    return { start: streamStart(planned, drawer, unitUs), maker, rows };
  });
}

function begin(
  { case: { backend }, plan, options, backendOptions }: PlannedCase,
  oracle: OracleSpec,
  { record, topology }: { record: RecordWriter; topology: Topology },
): void {
  record.add({ kind: "phase", t: T0, phase: "traffic", edge: "begin" });
  record.add({
    kind: "deployed",
    t: T0,
    backend: backend.name,
    active: activeAtStart(plan, options.targets).flatMap((i) => topology.targets[i]?.name ?? []),
    effectiveOptions: backend.effectiveOptions(backendOptions, options.targets),
    oracle,
  });
}

function streamStart({ load }: PlannedCase, drawer: FlowDrawer, unitUs: number): StreamStart {
  const { name, family, connections, part, sampleMs } = drawer.stream;
  return {
    kind: "stream_start",
    t: T0,
    stream: name,
    mode: load.mode,
    family,
    ...flowSource(load, family, drawer.stream),
    connections: Math.ceil((connections - part.number + 1) / part.of),
    intervalUs: intervalUsOf(drawer, load),
    stallUs: load.stallS * 1e6,
    ...(load.keepaliveS === undefined ? {} : { keepaliveUs: load.keepaliveS * 1e6 }),
    ...(unitUs > 1 ? { rowUnitUs: unitUs } : {}),
    sampleUs: sampleMs * 1000,
    durationUs: load.durationS * 1e6,
    ...(load.open ? { open: openStart(load.open) } : {}),
    ...(load.sameTuple ? { sameTuple: true as const } : {}),
  };
}

function writeRows(
  { start: { stream, connections }, rows }: SimulatedStream,
  { record, endT: t }: { record: RecordWriter; endT: number },
): void {
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE)
    record.addRows(t, stream, Buffer.concat(rows.slice(from, from + ROWS_AT_ONCE)));
  record.add({ kind: "all_established", t, stream, established: connections, failed: 0 });
  record.add({ kind: "stream_end", t, stream, userUs: 0, systemUs: 0, lateSends: 0, maxLateUs: 0 });
}

/** A message is a packet here. */
function count(
  makers: readonly { maker: RowMaker }[],
  { record, topology, endT: t }: { record: RecordWriter; topology: Topology; endT: number },
): void {
  const sum = (of: (maker: RowMaker) => number) => makers.reduce((total, { maker }) => total + of(maker), 0);
  const add = (machine: string, values: Record<string, number>) =>
    record.add({ kind: "counters", t, machine, moment: "after", values });
  add(TESTER_NAME, { ipOut: sum((maker) => maker.sent) });
  add("fabric", { "drop.dead_target": sum((maker) => maker.unheard) });
  for (const [i, { name }] of topology.targets.entries()) add(name, { ipIn: sum((maker) => maker.arrived[i] ?? 0) });
}

/** Microseconds in a unit of a row's times, as the generator chooses it: rows have 32 bits. */
function unitOf(durationS: number): number {
  let unitUs = 1;
  while (((durationS + LONGEST_END_S) * 1e6) / unitUs >= 2 ** 32 - 1) unitUs *= 10;
  return unitUs;
}
