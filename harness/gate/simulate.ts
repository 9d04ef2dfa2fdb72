// SPDX-License-Identifier: Apache-2.0
// Runs that never happened, as records like any other: to count how often the whole way from the record to the gate is right.

import { flowReader } from "../analysis/flows.ts";
import { EVENTS } from "../events/index.ts";
import { hashFlow, makeOracle, type Oracle, type OracleSpec } from "../oracle/oracle.ts";
import type { Record as RunRecord } from "../record/read.ts";
import type { Cause, Connection, Event, RunInfo, StreamStart } from "../record/schema.ts";
import { machines, runInfo, streamStart } from "../report/fixture-base.ts";
import { TESTER_NAME } from "../topology/topology.ts";
import { mulberry32 } from "../util/random.ts";

/** What is wrong with the balancer; `share` is of the connections, or of the time that packets have nowhere to go. */
export type Fault =
  | { kind: "none" }
  | { kind: "excess_loss" | "resets" | "leak" | "blank"; share: number }
  | { kind: "sprayer" | "modulo" | "ignores_target" };

export interface Simulation {
  seed: number;
  connections: number;
  /** "exact": each connection is known; "shares": the kernel's secret hash; "none": there is no oracle. */
  oracle: "exact" | "shares" | "none";
  fault: Fault;
}

const S = 1e9;
const T0 = 1000 * S;
const EVENT = T0 + 5 * S;
const TARGETS = machines(1, 10);
const ALL = TARGETS.map((_, i) => i);
const LEFT = ALL.slice(2);
const MESSAGES = 10;

const SPECS: Record<Simulation["oracle"], { works: OracleSpec; told: OracleSpec | null }> = {
  exact: ofBoth({ strategy: "maglev", m: 997, seed: 0, ports: true }),
  shares: {
    works: { strategy: "hash_threshold", hash: { kind: "murmur3", seed: 77, ports: true } },
    told: { strategy: "hash_threshold", hash: null },
  },
  none: { works: { strategy: "maglev", m: 65_537, seed: 5, ports: true }, told: null },
};

function ofBoth(spec: OracleSpec) {
  return { works: spec, told: spec };
}

const tables = new Map<string, { before: Oracle; after: Oracle }>();

/** Two of ten targets leave at 5 s of 10. */
export function simulate({ seed, connections, oracle, fault }: Simulation): { run: RunInfo; record: RunRecord } {
  const random = mulberry32(seed);
  const start = streamStart(T0, connections, 1e6);
  const flowOf = flowReader(start);
  const works: OracleSpec =
    fault.kind === "modulo" ? { strategy: "modulo", seed: 0, ports: true } : SPECS[oracle].works;
  const { before, after } = tablesOf(works, fault.kind === "ignores_target");
  const rows = Array.from({ length: connections }, (_, id): Connection[] => {
    const row = connection(id, random);
    const hash = hashFlow(works, flowOf(row));
    const pick = (table: Oracle) => (fault.kind === "sprayer" ? Math.floor(random() * 10) : table.pick(hash)) ?? 0;
    const [first, second] = [pick(before), pick(after)];
    row.target = TARGETS[first] ?? null;
    const unlucky = "share" in fault && random() < fault.share;
    const end = endOf({ fault, first, second, unlucky }, random);
    if (end === null) return [row];
    Object.assign(row, end);
    const late = row.endUs > 5e6;
    const onto = fault.kind === "leak" && unlucky ? first : late ? second : first;
    const again: Connection = { ...connection(id, random), sport: row.sport, srcOffset: row.srcOffset, generation: 1 };
    Object.assign(again, { startUs: row.endUs + 1e4, establishedUs: row.endUs + 1.2e4, target: TARGETS[onto] });
    if (!late && first !== second) Object.assign(again, { cause: "reset", endUs: 5.5e6, lastProgressUs: 5.5e6 });
    return [row, again];
  }).flat();
  const run: RunInfo = { ...runInfo("simulated_scale_in", "scale_in", TARGETS, []), seed };
  return {
    run: { ...run, options: { ...run.options, connections } },
    record: { events: events(start, oracle, fault), connections: rows },
  };
}

