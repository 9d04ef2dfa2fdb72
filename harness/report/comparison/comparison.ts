// SPDX-License-Identifier: Apache-2.0
// Several backends side by side, each perhaps several times: repeats are added up, or their median is taken.
import { exact95 } from "../../analysis/statistics.ts";
import type { ByCause, ForgottenSummary, LossCause, Verdict } from "../../record/schema.ts";
import { count, NONE, plural } from "../../util/numbers.ts";
import { causes, interval, milliseconds, seconds, share } from "../format.ts";
import { parameters, VERDICT_WORDS } from "../prose.ts";
import type { ReportData } from "../reporter.ts";
import type { Table } from "../table.ts";
import type { Sweep } from "./sweep.ts";

/** One backend, at one value of a sweep, or under the kernel that `label` names: its repeats, each with the next seed. */
export interface Entry {
  label: string;
  backend: string;
  /** The value of the swept parameter; null without a sweep. */
  value: number | null;
  runs: readonly ReportData[];
}

export interface Comparison {
  scenario: string;
  /** In the order asked for. Repeats have the same seeds, and so the same connections, for all. */
  entries: readonly Entry[];
  sweep: Sweep | null;
  commandLine: readonly string[];
}

export interface PooledEvent {
  askedS: number;
  alive: number;
  lost: number;
  ideal: number;
  predicted: number | null;
  byCause: ByCause;
}

/** Events over all repeats that have a result. */
export function pooledEvents({ runs }: Entry): PooledEvent[] {
  const summaries = runs.map(({ summary }) => summary).filter(hasResult);
  return (summaries[0]?.events ?? []).map(({ askedMs }, i) => {
    const events = summaries.flatMap((s) => s.events[i] ?? []);
    const sum = (of: (e: (typeof events)[number]) => number) => events.reduce((total, e) => total + of(e), 0);
    const byCause: ByCause = {};
    for (const event of events)
      for (const [cause, n] of Object.entries(event.byCause))
        byCause[cause as LossCause] = (byCause[cause as LossCause] ?? 0) + n;
    return {
      askedS: askedMs / 1000,
      alive: sum((e) => e.alive),
      lost: sum((e) => e.lost),
      ideal: sum((e) => e.ideal),
      predicted: events.some((e) => e.predicted === null) ? null : sum((e) => e.predicted ?? 0),
      byCause,
    };
  });
}

const hasResult = ({ verdict }: { verdict: Verdict }) => verdict !== "skip" && verdict !== "error";

/** Times are taken of repeats during which others left the machine alone, as long as there is one. */
export function calmRuns({ runs }: Entry): ReportData[] {
  const ran = runs.filter(({ summary }) => hasResult(summary));
  const calm = ran.filter(({ summary }) => summary.machine.note === null);
  return calm.length > 0 ? calm : ran;
}

