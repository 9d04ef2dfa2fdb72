// SPDX-License-Identifier: Apache-2.0
// A comparison as files: compare.md, compare.html, compare.json and its pictures.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LabError } from "../../runtime/runtime.ts";
import { systemReason } from "../../util/errors.ts";
import type { Chart } from "../charts/chart.ts";
import { allCharts } from "../charts/index.ts";
import { sweepChart } from "../charts/sweep.ts";
import { violationsChart } from "../charts/violations.ts";
import { drawFigures, type Figure } from "../figure.ts";
import { shellLine } from "../format.ts";
import { escapeText, tableMarkup } from "../html/markup.ts";
import { chartMarkup, eventsMarkup, verdictMarkup } from "../html/sections.ts";
import { tabsMarkup } from "../html/tabs.ts";
import { loadAssets, NO_SCRIPT, renderPage } from "../html.ts";
import { inline, tableText } from "../markdown.ts";
import type { ReportData } from "../reporter.ts";
import { type Comparison, type Entry, eventsOf, remarks, titleOf } from "./comparison.ts";
import { costBars } from "./cost.ts";
import { lossBars } from "./loss-bars.ts";
import { lossLines } from "./loss-lines.ts";
import { costTable, lossTable } from "./tables.ts";

/** A comparison's files. Throws LabError when one cannot be written. */
export async function writeComparison(comparison: Comparison, dir: string, figure?: Figure): Promise<void> {
  try {
    await writeFiles(comparison, dir, figure);
  } catch (cause) {
    throw new LabError(`Cannot write the comparison to '${dir}': ${systemReason(cause)}.`, { cause });
  }
}

async function writeFiles(comparison: Comparison, dir: string, figure?: Figure): Promise<void> {
  const charts = chartsOf(comparison);
  const summaries = comparison.entries.flatMap(({ runs }) => runs.map(({ summary }) => summary));
  await writeFile(join(dir, "compare.json"), `${JSON.stringify(summaries, null, 2)}\n`);
  await writeFile(join(dir, "compare.md"), renderComparison(comparison, charts));
  await writeFile(join(dir, "compare.html"), await comparisonPage(comparison, charts));
  if (charts.length > 0) await drawFigures(charts, dir, figure);
  if (comparison.sweep) await writeFile(join(dir, "theory.json"), `${JSON.stringify(comparison.sweep, null, 2)}\n`);
}

/** For a pull request; the pictures lie beside it. */
function renderComparison(comparison: Comparison, charts: readonly Chart[]): string {
  const parts = [
    `# ${inline(titleOf(comparison))}`,
    ...TABLES.map(({ heading, table }) => `## ${heading}\n\n${tableText(table(comparison))}`),
    remarks(comparison)
      .map((text) => `- ${inline(text)}`)
      .join("\n"),
    ...charts.map(({ id, heading, reading }) => `![${inline(heading)}](${id}.png)\n\n${inline(reading)}`),
    `    ${shellLine(comparison.commandLine)}`,
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

const TABLES = [
  { id: "loss", heading: "Loss", table: lossTable },
  { id: "cost", heading: "Cost", table: costTable },
] as const;

/** Of so many runs each has a tab on the page; of more, `report` draws a single one. */
const MOST_TABS = 24;

/** A sweep has its own graphs. Empty when no run had traffic. */
function chartsOf(comparison: Comparison): Chart[] {
  const { sweep } = comparison;
  if (sweep) {
    const violations = violationsChart(comparison, sweep);
    return [...(violations ? [violations] : []), sweepChart(comparison, sweep)];
  }
  const lines = lossLines(comparison);
  const cost = costBars(comparison);
  return [
    ...(eventsOf(comparison).length > 0 ? [lossBars(comparison)] : []),
    ...(lines ? [lines] : []),
    ...(cost ? [cost] : []),
  ];
}

/** One page: all side by side, and a tab with the graphs of each run. */
async function comparisonPage(comparison: Comparison, charts: readonly Chart[]): Promise<string> {
  const why = remarks(comparison);
  const all = comparison.entries.flatMap((entry) => entry.runs.map((run, i) => tabOf(entry, run, i)));
  const runs = all.length > MOST_TABS ? [] : all;
  const numbered = runs.map(({ data, title }, i) => ({
    title,
    data,
    charts: allCharts(data).map((c) => ({ ...c, id: `run${i}-${c.id}` })),
  }));
  const body = [
    `<header><h1>${escapeText(titleOf(comparison))}</h1></header>`,
    NO_SCRIPT,
    why.length === 0 ? "" : `<ul class="reasons">${why.map((text) => `<li>${escapeText(text)}</li>`).join("")}</ul>`,
    ...charts.map((chart) => chartMarkup(chart)),
    ...TABLES.map(
      ({ id, heading, table }) =>
        `<section id="table-${id}" class="wide"><h2>${heading}</h2>\n${tableMarkup(table(comparison), heading, { stacks: true })}\n</section>`,
    ),
    `<section id="command"><h2>Command</h2><pre id="command-line" tabindex="0"><code>${escapeText(shellLine(comparison.commandLine))}</code></pre></section>`,
    runs.length === 0
      ? ""
      : tabsMarkup(
          "Each run",
          numbered.map(({ title, data, charts: own }) => ({
            title,
            verdict: data.summary.verdict,
            body: [verdictMarkup(data), ...own.map((chart) => chartMarkup(chart)), eventsMarkup(data)].join("\n"),
          })),
        ),
  ].join("\n");
  const drawn = [...charts, ...numbered.flatMap(({ charts: own }) => own)];
  return renderPage({ title: titleOf(comparison), body, charts: drawn }, await loadAssets());
}

function tabOf(entry: Entry, data: ReportData, i: number): { title: string; data: ReportData } {
  const repeat = entry.runs.length > 1 ? `, seed ${data.summary.seed}` : "";
  return { title: `${entry.label}${repeat || (i > 0 ? ` ${i + 1}` : "")}`, data };
}
