// SPDX-License-Identifier: Apache-2.0
// Each metric against what is swept, with the curves that were fitted.
import { type Chart, chartOptions, type Dataset } from "../report/charts/chart.ts";
import { digits } from "../report/format.ts";
import { LIGHT, seriesStyle } from "../report/palette.ts";
import type { Table } from "../report/table.ts";
import { count, NONE } from "../util/numbers.ts";
import type { Figure } from "./figure.ts";
import { costAt, type GrowthRow } from "./growth.ts";
import type { SweepOf } from "./growth-report.ts";
import type { Metric } from "./metrics/metric.ts";

/** What is drawn of one metric, by backend. */
interface Plot {
  id: string;
  metric: Metric;
  sweep: SweepOf;
  figures: readonly Figure[];
  growths: readonly GrowthRow[];
  backends: readonly string[];
  least: number;
  most: number;
}

const CURVE_STEPS = 60;

/** One for each metric, both axes logarithmic. */
export function growthCharts(
  { figures, growths }: { figures: readonly Figure[]; growths: readonly GrowthRow[] },
  metrics: readonly Metric[],
  sweep: SweepOf,
  title: string,
): Chart[] {
  return metrics.flatMap((metric) => {
    const own = figures.filter((f) => f.metric === metric.name && f.sweep && f.median > 0);
    if (own.length === 0) return [];
    const xs = own.flatMap(({ sweep: at }) => at?.value ?? []);
    const plot = {
      id: `bench-growth-${metric.name}`,
      metric,
      sweep,
      figures: own,
      growths: growths.filter((g) => g.metric === metric.name),
      backends: [...new Set(own.map(({ backend }) => backend))],
      least: Math.min(...xs),
      most: Math.max(...xs),
    };
    return [growthChart(plot, title)];
  });
}

function growthChart(plot: Plot, title: string): Chart {
  const { id, metric, figures, backends } = plot;
  const { noun } = plot.sweep;
  return {
    id,
    heading: `${metric.name} against ${noun}`,
    title: `${metric.name} (${metric.unit}) against ${noun}: ${title}`,
    reading: `Squares are medians of the rounds with their 95 % interval, dashed lines are fitted curves; both axes are logarithmic. ${metric.summary}: ${metric.higherIsBetter ? "more" : "less"} is better.`,
    caption: backends
      .map((backend) => {
        const own = figures.filter((f) => f.backend === backend);
        return `${backend} ${own.map((f) => `${digits(f.median)} at ${count(f.sweep?.value ?? 0)}`).join(", ")}`;
      })
      .join("; "),
    config: {
      type: "line",
      data: { datasets: backends.flatMap((backend) => datasetsOf(plot, backend)) },
      options: optionsOf(plot),
    },
    data: tableOf(plot),
  };
}

function colourOf({ backends }: Plot, backend: string): string {
  return seriesStyle(backends.indexOf(backend)).colour;
}

/** Its medians, and the curve where one was fitted. */
function datasetsOf(plot: Plot, backend: string): Dataset[] {
  const colour = colourOf(plot, backend);
  const style = { type: "line", borderColor: colour, backgroundColor: colour } as const;
  const own = plot.figures.filter((f) => f.backend === backend);
  const points = own.map((f) => ({ x: f.sweep?.value ?? 0, y: f.median }));
  const growth = plot.growths.find((g) => g.backend === backend);
  const named = growth?.trend === "grows" ? `, cost as n^${growth.exponent?.toFixed(2)}` : "";
  const medians: Dataset = {
    ...style,
    label: `${backend}${named}`,
    data: points,
    borderWidth: 1,
    pointRadius: 5,
    pointStyle: "rect",
  };
  const fit = curveOf(plot, growth);
  if (!fit) return [medians];
  return [
    medians,
    {
      ...style,
      label: `${backend}, fit`,
      data: fit,
      borderWidth: 2,
      borderDash: [7, 4],
      pointRadius: 0,
      pointStyle: "line",
    },
  ];
}

/** At steps of equal ratio from the least to the most; null where nothing was fitted. */
function curveOf({ metric, least, most }: Plot, growth: GrowthRow | undefined): { x: number; y: number }[] | null {
  const curve = growth?.curve;
  if (!curve) return null;
  return Array.from({ length: CURVE_STEPS + 1 }, (_, i) => {
    const x = least * (most / least) ** (i / CURVE_STEPS);
    const cost = costAt(curve, x);
    return { x, y: metric.higherIsBetter ? 1e6 / cost : cost };
  });
}

function optionsOf(plot: Plot) {
  const { metric, sweep, least, most } = plot;
  return chartOptions({
    x: sweep.parameter === "connections" ? "Live connections" : `Number of ${sweep.noun}`,
    y: `${metric.name} (${metric.unit})`,
    xScale: {
      type: "logarithmic",
      min: least / 1.2,
      max: most * 1.2,
      ticks: {
        color: LIGHT.muted,
        maxRotation: 0,
        autoSkipPadding: 24,
        format: { minimumFractionDigits: 0, maximumFractionDigits: 0 },
      },
    },
    yScale: { type: "logarithmic", ticks: { color: LIGHT.muted, autoSkipPadding: 12 } },
    annotations: intervalsOf(plot),
  });
}

/** A stroke for each 95 % interval. */
function intervalsOf(plot: Plot) {
  const strokes = plot.figures.flatMap(({ backend, interval95, sweep: at }, i) => {
    if (!interval95 || !at) return [];
    const [yMin, yMax] = interval95;
    const borderColor = colourOf(plot, backend);
    const stroke = { type: "line", xMin: at.value, xMax: at.value, yMin, yMax, borderColor, borderWidth: 2 };
    return [[`${plot.id}-${i}`, stroke] as const];
  });
  return Object.fromEntries(strokes);
}

function tableOf({ metric, sweep, figures }: Plot): Table {
  return {
    head: ["Backend", sweep.noun, `Median (${metric.unit})`, "95 % interval", "Repeats"],
    rows: figures.map((f) => [
      f.backend,
      `${f.sweep?.value ?? ""}`,
      digits(f.median),
      f.interval95?.map(digits).join(" to ") ?? NONE,
      `${f.repeats}`,
    ]),
  };
}
