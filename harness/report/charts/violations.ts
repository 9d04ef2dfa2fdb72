// SPDX-License-Identifier: Apache-2.0
// Connections broken that no leaving target had, against a parameter of a sweep: several strategies in one picture.
import { count } from "../../util/numbers.ts";
import { type Comparison, hasResult, titleOf } from "../comparison/comparison.ts";
import type { Sweep } from "../comparison/sweep.ts";
import { costTable } from "../comparison/tables.ts";
import { seriesStyle } from "../palette.ts";
import { type Chart, chartOptions, type Dataset } from "./chart.ts";

/** null: nothing was changed, so that nothing could be broken. */
export function violationsChart(comparison: Comparison, { parameter }: Sweep): Chart | null {
  const points = comparison.entries.flatMap(({ backend, value, runs }) => {
    const all = runs.filter(({ summary }) => hasResult(summary)).flatMap(({ summary }) => summary.consistency ?? []);
    const minutes = all.reduce((sum, one) => sum + one.minutes, 0);
    const violations = all.reduce((sum, one) => sum + one.violations, 0);
    return value === null || minutes === 0 ? [] : [{ backend, x: value, y: violations / minutes }];
  });
  if (points.length === 0) return null;
  const xs = points.map(({ x }) => x);
  const last = Math.max(...xs);
  const backends = [...new Set(comparison.entries.map(({ backend }) => backend))];
  const datasets = backends.map((backend, i): Dataset => {
    const { colour, mark } = seriesStyle(i);
    return {
      type: "line",
      label: backend,
      data: points.flatMap((point) => (point.backend === backend ? [{ x: point.x, y: point.y }] : [])),
      borderColor: colour,
      backgroundColor: colour,
      borderWidth: 2,
      pointRadius: 4,
      pointStyle: mark,
    };
  });
  return {
    id: "violations",
    heading: `Broken connections against ${parameter}`,
    title: titleOf(comparison),
    reading: "Connections a minute that broke although their target stayed: those that a balancer could have spared.",
    caption: `At ${last}: ${points.flatMap(({ backend, x, y }) => (x === last ? [`${backend} ${count(y)} a minute`] : [])).join(", ")}`,
    config: {
      type: "line",
      data: { datasets },
      options: chartOptions({
        x: parameter,
        y: "Connections broken per minute",
        xScale: { type: last >= 20 * Math.min(...xs) ? "logarithmic" : "linear" },
        yScale: { min: 0 },
      }),
    },
    data: costTable(comparison),
  };
}
