// SPDX-License-Identifier: Apache-2.0
// Connections that the balancer had forgotten when their next packet came: which losses are its doing, against what was to be expected.
import { exceededMemory, type Forgetting, forgetting, lossOfForgotten, memoryLimits } from "../oracle/forgetting.ts";
import type { Oracle } from "../oracle/oracle.ts";
import type { MemoryLimits } from "../oracle/strategies/define.ts";
import type { Event, ForgottenSummary } from "../record/schema.ts";
import type { AnalysisModule } from "./part.ts";
import { isAliveAt, predictor } from "./predict.ts";
import { type Established, type Row, sentAt } from "./rows.ts";
import { chanceInterval } from "./statistics.ts";
import type { Timeline } from "./timeline.ts";

/** A message may be sent so much too late, so that either side of an event may have chosen for it. */
const UNSURE_NS = 5e8;

interface Memory {
  /** By stream; those that are remembered throughout are not in it. */
  ofStream: ReadonlyMap<string, Forgetting>;
  why: string[];
}

/** What of the balancer's memory the load exceeds, as a sentence each; null: nothing. */
export function forgettingReasons(
  timeline: Timeline,
  events: readonly Event[],
): Record<"entries" | "timeout", string | null> {
  const { entries, ...timeout } = memoryLimits(timeline.deployed.oracle) ?? {};
  const whyOf = (limits: MemoryLimits) => memoryOf(timeline, events, limits)?.why[0] ?? null;
  return { entries: whyOf({ entries }), timeout: whyOf(timeout) };
}

/** null: the balancer remembers all that there is. */
function memoryOf(
  { deployed, streams, views }: Timeline,
  events: readonly Event[],
  limits = memoryLimits(deployed.oracle),
): Memory | null {
  if (!limits) return null;
  const all = [...streams.values()].filter(({ mode }) => mode === "stream");
  const connections = all.reduce((sum, { open, connections: n }) => sum + (open?.peak ?? n), 0);
  const flows = events.reduce((sum, e) => sum + (e.kind === "rows" ? e.count : 0), 0);
  const ofStream = new Map<string, Forgetting>();
  const why = new Set<string>();
  for (const { stream, protocol, intervalUs, keepaliveUs } of all) {
    const keepaliveS = keepaliveUs === undefined ? undefined : keepaliveUs / 1e6;
    const load = { protocol, intervalS: intervalUs / 1e6, keepaliveS, connections, flows, routers: views.length };
    const found = forgetting(limits, load);
    if (found.high === 0) continue;
    ofStream.set(stream, found);
    for (const sentence of exceededMemory(limits, load)) why.add(sentence);
  }
  return ofStream.size > 0 ? { ofStream, why: [...why] } : null;
}

/** Takes a loss out of the events where they do not explain it, and a balancer that has forgotten the connection does. */
export function forgetter(timeline: Timeline, events: readonly Event[], targets: readonly string[]): (row: Row) => Row {
  const memory = memoryOf(timeline, events);
  if (!memory) return (row) => row;
  const predict = predictor(timeline, targets);
  return (row) => {
    if (row.establishedT === null || row.lossEvent === null || !memory.ofStream.has(row.connection.stream)) return row;
    const { lossEvent: i, connection } = row;
    if (typeof i === "number" && isAliveAt(timeline, row, i) && (predict(row, i)?.probability ?? 0) > 0) return row;
    const asked: Established = { ...row, lossEvent: "forgotten" };
    return lossAt(timeline, asked, targets, connection.received).high > 0 ? asked : row;
  };
}

export const forgotten: AnalysisModule = ({ run: { targets }, events, timeline, explain }) => {
  const memory = memoryOf(timeline, events);
  if (!memory) return { part: () => ({}) };
  const found = { lost: 0, predicted: 0, mispredicted: 0 };
  const sums = { low: 0, high: 0, variance: 0, connections: 0 };
  return {
    established(row) {
      const forgets = memory.ofStream.get(row.connection.stream);
      if (!forgets) return;
      const isLost = row.lossEvent === "forgotten";
      const [all, survived] = chanceOf(timeline, row, targets, forgets);
      found.lost += Number(isLost);
      found.predicted += all.expected;
      sums.low += all.low;
      sums.high += all.high;
      sums.variance += all.variance;
      sums.connections++;
      if (survived === null) return;
      found.mispredicted++;
      explain(row, `kept its connection at message ${survived + 1}, predicted to be forgotten and lost`);
    },
    part: () => ({ summary: { forgotten: { why: memory.why, ...found, interval: intervalOf(sums) } } }),
  };
};

type Sums = { low: number; high: number; variance: number; connections: number };

function intervalOf({ low, high, variance, connections }: Sums): ForgottenSummary["interval"] {
  if (low === high && variance === 0) return null;
  return variance === 0 ? [low, high] : chanceInterval(low, high, variance, connections);
}

type RowChance = Forgetting & { variance: number };

/** Each message after the first is one occasion to be forgotten. Also the first one, if any, that was certain to be lost and was answered. */
function chanceOf(
  timeline: Timeline,
  row: Established,
  targets: readonly string[],
  forgets: Forgetting,
): [RowChance, number | null] {
  const { connection, lossEvent } = row;
  const all = { expected: 0, low: 0, high: 0, variance: 0 };
  let survived: number | null = null;
  const last = connection.received - 1 + Number(lossEvent === "forgotten");
  for (let message = 1; message <= last; message++) {
    const loss = lossAt(timeline, row, targets, message);
    const [low, high] = [forgets.low * loss.low, forgets.high * loss.high];
    all.expected += forgets.expected * loss.expected;
    all.low += low;
    all.high += high;
    if (low === high) all.variance += low * (1 - low);
    if (low === 1 && message < connection.received) survived ??= message;
  }
  // What may be forgotten at each of its messages is lost once.
  const once = all.low < all.high ? 1 : Number.POSITIVE_INFINITY;
  return [{ ...all, expected: Math.min(all.expected, once), high: Math.min(all.high, once) }, survived];
}

/** Probability that a message is the last one if its connection is forgotten by then. Messages count from 0. */
function lossAt(
  { deployed: { oracle } }: Timeline,
  row: Established,
  targets: readonly string[],
  message: number,
): Forgetting {
  const { hash, connection, stream, view, lossEvent } = row;
  const t = sentAt(row, message);
  const target = connection.target === null ? null : targets.indexOf(connection.target);
  const of = (now: Oracle | null) =>
    oracle && now
      ? lossOfForgotten(oracle, now, { protocol: stream.protocol, hash, target })
      : { expected: 0, low: 0, high: 0 };
  // What was lost at an event was answered before it.
  const lived = typeof lossEvent === "number" ? view.stages.slice(0, lossEvent + 1) : view.stages;
  const possible = lived.filter(({ requestedT }, i) => {
    const next = lived[i + 1];
    return (i === 0 || requestedT <= t + UNSURE_NS) && (next === undefined || next.effectiveT > t);
  });
  const losses = possible.map((stage) => of(stage.oracle));
  const due = possible.findLastIndex(({ requestedT }) => requestedT <= t);
  return {
    expected: losses[Math.max(0, due)]?.expected ?? 0,
    low: Math.min(...losses.map(({ low }) => low)),
    high: Math.max(...losses.map(({ high }) => high)),
  };
}