interface Choice {
  fault: Fault;
  first: number;
  second: number;
  unlucky: boolean;
}

/** How the connection is lost; null: it is not. */
function endOf({ fault, first, second, unlucky }: Choice, random: () => number): Partial<Connection> | null {
  const lost = (us: number, cause: Cause, movedTo: string | null = null) => ({
    cause,
    endUs: us,
    lastProgressUs: us,
    movedTo,
  });
  if (fault.kind === "sprayer" && first !== second) return lost(2e6 + random() * 1e6, "wrong_target", TARGETS[second]);
  if (fault.kind === "resets" && unlucky) return lost(2e6 + random() * 2.9e6, "reset");
  if (first !== second || (fault.kind === "excess_loss" && unlucky)) return lost(5.2e6 + random() * 8e5, "reset");
  return null;
}

function tablesOf(spec: OracleSpec, ignoresTarget: boolean): { before: Oracle; after: Oracle } {
  const key = JSON.stringify([spec, ignoresTarget]);
  const known = tables.get(key);
  if (known) return known;
  const active = (indices: number[]) => indices.filter((i) => !ignoresTarget || i !== 4);
  const before = makeOracle(spec, active(ALL));
  const made = { before, after: makeOracle(spec, active(LEFT), before) };
  tables.set(key, made);
  return made;
}

function connection(id: number, random: () => number): Connection {
  const startUs = Math.floor(random() * 1e6);
  return {
    stream: "ipv4",
    id,
    generation: 0,
    cause: "none",
    srcOffset: 1 + Math.floor(random() * 65_000),
    sport: 1024 + Math.floor(random() * 60_000),
    target: null,
    movedTo: null,
    startUs,
    establishedUs: startUs + 300,
    endUs: 10e6,
    longestGapUs: 0,
    lastProgressUs: 9.8e6,
    sent: MESSAGES,
    received: MESSAGES,
  };
}

function events(start: StreamStart, oracle: Simulation["oracle"], fault: Fault): Event[] {
  const sent = start.connections * (MESSAGES * 2 + 4);
  const blank = fault.kind === "blank" ? Math.ceil(sent * fault.share) : 0;
  const counters = (machine: string, values: Record<string, number>): Event[] => [
    {
      kind: "counters",
      t: T0,
      machine,
      moment: "before",
      values: Object.fromEntries(Object.keys(values).map((k) => [k, 0])),
    },
    { kind: "counters", t: T0 + 11 * S, machine, moment: "after", values },
  ];
  return [
    {
      kind: "deployed",
      t: T0 - S,
      backend: "simulated",
      active: TARGETS,
      effectiveOptions: {},
      oracle: SPECS[oracle].told,
    },
    start,
    {
      kind: "scale",
      t: EVENT,
      action: EVENTS.scale_in.kind,
      machines: TARGETS.slice(0, 2),
      requestedT: EVENT,
      effectiveT: EVENT + 1e6,
    },
    lastSample(start),
    {
      kind: "stream_end",
      t: T0 + 10 * S,
      stream: start.stream,
      userUs: 1e5,
      systemUs: 1e5,
      lateSends: 0,
      maxLateUs: 0,
    },
    ...counters(TESTER_NAME, { ipOut: sent }),
    ...counters("vm-201", { "drop.nfqueue_no_target": blank }),
    ...counters("vm-010", { ipIn: sent - blank }),
  ];
}

function lastSample({ stream, connections }: StreamStart): Event {
  return {
    kind: "sample",
    t: T0 + 10 * S,
    stream,
    alive: connections,
    connecting: 0,
    established: connections,
    failedConnects: 0,
    lost: {},
    sent: connections * MESSAGES,
    received: connections * MESSAGES,
    lateSends: 0,
    maxLateUs: 0,
    perTarget: {},
    hist: [],
  };
}
