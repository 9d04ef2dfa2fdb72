// SPDX-License-Identifier: Apache-2.0
// The third picture of a comparison: what a backend costs. Times come from repeats during which the machine was left alone.
import type { Chart } from "../charts/chart.ts";
import { type Row, rowChart, type Section } from "../charts/rows.ts";
import { milliseconds } from "../format.ts";
import type { ReportData } from "../reporter.ts";
import { type Comparison, calmRuns, type Entry, median, titleOf } from "./comparison.ts";
import { restoredOf, restoredText } from "./restored.ts";
import { costTable } from "./tables.ts";

type Of = (summary: ReportData["summary"]) => number | null;

interface Measure {
  heading: string;
  short: string;
  colour: string;
  value: Of;
  mark?: Of;
  text: (value: number, mark: number | null, entry: Entry) => string;
}

const MEASURES: readonly Measure[] = [
  {
    heading: "Latency: 99 % of the messages; diamond: median",
    short: "latency",
    colour: "#4a7dab",
    value: ({ latencyMs }) => latencyMs.p99,
    mark: ({ latencyMs }) => latencyMs.p50,
    text: (p99, p50) => `${milliseconds(p99)}, median ${milliseconds(p50)}`,
  },
  {
    heading: "CPUs of the whole lab",
    short: "CPUs",
    colour: "#de7a20",
    value: ({ machine }) => machine.busyCpus,
    text: (cpus) => cpus.toFixed(2),
  },
  {
    heading: "Service back for those who were lost, longest event",
    short: "service back",
    colour: "#7d8893",
    value: (summary) => restoredOf(summary)?.[1] ?? null,
    text: (_, __, entry) => restoredText(entry),
  },
];

/** null: nothing was measured. */
export function costBars(comparison: Comparison): Chart | null {
  const sections = MEASURES.map((measure) => sectionOf(measure, comparison.entries)).filter(
    ({ rows }) => rows.length > 0,
  );
  if (sections.length === 0) return null;
  return rowChart({
    id: "compare-cost",
    heading: "Cost",
    title: titleOf(comparison),
    reading:
      "Bars of a section are drawn to its longest, the least first; the numbers stand beside them. Whiskers span the repeats.",
    caption: `Least: ${sections.map(({ short, rows }) => `${short} ${rows[0]?.text} (${rows[0]?.label})`).join("; ")}.`,
    sections,
    x: null,
    markName: "median",
    referenceName: null,
    data: costTable(comparison),
  });
}

function sectionOf(
  { heading, short, colour, value, mark, text }: Measure,
  entries: readonly Entry[],
): Section & { short: string } {
  const measured = entries.flatMap((entry) => {
    const summaries = calmRuns(entry).map(({ summary }) => summary);
    const values = summaries.flatMap((summary) => value(summary) ?? []);
    const middle = median(values);
    if (middle === null) return [];
    const marks = mark ? median(summaries.flatMap((summary) => mark(summary) ?? [])) : null;
    return [{ entry, values, middle, marks }];
  });
  const most = Math.max(...measured.flatMap(({ values }) => values));
  const part = (n: number) => (100 * n) / (most || 1);
  return {
    heading,
    short,
    rows: measured
      .sort((a, b) => a.middle - b.middle)
      .map(({ entry, values, middle, marks }): Row => {
        return {
          label: entry.label,
          parts: [{ name: heading, colour, hatch: null, value: part(middle) }],
          interval: values.length > 1 ? [part(Math.min(...values)), part(Math.max(...values))] : null,
          mark: marks === null ? null : part(marks),
          reference: null,
          text: text(middle, marks, entry),
        };
      }),
  };
}
