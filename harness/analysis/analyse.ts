// SPDX-License-Identifier: Apache-2.0
// From the record to the summary: pure, so `report` makes the same again at any time.

import { explanationOf } from "../events/index.ts";
import { idealLoss } from "../events/meaning.ts";
import type { Record as RunRecord } from "../record/read.ts";
import {
  type Event,
  type EventOf,
  type EventSummary,
  type Phase,
  type RunInfo,
  SCHEMA,
  type Summary,
} from "../record/schema.ts";
import { TESTER_NAME } from "../topology/topology.ts";
import { judgeAffinity } from "./affinity.ts";
import { contentionOf } from "./contention.ts";
import { sumDatagrams } from "./datagrams.ts";
import { Histogram } from "./histogram.ts";
import { type ConnectionOutcomes, type EventOutcome, judgeOutcomes } from "./outcomes.ts";
import { accountPackets, userSpaceShare } from "./packets.ts";
import { recoveryMs } from "./recovery.ts";
import { buildSeries, emptySeries, type Series } from "./series.ts";
import { chiSquareP, wilson95 } from "./statistics.ts";
import { buildTimeline, type Timeline } from "./timeline.ts";
import { judge } from "./verdict.ts";

export interface Analysis {
  summary: Summary;
  series: Series;
}

type Judged = Omit<Summary, "verdict" | "reasons" | "deterministicFailures">;

export function analyse(run: RunInfo, record: RunRecord): Analysis {
  const timeline = buildTimeline(record.events, run.targets, run.routers);
  const texts = (kind: "fault" | "error") => record.events.flatMap((e) => (e.kind === kind ? [e.text] : []));
  const errors = texts("error");
  const skipped = record.events.find((e) => e.kind === "skip");
  if (skipped) return { summary: skippedSummary(run, skipped.reasons), series: emptySeries() };
  if (!timeline) {
    const reasons = errors.length > 0 ? errors : ["The run ended before there was traffic."];
    return {
      summary: { ...emptySummary(run), verdict: "error", reasons, deterministicFailures: [] },
      series: emptySeries(),
    };
  }
  if (errors.length === 0 && !isWhole(record.events)) errors.push("The record ends before its traffic does.");
  const outcomes = judgeOutcomes(timeline, record.connections, run.targets);
  const affinity = judgeAffinity(timeline, record.connections);
  const judged = { ...summarise(run, record.events, timeline, outcomes), ...(affinity ? { affinity } : {}) };
  for (const [i, ms] of recoveryMs(timeline, record.connections).entries()) {
    const event = judged.events[i];
    if (event) event.recoveredMs = ms;
  }
  const summary: Summary = {
    ...judged,
    ...(errors.length > 0
      ? { verdict: "error", reasons: errors, deterministicFailures: [] }
      : judge(judged, outcomes, texts("fault"), timeline.deployed.oracle)),
  };
  return {
    summary,
    series: buildSeries(timeline, record, spreadOf(timeline, outcomes), summary.events, outcomes.lostRows),
  };
}

function summarise(run: RunInfo, events: readonly Event[], timeline: Timeline, outcomes: ConnectionOutcomes): Judged {
  const spread = spreadOf(timeline, outcomes);
  const counts = spread.map((s) => s.connections);
  const mean = counts.reduce((sum, n) => sum + n, 0) / Math.max(1, counts.length);
  const ends = events.filter((e): e is EventOf<"stream_end"> => e.kind === "stream_end");
  const trafficUs = (timeline.endT - timeline.t0) / 1000;
  const expected = spread.map((s) => s.expected ?? mean);
  const predicted = !timeline.deployed.oracle || timeline.shares !== null;
  const datagrams = sumDatagrams(events);
  const hist = new Histogram();
  const last = new Map<string, number>();
  const userSpace = userSpaceShare(events);
  const scaled = timeline.scales.map((scale, i) => eventSummary(timeline, scale, outcomes.perEvent[i], i));
  for (const e of events) {
    if (e.kind !== "sample") continue;
    hist.add(e.hist);
    last.set(e.stream, e.sent);
  }
  return {
    ...emptySummary(run),
    connections: {
      planned: [...timeline.streams.values()].reduce((sum, s) => sum + s.connections, 0),
      established: outcomes.established,
      lost: outcomes.lost,
      lostOutsideEvents: outcomes.lostOutsideEvents,
    },
    lossesJudged: scaled.every((event) => event.predicted !== null),
    assigned: outcomes.assigned,
    events: scaled,
    spread: {
      perTarget: Object.fromEntries(spread.map((s) => [s.target, s.connections])),
      chi2P: mean > 0 && predicted ? chiSquareP(counts, expected) : null,
      maxOverMean: mean > 0 ? Math.max(...counts) / mean : null,
      ...(predicted ? {} : { unpredicted: true }),
    },
    latencyMs: hist.percentilesMs() ?? { p50: null, p99: null, p999: null, max: null },
    ...(datagrams.length > 0 ? { datagrams } : {}),
    packets: accountPackets(events, TESTER_NAME, run.targets),
    ...(userSpace ? { userSpace } : {}),
    generator: {
      sends: [...last.values()].reduce((sum, n) => sum + n, 0),
      lateSends: ends.reduce((sum, e) => sum + e.lateSends, 0),
      cpuShare: trafficUs > 0 ? ends.reduce((sum, e) => sum + e.userUs + e.systemUs, 0) / trafficUs : 0,
    },
    machine: contentionOf(events, timeline.t0),
    phasesMs: phases(events),
  };
}