/** The most serious of them. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  const order: Verdict[] = ["error", "fail", "insufficient", "skip", "unjudged", "pass"];
  return order.find((verdict) => verdicts.includes(verdict)) ?? "skip";
}

export function comparisonTable({ entries, sweep }: Comparison): Table {
  const pooled = entries.map(pooledEvents);
  const kernels = !sweep && entries.some(({ label, backend }) => label !== backend);
  const forgetful = entries.some(({ runs }) => runs.some(({ summary }) => summary.forgotten));
  const events = pooled.reduce((most, one) => (one.length > most.length ? one : most), []);
  return {
    head: [
      kernels ? "Kernel" : "Backend",
      ...(sweep ? [sweep.parameter] : []),
      "Verdict",
      ...events.flatMap((event) => [
        `Lost at ${seconds(event.askedS)}`,
        "Share",
        "95 % interval",
        "Oracle",
        "Ideal",
        "Causes",
      ]),
      "Outside events",
      ...(forgetful ? ["Forgotten"] : []),
      "Recovered",
      "Latency 50 %",
      "99 %",
      "CPUs",
      "Busiest / mean",
    ],
    rows: entries.map((entry, i) => {
      const runs = entry.runs.map(({ summary }) => summary);
      const ran = runs.filter(hasResult);
      const calm = calmRuns(entry).map(({ summary }) => summary);
      const middle = (of: (s: (typeof runs)[number]) => number | null) => median(calm.flatMap((s) => of(s) ?? []));
      const passed = runs.filter(({ verdict }) => verdict === "pass").length;
      const { badge } = VERDICT_WORDS[worst(runs.map(({ verdict }) => verdict))];
      return [
        kernels ? entry.label : entry.backend,
        ...(sweep ? [count(entry.value)] : []),
        runs.length > 1 ? `${badge} ${passed}/${runs.length}` : badge,
        ...events.flatMap((_, k) => {
          const event = pooled[i]?.[k];
          if (!event) return [NONE, NONE, NONE, NONE, NONE, NONE];
          const { lost, alive, predicted, ideal, byCause } = event;
          const [low, high] = exact95(lost, alive);
          const range = interval([100 * low, 100 * high]);
          const oracle = predicted === null ? NONE : share(predicted, alive);
          return [count(lost), share(lost, alive), range, oracle, share(ideal, alive), causes(byCause)];
        }),
        ran.length === 0 ? NONE : count(ran.reduce((sum, s) => sum + s.connections.lostOutsideEvents, 0)),
        ...(forgetful ? [forgottenText(ran.flatMap(({ forgotten }) => forgotten ?? []))] : []),
        recoveredText(middle((s) => longest(s.events.map((e) => e.recoveredMs)))),
        milliseconds(middle((s) => s.latencyMs.p50)),
        milliseconds(middle((s) => s.latencyMs.p99)),
        middle((s) => s.machine.busyCpus)?.toFixed(2) ?? NONE,
        middle((s) => s.spread.maxOverMean)?.toFixed(2) ?? NONE,
      ];
    }),
  };
}

/** The columns that a terminal has room for. */
export function shortTable(comparison: Comparison): Table {
  const { head, rows } = comparisonTable(comparison);
  const kept = head.flatMap((name, i) => (["Causes", "95 % interval", "Ideal"].includes(name) ? [] : [i]));
  const pick = (cells: string[]) => kept.map((i) => cells[i] ?? "");
  return { head: pick(head), rows: rows.map(pick) };
}

/** Connections that were lost because the balancer had forgotten them. */
const forgottenText = (of: readonly ForgottenSummary[]) =>
  of.length === 0 ? NONE : count(of.reduce((sum, { lost }) => sum + lost, 0));
const recoveredText = (ms: number | null) => (ms === null ? NONE : seconds(ms / 1000));
const longest = (times: readonly (number | null)[]) =>
  times.length === 0 || times.includes(null) ? null : Math.max(...times.map(Number));

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length === 0 ? null : ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

/** Why backends did not pass, the first reason of each, and what was left out of the times. */
export function remarks({ entries }: Comparison): string[] {
  return entries.flatMap((entry) => {
    const name = entry.label;
    const bad = entry.runs.find(({ summary }) => summary.verdict !== "pass")?.summary;
    const calm = calmRuns(entry);
    const ran = entry.runs.filter(({ summary }) => hasResult(summary));
    const disturbed = ran.filter(({ summary }) => summary.machine.note !== null).length;
    return [
      ...(bad ? [`${name}: ${bad.reasons[0] ?? VERDICT_WORDS[bad.verdict].sentence}`] : []),
      ...(disturbed === 0
        ? []
        : calm.length < ran.length
          ? [
              `${name}: other programs used the machine in ${disturbed} of ${plural(ran.length, "run")}; times and CPU are from the others.`,
            ]
          : [`${name}: other programs used the machine in each run, so its times and CPU are unreliable.`]),
    ];
  });
}

export function titleOf({ scenario, entries, sweep }: Comparison): string {
  const ran = entries.flatMap(({ runs }) => runs).find(({ summary }) => summary.connections.planned > 0);
  const repeats = Math.max(...entries.map(({ runs }) => runs.length));
  const over = sweep ? ` over ${sweep.parameter}` : "";
  return `Comparison in '${scenario}'${over}${ran ? `: ${parameters(ran.summary)}` : ""}${repeats > 1 ? `, ${repeats} repeats` : ""}`;
}
