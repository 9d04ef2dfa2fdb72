// SPDX-License-Identifier: Apache-2.0
// Several backends side by side, each perhaps several times: repeats are added up, or their median is taken.
import { meaningOf } from "../../events/index.ts";
import type { ByCause, ByRoot, Verdict } from "../../record/schema.ts";
import { plural } from "../../util/numbers.ts";
import { addUp, eventLabel, seconds } from "../format.ts";
import { parameters, VERDICT_WORDS } from "../prose.ts";
import type { ReportData } from "../reporter.ts";
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
  causes: ByRoot;
}

/** Events over all repeats that have a result. */
export function pooledEvents({ runs }: Entry): PooledEvent[] {
  const summaries = runs.map(({ summary }) => summary).filter(hasResult);
  return (summaries[0]?.events ?? []).map(({ askedMs }, i) => {
    const events = summaries.flatMap((s) => s.events[i] ?? []);
    const sum = (of: (e: (typeof events)[number]) => number) => events.reduce((total, e) => total + of(e), 0);
    const [byCause, roots]: [ByCause, ByRoot] = [{}, {}];
    for (const event of events) {
      addUp(byCause, event.byCause);
      addUp(roots, event.causes ?? {});
    }
    return {
      askedS: askedMs / 1000,
      alive: sum((e) => e.alive),
      lost: sum((e) => e.lost),
      ideal: sum((e) => e.ideal),
      predicted: events.some((e) => e.predicted === null) ? null : sum((e) => e.predicted ?? 0),
      byCause,
      causes: roots,
    };
  });
}

export const hasResult = ({ verdict }: { verdict: Verdict }) => verdict !== "skip" && verdict !== "error";

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

/** The events of the longest schedule. */
export function eventsOf({ entries }: Pick<Comparison, "entries">): { label: string; short: string; askedS: number }[] {
  const all = entries.flatMap(({ runs }) => runs.map(({ summary }) => summary).filter(hasResult));
  const longest = all.reduce<ReportData["summary"] | null>(
    (most, one) => (one.events.length > (most?.events.length ?? 0) ? one : most),
    null,
  );
  return (longest?.events ?? []).map((event) => ({
    label: eventLabel(event),
    short: shortEvent(event),
    askedS: event.askedMs / 1000,
  }));
}

/** "2 leave, 5 s". */
function shortEvent(event: ReportData["summary"]["events"][number]): string {
  const n = event.machines.length;
  return `${n} ${meaningOf(event).words.now[n === 1 ? 0 : 1]}, ${seconds(event.askedMs / 1000)}`;
}

export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length === 0 ? null : ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

/** Why backends did not pass, the first reason of each, and what was left out of the times; what is true of several is said once. */
export function remarks({ entries }: Comparison): string[] {
  const names = new Map<string, string[]>();
  for (const entry of entries)
    for (const text of remarksOf(entry)) names.set(text, [...(names.get(text) ?? []), entry.label]);
  return [...names].map(
    ([text, of]) => `${of.length > 1 && of.length === entries.length ? "all" : of.join(", ")}: ${text}`,
  );
}

function remarksOf(entry: Entry): string[] {
  const bad = entry.runs.find(({ summary }) => summary.verdict !== "pass")?.summary;
  const calm = calmRuns(entry);
  const ran = entry.runs.filter(({ summary }) => hasResult(summary));
  const disturbed = ran.filter(({ summary }) => summary.machine.note !== null).length;
  const which =
    calm.length < ran.length
      ? `${disturbed} of ${plural(ran.length, "run")}; times and CPU are from the others.`
      : "each run, so times and CPU are unreliable.";
  return [
    ...(bad ? [bad.reasons[0] ?? VERDICT_WORDS[bad.verdict].sentence] : []),
    ...(disturbed === 0 ? [] : [`other programs used the machine in ${which}`]),
  ];
}

export function titleOf({ scenario, entries, sweep }: Comparison): string {
  const ran = entries.flatMap(({ runs }) => runs).find(({ summary }) => summary.connections.planned > 0);
  const repeats = Math.max(...entries.map(({ runs }) => runs.length));
  const over = sweep ? ` over ${sweep.parameter}` : "";
  return `Comparison in '${scenario}'${over}${ran ? `: ${parameters(ran.summary)}` : ""}${repeats > 1 ? `, ${repeats} repeats` : ""}`;
}
