// SPDX-License-Identifier: Apache-2.0
// A sweep as text and pictures: what was measured at each number, and the curve through it.
import { type Chart, chartOptions, type Dataset } from "../report/charts/chart.ts";
import { count, digits, list, NONE } from "../report/format.ts";
import { LIGHT, SERIES_COLOURS } from "../report/palette.ts";
import type { Table } from "../report/table.ts";
import { costAt, type GrowthRow } from "./growth.ts";
import type { Metric } from "./metrics.ts";
import type { Figure } from "./result.ts";

export interface SweepOf {
  parameter: string;
  values: readonly number[];
  /** What is counted, in the plural. */
  noun: string;
}

const CURVE_STEPS = 60;

export function growthTable(growths: readonly GrowthRow[], { noun }: SweepOf): Table {
  return {
    head: [
      "Metric",
      "Backend",
      "Cost grows as",
      "95 % interval",
      `Each of the ${noun}`,
      "Last over first",
      "95 % interval",
      "p",
    ],
    rows: growths.map((growth) => [
      growth.metric,
      growth.backend,
      shapeOf(growth),
      growth.exponentInterval95?.map((k) => k.toFixed(2)).join(" to ") ?? NONE,
      growth.linear === null ? NONE : `${digits(growth.linear.each)} ${growth.unit}`,
      growth.factor.toFixed(2),
      growth.factorInterval95?.map((factor) => factor.toFixed(2)).join(" to ") ?? NONE,
      growth.p < 0.001 ? "below 0.001" : growth.p.toFixed(3),
    ]),
  };
}

function shapeOf({ trend, exponent, factor }: GrowthRow): string {
  if (trend === "none" || exponent === null) return "no trend shown";
  return trend === "falls" ? `falls to ${factor.toFixed(2)}` : `n^${exponent.toFixed(2)}`;
}

/** "CPU of .. grows as n^0.97": a sentence for each curve, those that grow most first, and one for all that do not. */
export function growthSentences(growths: readonly GrowthRow[], metrics: readonly Metric[], sweep: SweepOf): string[] {
  const [least = 0, most = 0] = [sweep.values[0], sweep.values.at(-1)];
  const range = `from ${count(least)} to ${count(most)} ${sweep.noun}`;
  const costOf = ({ metric }: GrowthRow) =>
    metrics.find(({ name }) => name === metric)?.more ? `the time for one of '${metric}'` : `'${metric}'`;
  const times = ({ factor }: GrowthRow) => `${factor.toFixed(2)} times`;
  const clear = [...growths].filter(({ trend }) => trend !== "none").sort((a, b) => b.factor - a.factor);
  const flat = [...new Set(growths.map(({ backend }) => backend))].flatMap((backend) => {
    const own = growths.filter((growth) => growth.backend === backend && growth.trend === "none");
    return own.length === 0
      ? []
      : [`${backend} in ${list(own.map((growth) => `${growth.metric} (${times(growth)})`))}`];
  });
  return [
    ...clear.map((growth) => {
      const { backend, unit, trend, exponent, exponentInterval95: interval, linear, curve } = growth;
      if (trend === "falls") return `${backend}: ${costOf(growth)} falls: ${times(growth)} ${range}.`;
      const power = `n^${exponent?.toFixed(2)}${interval ? ` (95 % interval ${interval.map((k) => k.toFixed(2)).join(" to ")})` : ""}`;
      const logarithm = interval && interval[0] === 0 ? ", as a logarithm would" : "";
      const parts = linear
        ? `${digits(Math.max(0, linear.base))} ${unit} and ${digits(linear.each)} ${unit} for each of the ${sweep.noun}, so linearly`
        : `above ${digits(curve?.base ?? null)} ${unit} at 1${logarithm}`;
      return `${backend}: ${costOf(growth)} grows as ${power}: ${parts}; ${times(growth)} ${range}.`;
    }),
    ...(flat.length > 0 ? [`No trend ${range} is shown at 1 %, for ${flat.join("; for ")}.`] : []),
  ];
}