function eventSummary(
  timeline: Timeline,
  scale: Timeline["scales"][number],
  outcome: EventOutcome | undefined,
  i: number,
): EventSummary {
  const { alive, movable, lost, byCause, predicted, mispredicted, predictedInterval, predictedMost } = outcome ?? {
    alive: 0,
    movable: 0,
    lost: 0,
    byCause: {},
    predicted: null,
    mispredicted: null,
    predictedInterval: null,
    predictedMost: null,
  };
  const [before, after] = [timeline.stages[i]?.active.size ?? 0, timeline.stages[i + 1]?.active.size ?? 0];
  const ideal = idealLoss(before, after, movable);
  const [low, high] = wilson95(lost, alive);
  return {
    kind: scale.action,
    ...explanationOf(scale.meaning),
    machines: scale.machines,
    askedMs: (scale.requestedT - timeline.t0) / 1e6,
    inForceMs: (scale.effectiveT - timeline.t0) / 1e6,
    alive,
    lost,
    ideal,
    predicted,
    mispredicted,
    predictedInterval,
    predictedMost,
    excessPercent: alive > 0 ? ((lost - ideal) / alive) * 100 : 0,
    interval95: [low * 100, high * 100],
    byCause,
    recoveredMs: null,
  };
}

/** First connections by target; all targets that were active at the start stand in it, even those that got none. */
function spreadOf(timeline: Timeline, outcomes: ConnectionOutcomes): Series["spread"] {
  const [first] = timeline.stages;
  const total = [...outcomes.perTarget.values()].reduce((sum, n) => sum + n, 0);
  const names = [...new Set([...(first?.active ?? []), ...outcomes.perTarget.keys()])].sort();
  return names.map((target) => ({
    target,
    connections: outcomes.perTarget.get(target) ?? 0,
    expected: timeline.shares ? (timeline.shares.get(target) ?? 0) * total : null,
  }));
}

/** Analysis and drawing are not in it: they come after, and are timed by whoever does them. */
function phases(events: readonly Event[]): Summary["phasesMs"] {
  const edges = events.filter((e): e is EventOf<"phase"> => e.kind === "phase");
  const lasted = (phase: Phase) => {
    const [begin, end] = (["begin", "end"] as const).map(
      (edge) => edges.find((e) => e.phase === phase && e.edge === edge)?.t,
    );
    return begin === undefined || end === undefined ? 0 : (end - begin) / 1e6;
  };
  const times = edges.map((e) => e.t);
  const total = times.length > 0 ? (Math.max(...times) - Math.min(...times)) / 1e6 : 0;
  return {
    up: lasted("up"),
    deploy: lasted("deploy"),
    traffic: lasted("traffic"),
    down: lasted("down"),
    report: 0,
    total,
  };
}

function emptySummary(run: RunInfo): Judged {
  return {
    schema: SCHEMA,
    case: run.case,
    backend: run.backend,
    scenario: run.scenario,
    runtime: run.runtime,
    kernel: run.kernel ?? run.host.kernel,
    family: run.family,
    protocol: run.protocol,
    seed: run.seed,
    targets: run.targets.length,
    routers: run.routers.length,
    lossesJudged: true,
    clock: "real",
    connections: { planned: 0, established: 0, lost: 0, lostOutsideEvents: 0 },
    assigned: { checked: 0, mispredicted: 0 },
    events: [],
    spread: { perTarget: {}, chi2P: null, maxOverMean: null },
    latencyMs: { p50: null, p99: null, p999: null, max: null },
    packets: { sent: 0, received: 0, dropped: {}, unaccounted: 0 },
    generator: { sends: 0, lateSends: 0, cpuShare: 0 },
    machine: { busyCpus: null, windows: 0, disturbed: [], slowdown: null, note: null },
    phasesMs: { up: 0, deploy: 0, traffic: 0, down: 0, report: 0, total: 0 },
  };
}

/** Every generator has ended and the packets were counted afterwards. */
function isWhole(events: readonly Event[]): boolean {
  const streams = (kind: "stream_start" | "stream_end") =>
    events.flatMap((e) => (e.kind === kind ? [e.stream] : [])).length;
  return (
    streams("stream_start") === streams("stream_end") &&
    events.some((e) => e.kind === "counters" && e.moment === "after" && e.machine === TESTER_NAME)
  );
}

export function skippedSummary(run: RunInfo, reasons: string[]): Summary {
  return { ...emptySummary(run), verdict: "skip", reasons, deterministicFailures: [] };
}
