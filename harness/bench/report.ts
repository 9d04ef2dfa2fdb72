// SPDX-License-Identifier: Apache-2.0
// bench.json, bench.md, bench.html and two pictures: what a balancer carries, and what it costs, both as ratios to plain forwarding.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Histogram } from "../analysis/histogram.ts";
import type { Chart } from "../report/charts/chart.ts";
import { drawFigures } from "../report/figure.ts";
import { digits, shellLine } from "../report/format.ts";
import { escapeText, tableMarkup } from "../report/html/markup.ts";
import { chartMarkup } from "../report/html/sections.ts";
import { loadAssets, NO_SCRIPT, renderPage } from "../report/html.ts";
import { inline, tableText } from "../report/markdown.ts";
import type { Table } from "../report/table.ts";
import { count, list, NONE, plural } from "../util/numbers.ts";
import { direct } from "./direct.ts";
import type { Environment, Figure } from "./figure.ts";
import type { GrowthRow } from "./growth.ts";
import { growthCharts } from "./growth-chart.ts";
import { growthSentences, growthTable, type SweepOf } from "./growth-report.ts";
import { coreTable, latencyChart } from "./latency-report.ts";
import type { Metric } from "./metrics/metric.ts";
import { plain } from "./plain.ts";
import { ratioChart } from "./ratio-chart.ts";
import type { Failure } from "./rounds.ts";

export interface Bench {
  figures: readonly Figure[];
  metrics: readonly Metric[];
  /** null: nothing is swept. */
  sweep: SweepOf | null;
  growths: readonly GrowthRow[];
  /** What a service is for each backend that has such a thing. */
  services: readonly { name: string; service: string }[];
  /** Times to connect at a fixed load, by backend. */
  latency: ReadonlyMap<string, Histogram>;
  /** Sentences on who has no part, and why. */
  skipped: readonly string[];
  failures: readonly Failure[];
  environment: Environment;
  commandLine: readonly string[];
}

export async function writeBench(bench: Bench, dir: string): Promise<void> {
  const charts = chartsOf(bench);
  await writeFile(join(dir, "bench.json"), `${JSON.stringify(bench.figures, null, 2)}\n`);
  if (bench.sweep) await writeFile(join(dir, "growth.json"), `${JSON.stringify(bench.growths, null, 2)}\n`);
  await writeFile(join(dir, "bench.md"), markdownOf(bench, charts));
  await writeFile(join(dir, "bench.html"), await pageOf(bench, charts));
  await drawFigures(charts, dir);
}

/** In the order of interest. */
export function tablesOf(bench: Bench): { heading: string; table: Table }[] {
  const cores = coreTable(bench.sweep ? [] : bench.figures);
  return [
    ...(bench.sweep ? [{ heading: "Growth", table: growthTable(bench.growths, bench.sweep) }] : []),
    ...(cores ? [{ heading: "Latency at a fixed load, and rates per core", table: cores }] : []),
    { heading: "Figures", table: benchTable(bench) },
  ];
}

function benchTable({ figures, sweep }: Pick<Bench, "figures" | "sweep">): Table {
  const isFair = figures.some(({ fair }) => fair !== undefined);
  return {
    head: [
      "Metric",
      "Unit",
      ...(sweep ? [sweep.noun] : []),
      "Backend",
      "Median",
      "95 % interval",
      "To plain",
      "95 % interval",
      ...(isFair ? ["To fair plain", "95 % interval"] : []),
      "Repeats",
    ],
    rows: figures.map((figure) => [
      figure.metric,
      figure.unit,
      ...(sweep ? [count(figure.sweep?.value ?? null)] : []),
      figure.backend,
      digits(figure.median),
      range(figure.interval95),
      figure.ratioToPlain === null ? NONE : figure.ratioToPlain.toFixed(2),
      ratioRange(figure.ratioInterval95),
      ...(isFair ? [figure.fair?.ratio.toFixed(2) ?? NONE, ratioRange(figure.fair?.interval95 ?? null)] : []),
      figure.disturbed === 0 ? `${figure.repeats}` : `${figure.repeats} (${figure.disturbed} disturbed)`,
    ]),
  };
}

const ratioRange = (interval: readonly [number, number] | null) =>
  interval?.map((r) => r.toFixed(2)).join(" to ") ?? NONE;
const range = (interval: readonly [number, number] | null) => interval?.map(digits).join(" to ") ?? NONE;

function fairSentences(figures: readonly Figure[]): string[] {
  const named = new Map(figures.flatMap(({ backend, fair }) => (fair ? [[backend, fair.reference] as const] : [])));
  if (named.size === 0) return [];
  const pairs = [...named].map(([backend, reference]) => `${backend} with '${reference}'`);
  return [
    `'To fair plain' compares ${list(pairs)}: plain forwarding with the same conntrack and the same settings of the links, so that this ratio shows the balancer alone. What conntrack or lost offloads cost by themselves is the ratio of that row to plain. The bars show it where it is there.`,
  ];
}

