// SPDX-License-Identifier: Apache-2.0
// Connections broken that no leaving target had, against a parameter of a sweep: several strategies in one picture.
import { count } from "../../util/numbers.ts";
import { type Comparison, hasResult, titleOf } from "../comparison/comparison.ts";
import type { Sweep } from "../comparison/sweep.ts";
import { costTable } from "../comparison/tables.ts";
import { seriesStyle } from "../palette.ts";
import { type Chart, type ChartConfig, chartOptions, type Dataset, MARK_COLOURS } from "./chart.ts";

/** From this ratio of the largest to the least on the axis is logarithmic. */
const WIDE = 20;

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
  const zeroAt = zeroOf(points.map(({ y }) => y));
  const last = Math.max(...xs);
  const backends = [...new Set(comparison.entries.map(({ backend }) => backend))];
  const datasets = backends.map((backend, i): Dataset => {
    const { colour, mark } = seriesStyle(i);
    return {
      type: "line",
      label: backend,
      data: points.flatMap((point) => (point.backend === backend ? [{ x: point.x, y: point.y || (zeroAt ?? 0) }] : [])),
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
    reading: `Connections a minute that broke although their target stayed: those that a balancer could have spared.${zeroAt === null ? "" : " The axis is logarithmic above its lowest line, which is 0."}`,
    caption: `At ${last}: ${points.flatMap(({ backend, x, y }) => (x === last ? [`${backend} ${count(y)} a minute`] : [])).join(", ")}`,
    config: {
      type: "line",
      data: { datasets },
      options: axes(parameter, last >= WIDE * Math.min(...xs), zeroAt),
    },
    data: costTable(comparison),
  };
}

function axes(parameter: string, isWide: boolean, zeroAt: number | null): ChartConfig["options"] {
  const { plugins, ...options } = chartOptions({
    x: parameter,
    y: `Connections broken per minute${zeroAt === null ? "" : " (logarithmic)"}`,
    xScale: { type: isWide ? "logarithmic" : "linear" },
    yScale: zeroAt === null ? { min: 0 } : { type: "logarithmic", min: zeroAt },
  });
  return zeroAt === null
    ? { plugins, ...options }
    : { ...options, plugins: { ...plugins, marks: { ...MARK_COLOURS, zeroAt } } };
}

/** Where 0 is drawn on a logarithmic axis: below the decade of the least. null: they lie near each other, and a linear axis fits. */
function zeroOf(values: readonly number[]): number | null {
  const known = values.filter((y) => y > 0);
  const least = Math.min(...known);
  return known.length > 0 && Math.max(...known) >= WIDE * least ? 0.4 * 10 ** Math.floor(Math.log10(least)) : null;
}
