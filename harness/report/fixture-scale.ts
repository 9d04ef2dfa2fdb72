// SPDX-License-Identifier: Apache-2.0
// A made-up run in which targets leave and return.

import { emptySeries, type Series } from "../analysis/series.ts";
import { EVENTS, type EventKind } from "../events/index.ts";
import type { ByCause, ByRoot, EventSummary, LossCause, RootCause } from "../record/schema.ts";
import { mulberry32 } from "../util/random.ts";
import { machines, runInfo, split, summary } from "./fixture-base.ts";
import type { ReportData } from "./reporter.ts";

interface Shape {
  targets?: number;
  leaving?: number;
  connections?: number;
  durationS?: number;
  samplesPerS?: number;
}

interface Step {
  kind: EventKind;
  s: number;
  lost: number;
  ideal: number;
}

export const IN_S = 5;
const OUT_S = 15;

/** Targets leave at 5 s and return at 15 s; every loss is predicted. */
export function scaleRun({
  targets = 10,
  leaving = 2,
  connections = 10_000,
  durationS = 20,
  samplesPerS = 10,
}: Shape = {}): ReportData {
  const random = mulberry32(targets);
  const names = machines(1, targets);
  const gone = names.slice(0, leaving);
  const weights = names.map(() => 1 + 0.05 * (random() - 0.5));
  const shares = split(connections, weights);
  const ideal = (connections * leaving) / targets;
  const steps: Step[] = [
    { kind: EVENTS.scale_in.kind, s: IN_S, lost: Math.round(ideal * 1.1065), ideal },
    { kind: EVENTS.scale_out.kind, s: OUT_S, lost: Math.round(ideal * 1.094), ideal },
  ];
  const events = steps.map((step) => event(step, gone, connections));
  const away = split(
    connections,
    weights.map((w, i) => (i < leaving ? 0 : w)),
  );
  const spread = names.map((target, i) => ({ target, connections: shares[i] ?? 0, expected: connections / targets }));
  const course = { steps, connections, names, shares, away, random };
  const samples = Array.from({ length: durationS * samplesPerS + 1 }, (_, i) => sample(i / samplesPerS, course));
  const series: Series = { ...seriesOf(steps, events, durationS), samples, spread, lost: lostRows(gone) };
  const run = runInfo("nfqueue_scale", "scale", names, [
    "test",
    "nfqueue_scale",
    "--targets",
    String(targets),
    "--scale",
    gone.map((_, i) => i + 1).join(" "),
  ]);
  const base = summary(run, connections);
  return {
    run,
    series,
    summary: {
      ...base,
      connections: { ...base.connections, lost: events.reduce((sum, e) => sum + e.lost, 0) },
      events,
      spread: {
        perTarget: Object.fromEntries(spread.map((s) => [s.target, s.connections])),
        chi2P: 0.4321,
        maxOverMean: 1.0463,
      },
    },
  };
}

function seriesOf(steps: readonly Step[], events: readonly EventSummary[], durationS: number): Series {
  return {
    ...emptySeries(),
    lossPerSecond: Array.from({ length: durationS }, (_, s) => ({
      s,
      byCause: lossIn(s, steps),
      causes: rootsIn(s, steps),
      failedConnects: s === IN_S ? 12 : 0,
    })),
    lossSteps: lossStepsOf(steps),
    events: events.map((e, i) => ({
      kind: e.kind,
      machines: e.machines,
      s: e.inForceMs / 1000,
      untilS: events[i + 1] ? OUT_S : durationS,
      alive: e.alive,
      lost: e.lost,
      ideal: e.ideal,
      predicted: e.predicted,
      interval: [(e.interval95[0] * e.alive) / 100, (e.interval95[1] * e.alive) / 100],
    })),
    log: [
      { s: -0.2, text: "up begins" },
      { s: IN_S, text: "scale_in of vm-001, vm-002, asked 11.0 ms before" },
    ],
    rules: [
      { machine: "vm-201", text: "$ ip rule\n0:\tfrom all lookup local\n100:\tfrom all fwmark 0x3e9 lookup 1001" },
    ],
  };
}

function lostRows(gone: readonly string[]): Series["lost"] {
  return Array.from({ length: 60 }, (_, i) => ({
    s: IN_S + i / 100,
    stream: i % 2 === 0 ? "ipv4" : "ipv6",
    id: `${i}.0`,
    src: i % 2 === 0 ? `50.0.0.${i}` : `2000::${i}`,
    sport: 1024 + i,
    target: gone[i % gone.length] ?? null,
    movedTo: null,
    cause: i % 3 === 0 ? "reset" : "timeout",
    root: i % 4 === 0 ? "moved_by_table" : "target_gone",
    event: i === 0 ? null : 1,
    predicted: i === 0 ? 0 : 1,
  }));
}

