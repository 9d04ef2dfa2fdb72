// SPDX-License-Identifier: Apache-2.0
// A comparison as files: compare.md, compare.html, compare.json and its pictures.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LabError } from "../../runtime/runtime.ts";
import { count } from "../../util/numbers.ts";
import { type Chart, chartOptions, type Dataset, endOf, eventLines, timeScale } from "../charts/chart.ts";
import { allCharts } from "../charts/index.ts";
import { sweepChart } from "../charts/sweep.ts";
import { shellLine } from "../format.ts";
import { escapeText, tableMarkup } from "../html/markup.ts";
import { chartMarkup, eventsMarkup, verdictMarkup } from "../html/sections.ts";
import { tabsMarkup } from "../html/tabs.ts";
import { loadAssets, NO_SCRIPT, renderPage } from "../html.ts";
import { inline, tableText } from "../markdown.ts";
import { LIGHT, SERIES_COLOURS } from "../palette.ts";
import { drawPngs } from "../png.ts";
import type { ReportData } from "../reporter.ts";
import { type Comparison, comparisonTable, type Entry, remarks, titleOf } from "./comparison.ts";

const READING =
  "Each line counts the connections lost by one backend since the start of the traffic; a step is the loss of an event, a slope between events is a fault.";

/** A comparison's files. Throws LabError when one cannot be written. */
export async function writeComparison(comparison: Comparison, dir: string): Promise<void> {
  try {
    await writeFiles(comparison, dir);
  } catch (cause) {
    throw new LabError(`Cannot write the comparison to '${dir}': ${(cause as Error).message}.`, { cause });
  }
}

async function writeFiles(comparison: Comparison, dir: string): Promise<void> {
  const charts = chartsOf(comparison);
  const summaries = comparison.entries.flatMap(({ runs }) => runs.map(({ summary }) => summary));
  await writeFile(join(dir, "compare.json"), `${JSON.stringify(summaries, null, 2)}\n`);
  await writeFile(join(dir, "compare.md"), renderComparison(comparison, charts));
  await writeFile(join(dir, "compare.html"), await comparisonPage(comparison, charts));
  if (charts.length > 0) await drawPngs(charts, dir);
  if (comparison.sweep) await writeFile(join(dir, "theory.json"), `${JSON.stringify(comparison.sweep, null, 2)}\n`);
}

/** For a pull request; the pictures lie beside it. */
function renderComparison(comparison: Comparison, charts: readonly Chart[]): string {
  const parts = [
    `# ${inline(titleOf(comparison))}`,
    tableText(comparisonTable(comparison)),
    remarks(comparison)
      .map((text) => `- ${inline(text)}`)
      .join("\n"),
    ...charts.map(({ id, heading, reading }) => `![${inline(heading)}](${id}.png)\n\n${inline(reading)}`),
    `    ${shellLine(comparison.commandLine)}`,
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** A sweep's own graph; without a sweep the lines of all backends over time, of the first repeat of each. Empty when no run had traffic. */
function chartsOf(comparison: Comparison): Chart[] {
  if (comparison.sweep) return [sweepChart(comparison, comparison.sweep)];
  const runs = comparison.entries.flatMap(({ label, runs: [first] }) =>
    first && first.series.lossPerSecond.length > 0 ? [{ ...first, label }] : [],
  );
  const [first] = runs;
  if (!first) return [];
  const lines = runs.map((run, i) => lossLine(run, i));
  return [
    {
      id: "compare",
      heading: "Connections lost",
      title: titleOf(comparison),
      reading: READING,
      caption: runs.map(({ label, summary }) => `${label} ${count(summary.connections.lost)}`).join(", "),
      config: {
        type: "line",
        data: { datasets: lines },
        options: chartOptions({
          x: "Time since the start of the traffic (s)",
          y: "Connections lost in total",
          xScale: timeScale(Math.max(...runs.map(({ series }) => endOf(series)))),
          yScale: { min: 0, suggestedMax: 4 },
          annotations: eventLines(first.series),
        }),
      },
      data: comparisonTable(comparison),
    },
  ];
}

function lossLine({ label, series }: ReportData & { label: string }, i: number): Dataset {
  const colour = SERIES_COLOURS[i % SERIES_COLOURS.length] ?? LIGHT.ink;
  let total = 0;
  return {
    type: "line",
    label,
    data: [
      { x: 0, y: 0 },
      ...series.lossPerSecond.map(({ s, byCause }) => {
        total += Object.values(byCause).reduce((sum, n) => sum + n, 0);
        return { x: s + 1, y: total };
      }),
    ],
    borderColor: colour,
    backgroundColor: colour,
    borderWidth: 2.5,
    borderDash: i < SERIES_COLOURS.length ? [] : [6, 4],
    pointRadius: 0,
    pointStyle: "line",
  };
}

/** One page: all side by side, and a tab with the graphs of each run. */
async function comparisonPage(comparison: Comparison, charts: readonly Chart[]): Promise<string> {
  const why = remarks(comparison);
  const runs = comparison.entries.flatMap((entry) => entry.runs.map((run, i) => tabOf(entry, run, i)));
  const numbered = runs.map(({ data, title }, i) => ({
    title,
    data,
    charts: allCharts(data).map((c) => ({ ...c, id: `run${i}-${c.id}` })),
  }));
  const body = [
    `<header><h1>${escapeText(titleOf(comparison))}</h1></header>`,
    NO_SCRIPT,
    tableMarkup(comparisonTable(comparison), "Backends side by side"),
    why.length === 0 ? "" : `<ul class="reasons">${why.map((text) => `<li>${escapeText(text)}</li>`).join("")}</ul>`,
    ...charts.map((chart) => chartMarkup(chart)),
    `<section id="command"><h2>Command</h2><pre id="command-line" tabindex="0"><code>${escapeText(shellLine(comparison.commandLine))}</code></pre></section>`,
    tabsMarkup(
      "Each run",
      numbered.map(({ title, data, charts: own }) => ({
        title,
        verdict: data.summary.verdict,
        body: [verdictMarkup(data), ...own.map((chart) => chartMarkup(chart)), eventsMarkup(data)].join("\n"),
      })),
    ),
  ].join("\n");
  const all = [...charts, ...numbered.flatMap(({ charts: own }) => own)];
  return renderPage({ title: titleOf(comparison), body, charts: all }, await loadAssets());
}

function tabOf(entry: Entry, data: ReportData, i: number): { title: string; data: ReportData } {
  const repeat = entry.runs.length > 1 ? `, seed ${data.summary.seed}` : "";
  return { title: `${entry.label}${repeat || (i > 0 ? ` ${i + 1}` : "")}`, data };
}
