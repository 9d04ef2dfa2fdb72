// SPDX-License-Identifier: Apache-2.0
// Loss against a parameter: what was measured, what each strategy loses in theory, and the ideal.
import { exact95 } from "../../analysis/statistics.ts";
import { type Comparison, pooledEvents, titleOf } from "../comparison/comparison.ts";
import type { Sweep } from "../comparison/sweep.ts";
import { lossTable } from "../comparison/tables.ts";
import { LIGHT, type SeriesStyle, seriesStyle } from "../palette.ts";
import { type Chart, chartOptions, type Dataset, type Point } from "./chart.ts";

interface Measured {
  backend: string;
  x: number;
  share: number;
  interval: readonly [low: number, high: number];
}

export function sweepChart(comparison: Comparison, sweep: Sweep): Chart {
  const backends = [...new Set(comparison.entries.map(({ backend }) => backend))];
  const measured = comparison.entries.flatMap((entry): Measured[] => {
    const [event] = pooledEvents(entry);
    if (!event || event.alive === 0 || entry.value === null) return [];
    const interval = exact95(event.lost, event.alive);
    return [{ backend: entry.backend, x: entry.value, share: event.lost / event.alive, interval }];
  });
  const datasets = backends.flatMap((backend, i) => {
    const own = measured.filter((point) => point.backend === backend);
    const theory = sweep.theory.find((one) => one.backend === backend)?.points ?? [];
    return backendLines(backend, seriesStyle(i), own, theory);
  });
  const xs = sweep.ideal.map(({ x }) => x);
  const wide = Math.max(...xs) >= 20 * Math.min(...xs);
  return {
    id: "sweep",
    heading: `Loss at the first event against ${sweep.parameter}`,
    title: titleOf(comparison),
    reading:
      "Marks are measurements with their 95 % interval; the dashed line is the loss of the strategy in theory, the dotted line the ideal without connection state.",
    caption: measured.map(({ backend, x, share }) => `${backend} at ${x}: ${(100 * share).toFixed(1)} %`).join(", "),
    config: {
      type: "line",
      data: { datasets: [...datasets, idealLine(sweep.ideal)] },
      options: chartOptions({
        x: sweep.parameter,
        y: "Connections lost (%)",
        xScale: { type: wide ? "logarithmic" : "linear" },
        yScale: { min: 0 },
      }),
    },
    data: lossTable(comparison),
  };
}

/** What was measured, its interval, and the theory where there is one. */
function backendLines(
  backend: string,
  { colour, mark }: SeriesStyle,
  own: readonly Measured[],
  theory: readonly { x: number; share: number | null }[],
): Dataset[] {
  const style = { type: "line", borderColor: colour, backgroundColor: colour, pointStyle: "line" } as const;
  const strokes = own.flatMap(({ x, interval: [low, high] }): Point[] => [
    { x, y: 100 * low },
    { x, y: 100 * high },
    { x, y: null },
  ]);
  const lines: Dataset[] = [
    {
      ...style,
      label: `${backend}, measured`,
      data: own.map(({ x, share }) => ({ x, y: 100 * share })),
      borderWidth: 0,
      pointRadius: 5,
      pointStyle: mark,
    },
    { ...style, label: `${backend}, 95 % interval`, data: strokes, borderWidth: 2, pointRadius: 0 },
  ];
  if (theory.every(({ share }) => share === null)) return lines;
  const predicted: Dataset = {
    ...style,
    label: `${backend}, theory (dashed)`,
    data: theory.map(({ x, share }) => ({ x, y: share === null ? null : 100 * share })),
    borderWidth: 2,
    borderDash: [8, 5],
    pointRadius: 0,
  };
  return [...lines, predicted];
}

function idealLine(points: Sweep["ideal"]): Dataset {
  return {
    type: "line",
    label: "ideal (dotted)",
    data: points.map(({ x, share }) => ({ x, y: 100 * share })),
    borderColor: LIGHT.ideal,
    backgroundColor: LIGHT.ideal,
    borderWidth: 2,
    borderDash: [2, 4],
    pointRadius: 0,
    pointStyle: "line",
  };
}