function event({ kind, s, lost, ideal }: Step, names: string[], alive: number): EventSummary {
  const part = lost / alive;
  const half = 196 * Math.sqrt((part * (1 - part)) / alive);
  return {
    kind,
    machines: names,
    askedMs: s * 1000,
    inForceMs: s * 1000 + 11,
    alive,
    lost,
    ideal,
    predicted: lost,
    mispredicted: 0,
    predictedInterval: null,
    predictedMost: lost,
    excessPercent: (100 * (lost - ideal)) / alive,
    interval95: [100 * part - half, 100 * part + half],
    byCause: causesOf(kind, lost),
    causes: rootsOf(kind, lost, ideal),
    recoveredMs: 1240,
  };
}

function causesOf(kind: EventKind, lost: number): ByCause {
  if (EVENTS[kind].effect === "join") return { reset: lost };
  const reset = Math.round(lost * 0.12);
  return { timeout: lost - reset, reset };
}

/** What a balancer that is ideal would not have lost was moved by its table. */
function rootsOf(kind: EventKind, lost: number, ideal: number): ByRoot {
  if (EVENTS[kind].effect === "join") return { moved_by_table: lost };
  return { target_gone: ideal, moved_by_table: lost - ideal };
}

/** The generator notices a loss within about a second: nine in ten in the second of the event. */
function lossIn(s: number, steps: readonly Step[]): ByCause {
  return inSecond(s, steps, ({ kind, lost }) => causesOf(kind, lost));
}

function rootsIn(s: number, steps: readonly Step[]): ByRoot {
  return inSecond(s, steps, ({ kind, lost, ideal }) => rootsOf(kind, lost, ideal));
}

function inSecond<K extends LossCause | RootCause>(
  s: number,
  steps: readonly Step[],
  of: (step: Step) => Partial<Record<K, number>>,
): Partial<Record<K, number>> {
  const step = steps.find((candidate) => s === candidate.s || s === candidate.s + 1);
  if (step === undefined) return {};
  const share = (n: number) => (s === step.s ? Math.round(n * 0.9) : n - Math.round(n * 0.9));
  return Object.fromEntries(
    Object.entries<number>(of(step) as Record<string, number>).map(([cause, n]) => [cause, share(n)]),
  ) as Partial<Record<K, number>>;
}

/** In a hundred steps over the second after each event. */
function lossStepsOf(steps: readonly Step[]): Series["lossSteps"] {
  let before = 0;
  return steps.flatMap(({ s, lost }) => {
    const part = Array.from({ length: 100 }, (_, i) => ({
      s: s + 0.012 + i / 100,
      total: before + Math.round((lost * (i + 1)) / 100),
    }));
    before += lost;
    return part;
  });
}

interface Course {
  steps: readonly Step[];
  connections: number;
  names: readonly string[];
  /** Connections by target, with all and while some are away. */
  shares: readonly number[];
  away: readonly number[];
  random: () => number;
}

function sample(s: number, { steps, connections, names, shares, away, random }: Course): Series["samples"][number] {
  const opened = Math.min(1, s / 0.8);
  // What an event took away comes back over the two seconds after it.
  const missing = steps.map((step) =>
    s <= step.s ? 0 : step.lost * Math.max(0, 1 - Math.max(0, s - step.s - 0.2) / 2),
  );
  const alive = Math.round(opened * (connections - missing.reduce((sum, n) => sum + n, 0)));
  const base = s > IN_S && s <= OUT_S ? away : shares;
  const parts = split(alive, base);
  const stress = steps.some((step) => s > step.s && s < step.s + 1) ? 12 : 1;
  const p50 = (0.18 + 0.05 * random()) * Math.sqrt(stress);
  const p99 = p50 * (4 + 2 * random()) * Math.sqrt(stress);
  return {
    s,
    alive,
    connecting: opened < 1 ? 64 : 0,
    perTarget: Object.fromEntries(names.map((name, i) => [name, parts[i] ?? 0])),
    sentPerS: alive * 2,
    receivedPerS: alive * 2,
    latencyMs: s === 0 ? null : { p50, p99, p999: p99 * (1.8 + random()), max: p99 * (4 + 3 * random()) },
  };
}