/** What the numbers mean and what they do not. */
export function meaning(bench: Bench): string[] {
  const { figures, failures, environment, sweep, services, skipped } = bench;
  const { runtime, links, kernel, cpus, nodes, targets, family, secondsEach } = environment;
  const where = nodes
    ? `nodes ${nodes.join("; ")}`
    : `kernel ${kernel}, ${plural(cpus, "CPU")} that tester, router and targets share`;
  const compared = figures.filter((f) => f.ratioInterval95 !== null);
  const differ = compared.filter(({ ratioInterval95: r }) => r !== null && (r[0] > 1 || r[1] < 1));
  const disturbed = figures.reduce((sum, f) => sum + f.disturbed, 0);
  return [
    ...(sweep ? growthSentences(bench.growths, bench.metrics, sweep) : []),
    ...(sweep &&
    services.length > 0 &&
    figures.some((f) => f.sweep?.parameter === "services" || f.sweep?.parameter === "rules")
      ? [
          `A service is ${list(services.map(({ name, service }) => `${service} (${name})`))}. The one that is measured comes last.`,
        ]
      : []),
    ...skipped.map((why) => `Not measured: ${why}`),
    `Plain forwarding is static routing by source prefix to the same ${targets === null ? "number of targets" : plural(targets, "target")}, in the same round. A ratio of 1 is what a router without a balancer does; rates above and costs below it are better.`,
    ...fairSentences(figures),
    ...(figures.some(({ backend }) => backend === direct.name)
      ? [
          `'${direct.name}' has no router at all: the tester is on the targets' network and spreads its connections itself. What a request takes beyond that is the router's CPU.`,
        ]
      : []),
    `Measured over IPv${family} on ${links} links of the ${runtime} runtime, ${where}, ${secondsEach} s each. So rates are of the whole lab, CPU is of the whole lab, and nothing here says what a network card of your own would carry; ratios travel better than rates, between machines of one kind.`,
    compared.length === 0
      ? "With fewer than six repeats there is no 95 % interval: these are first looks."
      : `Of ${plural(compared.length, "ratio")}, ${differ.length} differ from 1 beyond their 95 % interval; the others show no difference at this number of repeats.`,
    ...figures.flatMap(({ metric, backend, senderLimited, repeats }) =>
      senderLimited === undefined
        ? []
        : [
            `The senders, not ${backend}, were the limit of ${metric} in ${senderLimited} of ${plural(repeats, "round")}: it carries more than that.`,
          ],
    ),
    ...(disturbed === 0
      ? []
      : [`In ${plural(disturbed, "measurement")} other programs took more than half a CPU. They are marked and kept.`]),
    ...failures.map(
      ({ backend, at, round, what, sentence }) =>
        `No figure for ${what} of ${backend}${at === null ? "" : ` at ${count(at)}`} in round ${round + 1}: ${sentence}`,
    ),
  ];
}

function chartsOf(bench: Bench): Chart[] {
  const { metrics, sweep } = bench;
  const figuresTable = (figures: readonly Figure[]) => benchTable({ ...bench, figures });
  if (sweep) return growthCharts(bench, metrics, sweep, titleOf(bench));
  return [
    latencyChart(bench.latency, titleOf(bench)),
    ratioChart(
      {
        id: "bench-rates",
        heading: "What it carries, relative to plain forwarding (more is better)",
        title: titleOf(bench),
      },
      bench.figures.filter(({ higherIsBetter }) => higherIsBetter),
      figuresTable,
    ),
    ratioChart(
      {
        id: "bench-costs",
        heading: "What it costs, relative to plain forwarding (less is better)",
        title: titleOf(bench),
      },
      bench.figures.filter(({ higherIsBetter }) => !higherIsBetter),
      figuresTable,
    ),
  ].flatMap((chart) => chart ?? []);
}

const titleOf = ({ environment: e }: Bench) =>
  `IPv${e.family}, ${e.targets === null ? "" : `${plural(e.targets, "target")}, `}${e.runtime}, kernel ${e.kernel}`;

function markdownOf(bench: Bench, charts: readonly Chart[]): string {
  return `${[
    `# Bench: ${inline(titleOf(bench))}`,
    ...tablesOf(bench).flatMap(({ heading, table }) => [`## ${heading}`, tableText(table)]),
    meaning(bench)
      .map((text) => inline(text))
      .join("\n\n"),
    ...charts.map(({ id, heading }) => `![${heading}](${id}.png)`),
    `    ${shellLine(bench.commandLine)}`,
  ].join("\n\n")}\n`;
}

async function pageOf(bench: Bench, charts: readonly Chart[]): Promise<string> {
  const title = `Bench: ${titleOf(bench)}`;
  const body = [
    `<header><h1>${escapeText(title)}</h1></header>`,
    NO_SCRIPT,
    ...charts.map((chart) => chartMarkup(chart)),
    `<section><h2>What this means</h2>${meaning(bench)
      .map((text) => `<p>${escapeText(text)}</p>`)
      .join("")}</section>`,
    ...tablesOf(bench).map(
      ({ heading, table }) =>
        `<section><h2>${heading}</h2>${tableMarkup(table, `${heading}; backend ${plain.name} is the reference`)}</section>`,
    ),
    `<section><h2>Command</h2><pre tabindex="0"><code>${escapeText(shellLine(bench.commandLine))}</code></pre></section>`,
  ].join("\n");
  return renderPage({ title, body, charts: [...charts] }, await loadAssets());
}
