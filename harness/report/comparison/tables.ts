// SPDX-License-Identifier: Apache-2.0
// The two tables of a comparison: what was lost, and what it cost.
import { exact95 } from "../../analysis/statistics.ts";
import type { ByRoot, FailoverSummary, ForgottenSummary } from "../../record/schema.ts";
import { count, NONE } from "../../util/numbers.ts";
import { addUp, causes, causesAndEnds, interval, milliseconds, share } from "../format.ts";
import { VERDICT_WORDS } from "../prose.ts";
import type { ReportData } from "../reporter.ts";
import type { Table } from "../table.ts";
import {
  type Comparison,
  calmRuns,
  type Entry,
  eventsOf,
  hasResult,
  median,
  type PooledEvent,
  pooledEvents,
  worst,
} from "./comparison.ts";
import { restoredText } from "./restored.ts";

/** A row for each event and backend, as the picture has them; a sweep keeps the order of its values. */
export function lossTable(comparison: Comparison): Table {
  const { entries, sweep } = comparison;
  const pooled = entries.map((entry) => ({ entry, events: pooledEvents(entry) }));
  return {
    head: ["Event", ...nameHead(comparison), "Lost", "Share", "95 % interval", "Oracle", "Ideal", "Causes"],
    rows: eventsOf(comparison).flatMap(({ short }, k) => {
      const rows = pooled.map(({ entry, events }) => ({ entry, event: events[k] }));
      if (!sweep) rows.sort((a, b) => shareOf(a.event) - shareOf(b.event));
      return rows.map(({ entry, event }) => [short, ...nameCells(comparison, entry), ...lossCells(event)]);
    }),
  };
}

const shareOf = (event: PooledEvent | undefined) => (event ? event.lost / Math.max(1, event.alive) : 2);

function lossCells(event: PooledEvent | undefined): string[] {
  if (!event) return [NONE, NONE, NONE, NONE, NONE, NONE];
  const { lost, alive, predicted, ideal } = event;
  const [low, high] = exact95(lost, alive);
  return [
    count(lost),
    share(lost, alive),
    interval([100 * low, 100 * high]),
    predicted === null ? NONE : share(predicted, alive),
    share(ideal, alive),
    causesAndEnds(event),
  ];
}

/** A row for each backend, in the order asked for. */
export function costTable(comparison: Comparison): Table {
  const forgetful = comparison.entries.some(({ runs }) => runs.some(({ summary }) => summary.forgotten));
  const astray = comparison.entries.some(({ runs }) =>
    runs.some(({ summary }) => summary.connections.lostOutsideEvents > 0),
  );
  const dying = comparison.entries.some(({ runs }) => failoversIn(runs).length > 0);
  const changing = comparison.entries.some(({ runs }) => runs.some(({ summary }) => summary.consistency));
  return {
    head: [
      ...nameHead(comparison),
      "Verdict",
      "Lost",
      "Outside events",
      ...(changing ? ["Broken / min", "/ change", "Unfairness 99 %"] : []),
      ...(astray ? ["Causes outside"] : []),
      ...(forgetful ? ["Forgotten"] : []),
      ...(dying ? ["Found after", "By the timers", "Silence 50 %", "Silence 99 %"] : []),
      "Service back",
      "Latency 50 %",
      "99 %",
      "CPUs",
      "Busiest / mean",
    ],
    rows: comparison.entries.map((entry) => {
      const runs = entry.runs.map(({ summary }) => summary);
      const ran = runs.filter(hasResult);
      const calm = calmRuns(entry).map(({ summary }) => summary);
      const middle = (of: (s: ReportData["summary"]) => number | null) => median(calm.flatMap((s) => of(s) ?? []));
      const sum = (of: (s: ReportData["summary"]) => number) =>
        ran.length === 0 ? NONE : count(ran.reduce((total, s) => total + of(s), 0));
      const passed = runs.filter(({ verdict }) => verdict === "pass").length;
      const { badge } = VERDICT_WORDS[worst(runs.map(({ verdict }) => verdict))];
      return [
        ...nameCells(comparison, entry),
        runs.length > 1 ? `${badge} ${passed}/${runs.length}` : badge,
        sum(({ connections }) => connections.lost),
        sum(({ connections }) => connections.lostOutsideEvents),
        ...(changing ? consistencyCells(ran) : []),
        ...(astray ? [outsideText(ran)] : []),
        ...(forgetful ? [forgottenText(ran.flatMap(({ forgotten }) => forgotten ?? []))] : []),
        ...(dying ? failoverCells(entry.runs) : []),
        restoredText(entry),
        milliseconds(middle((s) => s.latencyMs.p50)),
        milliseconds(middle((s) => s.latencyMs.p99)),
        middle((s) => s.machine.busyCpus)?.toFixed(2) ?? NONE,
        middle((s) => s.spread.maxOverMean)?.toFixed(2) ?? NONE,
      ];
    }),
  };
}

/** Kernels are told by their labels; a sweep by its value too. */
function nameHead({ entries, sweep }: Comparison): string[] {
  if (sweep) return ["Backend", sweep.parameter];
  return [entries.some(({ label, backend }) => `${label} `.startsWith(`${backend} `)) ? "Backend" : "Kernel"];
}

function nameCells({ sweep }: Comparison, { label, backend, value }: Entry): string[] {
  return sweep ? [backend, count(value)] : [label];
}

/** Of the first event of each run at which somebody had to find out who is dead. */
const failoversIn = (runs: readonly ReportData[]): FailoverSummary[] =>
  runs.flatMap(({ summary }) => summary.events.find(({ failover }) => failover)?.failover ?? []);

/** Until the last machine had found out, what the timers say, and how long connections waited: of the middle run. */
function failoverCells(runs: readonly ReportData[]): string[] {
  const all = failoversIn(runs);
  const middle = (of: (one: FailoverSummary) => number | undefined) => median(all.flatMap((one) => of(one) ?? []));
  const [expected] = all.flatMap(({ expectedMs }) => (expectedMs ? [expectedMs] : []));
  return [
    milliseconds(middle(({ foundMs }) => foundMs?.last)),
    expected ? expected.map((ms) => milliseconds(ms)).join(" to ") : NONE,
    milliseconds(middle(({ silenceMs }) => silenceMs?.p50)),
    milliseconds(middle(({ silenceMs }) => silenceMs?.p99)),
  ];
}

function outsideText(runs: readonly ReportData["summary"][]): string {
  const sum: ByRoot = {};
  for (const { causesOutsideEvents = {} } of runs) addUp(sum, causesOutsideEvents);
  return causes(sum);
}

/** Connections broken that no leaving target had, and the busiest target over the mean: of all repeats together, and of the middle one. */
function consistencyCells(runs: readonly ReportData["summary"][]): string[] {
  const all = runs.flatMap(({ consistency }) => consistency ?? []);
  if (all.length === 0) return [NONE, NONE, NONE];
  const sum = (of: (one: (typeof all)[number]) => number) => all.reduce((total, one) => total + of(one), 0);
  const broken = sum(({ violations }) => violations);
  return [
    (broken / sum(({ minutes }) => minutes)).toFixed(1),
    (broken / sum(({ changes }) => changes)).toFixed(1),
    median(all.flatMap(({ unfairness }) => unfairness?.maxOverMean.p99 ?? []))?.toFixed(2) ?? NONE,
  ];
}

/** Connections that were lost because the balancer had forgotten them. */
const forgottenText = (of: readonly ForgottenSummary[]) =>
  of.length === 0 ? NONE : count(of.reduce((sum, { lost }) => sum + lost, 0));
