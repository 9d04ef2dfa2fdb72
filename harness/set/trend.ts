// SPDX-License-Identifier: Apache-2.0
// history.html: how loss, recovery and latency of each case went from run to run, by date and revision.
import { flagName, valueText } from "../plan/option.ts";
import type { Summary } from "../record/schema.ts";
import { type Chart, chartOptions } from "../report/charts/chart.ts";
import { restoredOf } from "../report/comparison/restored.ts";
import { digits } from "../report/format.ts";
import { escapeText } from "../report/html/markup.ts";
import { chartMarkup } from "../report/html/sections.ts";
import { loadAssets, NO_SCRIPT, renderPage } from "../report/html.ts";
import { seriesStyle } from "../report/palette.ts";
import { plural } from "../util/numbers.ts";
import { runsMarkup } from "./page.ts";
import { type Attempt, entryOf } from "./set.ts";

interface Measure {
  id: string;
  heading: string;
  unit: string;
  of: (summary: Summary) => number | null;
}

const MEASURES: readonly Measure[] = [
  { id: "trend-loss", heading: "Lost at events", unit: "% of live connections", of: lossPercent },
  {
    id: "trend-recovery",
    heading: "Service back, at the latest",
    unit: "ms after the event",
    of: (summary) => restoredOf(summary)?.[1] ?? null,
  },
  { id: "trend-latency", heading: "Latency of 99 % of the messages", unit: "ms", of: ({ latencyMs }) => latencyMs.p99 },
];

function lossPercent({ events }: Summary): number | null {
  const alive = events.reduce((sum, event) => sum + event.alive, 0);
  return alive === 0 ? null : (100 * events.reduce((sum, event) => sum + event.lost, 0)) / alive;
}

/** `runs` are the oldest first. */
export async function historyPage(runs: readonly Attempt[]): Promise<string> {
  const title = `${plural(runs.length, "run")}, ${runs[0]?.run.startedAt.slice(0, 10)} to ${runs.at(-1)?.run.startedAt.slice(0, 10)}`;
  const charts = MEASURES.map((measure) => trendChart(measure, runs));
  const entries = [...runs].reverse().map((run) => entryOf([run]));
  const body = `<header><h1>${escapeText(title)}</h1></header>
${NO_SCRIPT}
${charts.map((chart) => chartMarkup(chart)).join("\n")}
${runsMarkup(entries)}`;
  return renderPage({ title, body, charts }, await loadAssets());
}

function trendChart({ id, heading, unit, of }: Measure, runs: readonly Attempt[]): Chart {
  const lines = lineNames(runs);
  const measured = runs.flatMap(({ summary }, i) => {
    const value = of(summary);
    return value === null ? [] : [{ i, name: lines[i] ?? "", value }];
  });
  const names = [...new Set(measured.map(({ name }) => name))].sort();
  const labels = runs.map(labelOf);
  const datasets = names.map((label, k) => {
    const { colour, dash, mark } = seriesStyle(k);
    const own = measured.filter(({ name }) => name === label);
    return {
      type: "line" as const,
      label,
      data: own.map(({ i, value }) => ({ x: labels[i] ?? "", y: value })),
      backgroundColor: colour,
      borderColor: colour,
      borderWidth: 2,
      borderDash: dash,
      pointStyle: mark,
      pointRadius: 4,
      spanGaps: true,
    };
  });
  return {
    id,
    heading,
    title: heading,
    reading:
      "Each point is a run, each line a case with its family, protocol and options, from the oldest run to the newest.",
    caption: names.length === 0 ? "No run has measured it." : names.map((name) => changeOf(name, measured)).join("; "),
    config: {
      type: "line",
      data: { labels, datasets },
      options: chartOptions({
        x: "Run: date (UTC) and revision",
        y: unit,
        xScale: { type: "category", offset: true },
        yScale: { min: 0 },
      }),
    },
    data: {
      head: ["Run", "Case", unit],
      rows: measured.map(({ i, name, value }) => [labels[i] ?? "", name, digits(value)]),
    },
  };
}

const nameOf = ({ summary }: Attempt) =>
  `${summary.case}, ${summary.protocol} over ${summary.family === "both" ? "both families" : `IPv${summary.family}`}`;

/** By case; where runs of it had other options, they are lines of their own, named by what differs. */
export function lineNames(runs: readonly Attempt[]): string[] {
  const options = runs.map(({ run }): Record<string, unknown> => {
    const { seed: _, ...rest } = run.options;
    return { ...rest, ...run.backendOptions, runtime: run.runtime };
  });
  return runs.map((attempt, i) => {
    const name = nameOf(attempt);
    const alike = options.filter((_, k) => nameOf(runs[k] as Attempt) === name);
    const keys = [...new Set(alike.flatMap(Object.keys))];
    const differing = keys.filter((key) => new Set(alike.map((one) => JSON.stringify(one[key]))).size > 1);
    const own = differing.flatMap((key) => {
      const value = options[i]?.[key];
      return value === undefined ? [] : [`${flagName(key)} ${valueText(value)}`];
    });
    return [name, ...own].join(", ");
  });
}

/** "01-02 03:04 0123456 (3)": the number keeps two runs of a minute apart. */
const labelOf = ({ run }: Attempt, i: number) =>
  `${run.startedAt.slice(5, 16).replace("T", " ")} ${run.gitRevision?.slice(0, 7) ?? ""} (${i + 1})`;

function changeOf(name: string, measured: readonly { name: string; value: number }[]): string {
  const own = measured.filter((one) => one.name === name).map(({ value }) => value);
  const [first = 0, last = 0] = [own[0], own.at(-1)];
  return own.length === 1
    ? `${name}: ${digits(last)}`
    : `${name}: ${digits(first)} at first, ${digits(last)} in the last run`;
}
