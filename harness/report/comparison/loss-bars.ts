// SPDX-License-Identifier: Apache-2.0
// The first picture of a comparison: what each backend lost at each event, the fewest first.
import { exact95 } from "../../analysis/statistics.ts";
import { type ByRoot, ROOTS, type RootCause } from "../../record/schema.ts";
import type { Chart } from "../charts/chart.ts";
import { type Row, rowChart } from "../charts/rows.ts";
import { causeName, percent, seconds } from "../format.ts";
import { hatchAt, ROOT_COLOURS } from "../palette.ts";
import { VERDICT_WORDS } from "../prose.ts";
import { type Comparison, type Entry, eventsOf, type PooledEvent, pooledEvents, titleOf, worst } from "./comparison.ts";
import { lossTable } from "./tables.ts";

export function lossBars(comparison: Comparison): Chart {
  const { entries } = comparison;
  const known = entries.flatMap((entry) => pooledEvents(entry)).map(partsOf);
  const roots = ROOTS.filter((root) => known.some((parts) => (parts[root] ?? 0) > 0));
  const repeats = Math.max(...entries.map(({ runs }) => runs.length));
  const sections = eventsOf(comparison).map(({ label, askedS }, k) => ({
    heading: `${label}, at ${seconds(askedS)}`,
    rows: entries
      .map((entry) => ({ entry, event: pooledEvents(entry)[k] }))
      .sort((a, b) => lossOf(a.event) - lossOf(b.event))
      .map(({ entry, event }) => rowOf(entry, event, roots)),
  }));
  const over = repeats > 1 ? ` over all ${repeats} repeats` : "";
  return rowChart({
    id: "compare",
    heading: "Connections lost at each event",
    title: titleOf(comparison),
    reading: `Each bar is the share of the live connections that a backend lost at the event${over}, by root cause; the fewest stand first. Whiskers are the 95 % interval, diamonds the oracle's prediction, dotted lines the ideal of a balancer without connection state.`,
    caption: `${sections.map(extremes).join("; ")}. Bars: share lost, by root cause; whiskers: 95 % interval${over}; diamonds: oracle.`,
    sections,
    x: "Connections lost (% of those alive)",
    markName: "predicted by the oracle",
    referenceName: "ideal without connection state (dotted)",
    data: lossTable(comparison),
  });
}

function extremes({ heading, rows }: { heading: string; rows: readonly Row[] }): string {
  const ran = rows.filter(({ interval }) => interval !== null);
  const [fewest, most] = [ran[0], ran.at(-1)];
  if (!fewest || !most) return `${heading}: no result`;
  return `${heading}: from ${fewest.text} (${fewest.label}) to ${most.text} (${most.label})`;
}

const lossOf = (event: PooledEvent | undefined) =>
  event === undefined || event.alive === 0 ? Number.POSITIVE_INFINITY : event.lost / event.alive;

/** Lost connections by root cause; summaries that are older than root causes know none. */
function partsOf({ lost, causes }: PooledEvent): ByRoot {
  const explained = Object.values(causes).reduce((sum, n) => sum + n, 0);
  return explained >= lost ? causes : { ...causes, unknown: (causes.unknown ?? 0) + lost - explained };
}

/** `roots`: those of all rows. */
function rowOf({ label, runs }: Entry, event: PooledEvent | undefined, roots: readonly RootCause[]): Row {
  const verdict = worst(runs.map(({ summary }) => summary.verdict));
  if (!event || event.alive === 0)
    return { label, parts: [], interval: null, mark: null, reference: null, text: VERDICT_WORDS[verdict].badge };
  const { alive, lost, ideal, predicted } = event;
  const part = (n: number) => (100 * n) / alive;
  const [low, high] = exact95(lost, alive);
  return {
    label,
    parts: roots.flatMap((root, i) => {
      const n = partsOf(event)[root] ?? 0;
      return n === 0 ? [] : [{ name: causeName(root), colour: ROOT_COLOURS[root], hatch: hatchAt(i), value: part(n) }];
    }),
    interval: [100 * low, 100 * high],
    mark: predicted === null ? null : part(predicted),
    reference: part(ideal),
    text: percent(part(lost)),
  };
}
