// SPDX-License-Identifier: Apache-2.0
// The second picture of a comparison: the loss over time, stepped where connections were lost.
import { count } from "../../util/numbers.ts";
import { wrap } from "../../util/wrap.ts";
import { type Chart, chartOptions, type Dataset, endOf, eventLines, MARK_COLOURS, timeScale } from "../charts/chart.ts";
import { stepPoints } from "../charts/loss.ts";
import type { Marks } from "../marks.ts";
import { LIGHT, seriesStyle } from "../palette.ts";
import { type Comparison, hasResult, titleOf } from "./comparison.ts";
import { lossTable } from "./tables.ts";

interface Line {
  label: string;
  /** Mean over the repeats. */
  steps: { s: number; total: number }[];
  last: number;
}

/** Nothing to draw: null. */
export function lossLines(comparison: Comparison): Chart | null {
  const runs = comparison.entries.flatMap(({ runs: all }) => all.filter(({ summary }) => hasResult(summary)));
  const [first] = runs;
  if (!first) return null;
  const end = Math.max(...runs.map(({ series }) => endOf(series)));
  const lines = linesOf(comparison);
  const groups = overlapping(lines);
  const repeats = Math.max(...comparison.entries.map((entry) => entry.runs.length));
  const ends = groups.map((group) => {
    const [one] = group as [Line];
    return { lines: wrap(nameOf(group), END_COLUMNS), y: one.last, colour: LIGHT.ink };
  });
  const options = chartOptions({
    x: "Time since the start of the traffic (s)",
    y: "Connections lost in total",
    xScale: timeScale(end),
    yScale: { min: 0, suggestedMax: 4 },
    annotations: eventLines(first.series),
  });
  const marks = { ends, ...MARK_COLOURS } satisfies Marks;
  return {
    id: "compare-time",
    heading: "Connections lost over time",
    title: `${titleOf(comparison)}${repeats > 1 ? " (mean)" : ""}`,
    reading:
      "Each line counts the connections lost by one backend, stepped at the times of the losses; lines that lie on each other are named together. A connection notices its loss at its next message, so the losses of an event come within one interval of the messages; a slope between events is a fault.",
    caption: groups.map(nameOf).join("; "),
    config: {
      type: "line",
      data: { datasets: lines.map((line, i) => datasetOf(line, i, end)) },
      options: {
        ...options,
        layout: {
          padding: { right: 26 + 8 * Math.max(...ends.flatMap((one) => one.lines.map(({ length }) => length))) },
        },
        plugins: { ...options.plugins, legend: { display: false }, marks },
      },
    },
    data: lossTable(comparison),
  };
}

const END_COLUMNS = 28;

/** "xdp, tc (264)". */
function nameOf(group: readonly Line[]): string {
  const [most, least] = [group[0]?.last ?? 0, group.at(-1)?.last ?? 0];
  const range = count(least) === count(most) ? count(most) : `${count(least)}\u00a0to\u00a0${count(most)}`;
  return `${group.map(({ label }) => label).join(", ")}\u00a0(${range})`;
}

function linesOf({ entries }: Comparison): Line[] {
  return entries.flatMap(({ label, runs }): Line[] => {
    const own = runs.filter(({ summary }) => hasResult(summary));
    if (own.length === 0) return [];
    const jumps = own.flatMap(({ series }) =>
      series.lossSteps.map(({ s, total }, i) => ({ s, lost: total - (series.lossSteps[i - 1]?.total ?? 0) })),
    );
    let total = 0;
    const steps = jumps
      .sort((a, b) => a.s - b.s)
      .map(({ s, lost }) => {
        total += lost / own.length;
        return { s, total };
      });
    return [{ label, steps, last: total }];
  });
}

/** Lines that end within a hundredth of the highest of each other would be one line to the eye. */
function overlapping(lines: readonly Line[]): Line[][] {
  const near = Math.max(...lines.map(({ last }) => last)) / 100;
  const groups: Line[][] = [];
  for (const line of [...lines].sort((a, b) => b.last - a.last)) {
    const group = groups.at(-1);
    if (group?.[0] && group[0].last - line.last <= near) group.push(line);
    else groups.push([line]);
  }
  return groups;
}

function datasetOf({ label, steps }: Line, i: number, end: number): Dataset {
  const { colour, dash, mark } = seriesStyle(i);
  const data = stepPoints(steps, end);
  return {
    type: "line",
    label,
    data,
    stepped: "before",
    borderColor: colour,
    backgroundColor: colour,
    borderWidth: 2.5,
    borderDash: dash,
    // One mark, at the end: there the name stands.
    pointRadius: data.map((_, k) => (k === data.length - 1 ? 5 : 0)),
    pointStyle: mark,
    clip: 8,
  };
}