/** One for each metric, both axes logarithmic. */
export function growthCharts(
  figures: readonly Figure[],
  growths: readonly GrowthRow[],
  metrics: readonly Metric[],
  sweep: SweepOf,
  title: string,
): Chart[] {
  return metrics.flatMap((metric) => {
    const own = figures.filter((f) => f.metric === metric.name && f.sweep && f.median > 0);
    return own.length === 0
      ? []
      : [
          growthChart(
            own,
            growths.filter((g) => g.metric === metric.name),
            metric,
            sweep,
            title,
          ),
        ];
  });
}

function growthChart(
  figures: readonly Figure[],
  growths: readonly GrowthRow[],
  metric: Metric,
  { parameter, noun }: SweepOf,
  title: string,
): Chart {
  const backends = [...new Set(figures.map(({ backend }) => backend))];
  const xs = figures.flatMap(({ sweep: at }) => at?.value ?? []);
  const [least, most] = [Math.min(...xs), Math.max(...xs)];
  const colourOf = (backend: string) => SERIES_COLOURS[backends.indexOf(backend) % SERIES_COLOURS.length] ?? LIGHT.ink;
  const id = `bench-growth-${metric.name}`;
  const bars = figures.flatMap(({ backend, interval95, sweep: at }, i) => {
    if (!interval95 || !at) return [];
    const [yMin, yMax] = interval95;
    const colour = colourOf(backend);
    return [
      [
        `${id}-${i}`,
        {
          type: "line",
          xMin: at.value,
          xMax: at.value,
          yMin,
          yMax,
          borderColor: colour,
          borderWidth: 2,
        },
      ] as const,
    ];
  });
  const datasets = backends.flatMap((backend): Dataset[] => {
    const colour = colourOf(backend);
    const style = { type: "line", borderColor: colour, backgroundColor: colour } as const;
    const points = figures.filter((f) => f.backend === backend).map((f) => ({ x: f.sweep?.value ?? 0, y: f.median }));
    const growth = growths.find((g) => g.backend === backend);
    const named = growth?.trend === "grows" ? `, cost as n^${growth.exponent?.toFixed(2)}` : "";
    return [
      { ...style, label: `${backend}${named}`, data: points, borderWidth: 1, pointRadius: 5, pointStyle: "rect" },
      ...curveOf(growth, metric.more, least, most).map(
        (data): Dataset => ({
          ...style,
          label: `${backend}, fit`,
          data,
          borderWidth: 2,
          borderDash: [7, 4],
          pointRadius: 0,
          pointStyle: "line",
        }),
      ),
    ];
  });
  return {
    id,
    heading: `${metric.name} against ${noun}`,
    title: `${metric.name} (${metric.unit}) against ${noun}: ${title}`,
    reading: `Squares are medians of the rounds with their 95 % interval as a stroke, dashed lines are the fitted curves; both axes are logarithmic. ${metric.summary}: ${metric.more ? "more" : "less"} is better.`,
    caption: backends
      .map((backend) => {
        const own = figures.filter((f) => f.backend === backend);
        return `${backend} ${own.map((f) => `${digits(f.median)} at ${count(f.sweep?.value ?? 0)}`).join(", ")}`;
      })
      .join("; "),
    config: {
      type: "line",
      data: { datasets },
      options: chartOptions({
        x: parameter === "connections" ? "Live connections" : `Number of ${noun}`,
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
        annotations: Object.fromEntries(bars),
      }),
    },
    data: {
      head: ["Backend", noun, `Median (${metric.unit})`, "95 % interval", "Repeats"],
      rows: figures.map((f) => [
        f.backend,
        `${f.sweep?.value ?? ""}`,
        digits(f.median),
        f.interval95?.map(digits).join(" to ") ?? NONE,
        `${f.repeats}`,
      ]),
    },
  };
}

/** At steps of equal ratio from the least to the most; none where nothing was fitted. */
function curveOf(
  growth: GrowthRow | undefined,
  more: boolean,
  least: number,
  most: number,
): { x: number; y: number }[][] {
  const { curve } = growth ?? {};
  if (!curve) return [];
  return [
    Array.from({ length: CURVE_STEPS + 1 }, (_, i) => {
      const x = least * (most / least) ** (i / CURVE_STEPS);
      const cost = costAt(curve, x);
      return { x, y: more ? 1e6 / cost : cost };
    }),
  ];
}
