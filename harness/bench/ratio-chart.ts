// SPDX-License-Identifier: Apache-2.0
import { type Chart, chartOptions, type Dataset } from "../report/charts/chart.ts";
import { LIGHT, seriesStyle } from "../report/palette.ts";
import type { Table } from "../report/table.ts";
import type { Figure } from "./figure.ts";

/** How much of a category's width the bars take, as Chart.js has it. */
const BARS = 0.8;

/** Bars by metric, one colour a backend, with the 95 % interval as a line on each. null where nothing has a ratio. */
export function ratioChart(
  { id, heading, title }: { id: string; heading: string; title: string },
  all: readonly Figure[],
  tableOf: (figures: readonly Figure[]) => Table,
): Chart | null {
  const figures = all.filter((f) => f.ratioToPlain !== null);
  if (figures.length === 0) return null;
  const labels = [...new Set(figures.map(({ metric }) => metric))];
  const backends = [...new Set(figures.map(({ backend }) => backend))];
  const ratioOf = (metric: string, backend: string) => {
    const figure = figures.find((f) => f.metric === metric && f.backend === backend);
    return figure?.fair?.ratio ?? figure?.ratioToPlain ?? null;
  };
  const datasets = backends.map(
    (backend, i): Dataset => ({
      type: "bar",
      label: backend,
      data: labels.map((metric) => ({ x: metric, y: ratioOf(metric, backend) })),
      backgroundColor: seriesStyle(i).colour,
      pointStyle: "rect",
    }),
  );
  const captions = backends.map((backend) => {
    const ratios = labels.map((metric) => [metric, ratioOf(metric, backend)] as const);
    return `${backend} ${ratios.flatMap(([metric, r]) => (r === null ? [] : [`${metric} ${r.toFixed(2)}`])).join(", ")}`;
  });
  return {
    id,
    heading,
    title: `${heading}: ${title}`,
    reading:
      "Each bar is the median of the rounds' ratios, the line on it the 95 % interval; the dashed line is plain forwarding.",
    caption: captions.join("; "),
    config: {
      type: "bar",
      data: { labels, datasets },
      options: chartOptions({
        x: "Metric",
        y: "Ratio to plain forwarding",
        xScale: { type: "category", grid: { display: false } },
        yScale: { beginAtZero: true },
        annotations: { plain: PLAIN_LINE, ...intervalLines(id, figures, labels, backends) },
      }),
    },
    data: tableOf(figures),
  };
}

const PLAIN_LINE = { type: "line", yMin: 1, yMax: 1, borderColor: LIGHT.muted, borderWidth: 1.5, borderDash: [6, 4] };

function intervalLines(id: string, figures: readonly Figure[], labels: readonly string[], backends: readonly string[]) {
  const lines = figures.flatMap(({ metric, backend, ratioInterval95, fair }) => {
    const interval = fair ? fair.interval95 : ratioInterval95;
    if (!interval) return [];
    const [x, i] = [labels.indexOf(metric), backends.indexOf(backend)];
    // The middle of bar i of so many in a category of width 1.
    const at = x + ((i + 0.5) / backends.length - 0.5) * BARS;
    const [yMin, yMax] = interval;
    return [
      [
        `${id}${x}-${i}`,
        { type: "line", xMin: at, xMax: at, yMin, yMax, borderColor: LIGHT.ink, borderWidth: 2 },
      ] as const,
    ];
  });
  return Object.fromEntries(lines);
}
