// Several backends in the same scenario with the same connections: one table and one graph.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Summary } from "../record/schema.ts";
import { type Chart, chartOptions, type Dataset, endOf, eventLines, timeScale } from "./charts/chart.ts";
import { count, milliseconds, NONE, seconds, share, shellLine } from "./format.ts";
import { escapeText, tableMarkup } from "./html/markup.ts";
import { chartMarkup } from "./html/sections.ts";
import { loadAssets, NO_SCRIPT, renderPage } from "./html.ts";
import { inline, tableText } from "./markdown.ts";
import { LIGHT, SERIES_COLOURS } from "./palette.ts";
import { drawPngs } from "./png.ts";
import { parameters, VERDICT_WORDS } from "./prose.ts";
import type { ReportData } from "./reporter.ts";
import type { Table } from "./table.ts";

export interface Comparison {
  scenario: string;
  /** In the order asked for; all with the same seed and options. */
  runs: readonly ReportData[];
  commandLine: readonly string[];
}

const READING =
  "Each line counts the connections that one backend has lost since the traffic began; a step at an event is what it cost, a slope between events is a fault.";

/** compare.md, compare.html, compare.png and compare.json. */
export async function writeComparison(comparison: Comparison, dir: string): Promise<void> {
  const { runs } = comparison;
  await writeFile(
    join(dir, "compare.json"),
    `${JSON.stringify(
      runs.map((r) => r.summary),
      null,
      2,
    )}\n`,
  );
  await writeFile(join(dir, "compare.md"), renderComparison(comparison));
  const chart = comparisonChart(comparison);
  await writeFile(join(dir, "compare.html"), await comparisonPage(comparison, chart));
  if (chart !== null) await drawPngs([chart], dir);
}

export function comparisonTable({ runs }: Comparison): Table {
  const events = runs.find((r) => r.summary.events.length > 0)?.summary.events ?? [];
  return {
    head: [
      sameBackend(runs) ? "Kernel" : "Backend",
      "Verdict",
      ...events.flatMap((event) => [`Lost at ${seconds(event.askedMs / 1000)}`, "Share", "Predicted"]),
      "Outside events",
      "99 % latency",
      "Busiest / mean",
    ],
    rows: runs.map(({ summary }) => [
      labelOf(runs, summary),
      VERDICT_WORDS[summary.verdict].badge,
      ...events.flatMap((_, i) => {
        const event = summary.events[i];
        return event === undefined
          ? [NONE, NONE, NONE]
          : [count(event.lost), share(event.lost, event.alive), count(event.predicted)];
      }),
      summary.verdict === "skip" ? NONE : count(summary.connections.lostOutsideEvents),
      milliseconds(summary.latencyMs.p99),
      summary.spread.maxOverMean?.toFixed(2) ?? NONE,
    ]),
  };
}

const sameBackend = (runs: Comparison["runs"]) => new Set(runs.map(({ summary }) => summary.backend)).size === 1;

/** What tells one run from the others. */
function labelOf(runs: Comparison["runs"], { backend, kernel }: Summary): string {
  if (sameBackend(runs)) return kernel;
  return new Set(runs.map(({ summary }) => summary.kernel)).size === 1 ? backend : `${backend}, ${kernel}`;
}

/** Markdown, and what the terminal shows of a skip or a failure. */
function renderComparison(comparison: Comparison): string {
  const parts = [
    `# ${inline(titleOf(comparison))}`,
    tableText(comparisonTable(comparison)),
    reasons(comparison)
      .map((text) => `- ${inline(text)}`)
      .join("\n"),
    comparisonChart(comparison) === null ? "" : `![Connections lost](compare.png)\n\n${inline(READING)}`,
    `    ${shellLine(comparison.commandLine)}`,
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** Why backends did not pass, the first reason of each. */
export function reasons({ runs }: Comparison): string[] {
  return runs
    .filter(({ summary }) => summary.verdict !== "pass")
    .map(
      ({ summary }) => `${labelOf(runs, summary)}: ${summary.reasons[0] ?? VERDICT_WORDS[summary.verdict].sentence}`,
    );
}

function titleOf({ scenario, runs }: Comparison): string {
  const ran = runs.find(({ summary }) => summary.connections.planned > 0);
  return `Comparison in '${scenario}'${ran ? `: ${parameters(ran.summary)}` : ""}`;
}

/** null when no run had traffic. */
function comparisonChart(comparison: Comparison): Chart | null {
  const runs = comparison.runs.filter(({ series }) => series.lossPerSecond.length > 0);
  const [first] = runs;
  if (!first) return null;
  const end = Math.max(...runs.map(({ series }) => endOf(series)));
  const lines = runs.map(({ summary, series }, i): Dataset => {
    let total = 0;
    const colour = SERIES_COLOURS[i % SERIES_COLOURS.length] ?? LIGHT.ink;
    return {
      type: "line",
      label: labelOf(runs, summary),
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
  });
  const title = titleOf(comparison);
  return {
    id: "compare",
    heading: "Connections lost",
    title,
    reading: READING,
    caption: runs.map(({ summary }) => `${summary.backend} ${count(summary.connections.lost)}`).join(", "),
    config: {
      type: "line",
      data: { datasets: lines },
      options: chartOptions({
        x: "Time since the traffic began (s)",
        y: "Connections lost in total",
        xScale: timeScale(end),
        yScale: { min: 0, suggestedMax: 4 },
        annotations: eventLines(first.series),
      }),
    },
    data: comparisonTable(comparison),
  };
}

async function comparisonPage(comparison: Comparison, chart: Chart | null): Promise<string> {
  const why = reasons(comparison);
  const body = [
    `<header><h1>${escapeText(titleOf(comparison))}</h1></header>`,
    NO_SCRIPT,
    tableMarkup(comparisonTable(comparison), "Backends side by side"),
    why.length === 0 ? "" : `<ul class="reasons">${why.map((text) => `<li>${escapeText(text)}</li>`).join("")}</ul>`,
    chart === null ? "" : chartMarkup(chart),
    `<section><h2>Command</h2><pre tabindex="0"><code>${escapeText(shellLine(comparison.commandLine))}</code></pre></section>`,
  ].join("\n");
  return renderPage({ title: titleOf(comparison), body, charts: chart === null ? [] : [chart] }, await loadAssets());
}
