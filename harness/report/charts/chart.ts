// SPDX-License-Identifier: Apache-2.0
// What all charts share: the type of a definition, axes, event lines, thinning of long series.

import type { Series } from "../../analysis/series.ts";
import { eventLabel } from "../format.ts";
import type { Hatch } from "../hatch.ts";
import type { Marks } from "../marks.ts";
import { LIGHT, type SeriesStyle } from "../palette.ts";
import type { ReportData } from "../reporter.ts";
import type { Table } from "../table.ts";

export interface Point {
  x: number | string | null;
  y: number | string | null;
}

/** Marks of single points, told apart without colour. */
type Mark = SeriesStyle["mark"] | "rect";

export interface Dataset {
  type?: "bar" | "line";
  label: string;
  data: Point[];
  backgroundColor: string | string[];
  /** Of bars; a list where they differ. */
  hatch?: Hatch | null | (Hatch | null)[];
  borderColor?: string;
  borderWidth?: number;
  borderDash?: number[];
  fill?: "origin" | "-1" | "shape";
  stepped?: "before" | "middle";
  spanGaps?: boolean;
  stack?: string;
  minBarLength?: number;
  /** Lower numbers are drawn later, on top. */
  order?: number;
  /** Of each point, where they differ. */
  pointRadius?: number | number[];
  /** The mark in the legend, and of its points. */
  pointStyle: Mark | "line";
  showLine?: boolean;
  /** Pixels beyond the axes in which points are still drawn. */
  clip?: number;
  yAxisID?: string;
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** A Chart.js configuration without functions: it survives JSON, so that one definition draws the PNG here and the graph in a browser. */
export interface ChartConfig {
  type: "bar" | "line";
  data: { labels?: string[]; datasets: Dataset[] };
  options: JsonObject & { plugins: JsonObject };
}

export interface Chart {
  /** Also the name of its PNG. */
  id: string;
  heading: string;
  /** Names the case and its parameters. */
  title: string;
  /** One sentence: how to read a chart of this kind. */
  reading: string;
  /** What this one shows, with its numbers. */
  caption: string;
  config: ChartConfig;
  /** What was drawn, as text. */
  data: Table;
  /** Pixels of the picture, where another height than the usual fits what it holds. */
  height?: number;
}

export type ChartDefinition = (data: ReportData) => Chart;

/** More points than pixels help nobody and cost render time. */
export const MAX_POINTS = 600;

/** At most `limit` items: each is what `merge` makes of a run of neighbours. */
export function thin<T>(items: readonly T[], merge: (run: readonly T[]) => T, limit = MAX_POINTS): T[] {
  const size = Math.ceil(items.length / limit);
  if (size <= 1) return [...items];
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => merge(items.slice(i * size, (i + 1) * size)));
}

export function axis(title: string): JsonObject {
  return {
    title: { display: true, text: title, color: LIGHT.muted, padding: 6 },
    ticks: { color: LIGHT.muted },
    grid: { color: LIGHT.grid, tickColor: LIGHT.grid },
    border: { color: LIGHT.muted },
  };
}

export const MARK_COLOURS = {
  ink: LIGHT.ink,
  surface: LIGHT.surface,
  reference: LIGHT.ideal,
} satisfies Marks;

export const LEGEND_LABELS = { usePointStyle: true, pointStyleWidth: 24, boxHeight: 12, color: LIGHT.ink };

interface Layout {
  x: string;
  y: string;
  xScale: JsonObject;
  yScale: JsonObject;
  /** Further axes by name. */
  others?: JsonObject;
  annotations?: JsonObject;
}

/** The options every chart starts from; the scales add their own. */
export function chartOptions({ x, y, xScale, yScale, others = {}, annotations = {} }: Layout): ChartConfig["options"] {
  return {
    locale: "en-US",
    animation: false,
    font: { size: 13 },
    color: LIGHT.ink,
    interaction: { mode: "nearest", axis: "x", intersect: false },
    scales: { x: { ...axis(x), ...xScale }, y: { ...axis(y), ...yScale }, ...others },
    plugins: {
      legend: {
        position: "bottom",
        labels: LEGEND_LABELS,
      },
      annotation: { annotations },
      marks: MARK_COLOURS,
    },
  };
}

/** The time axis, from the start of the traffic to `end`. */
export function timeScale(end: number): JsonObject {
  return { type: "linear", min: 0, max: end };
}

/** The end of the traffic, rounded up for the axis; what is left of a second beyond it, while the run ends, is cut off. */
export function endOf({ samples, events, lossPerSecond }: Series): number {
  const lastLoss = lossPerSecond.findLast((bin) => bin.failedConnects > 0 || Object.keys(bin.byCause).length > 0);
  const end = Math.max(samples.at(-1)?.s ?? 0, events.at(-1)?.untilS ?? 0, lastLoss === undefined ? 0 : lastLoss.s + 1);
  const steps = end < 5 ? 10 : 1;
  return Math.max(1, Math.ceil(end * steps - 0.3)) / steps;
}

/** A labelled vertical line for each event. */
export function eventLines(series: Series): JsonObject {
  const lines = series.events.map((event, i): [string, JsonObject] => [
    `event${i}`,
    {
      type: "line",
      xMin: event.s,
      xMax: event.s,
      borderColor: LIGHT.ink,
      borderWidth: 1.5,
      borderDash: [2, 3],
      label: {
        display: true,
        content: eventLabel(event),
        position: "end",
        padding: { x: 6, y: 3 },
        color: LIGHT.ink,
        backgroundColor: LIGHT.surface,
        borderColor: LIGHT.muted,
        borderWidth: 1,
        font: { size: 12, weight: "normal" },
      },
    },
  ]);
  return Object.fromEntries(lines);
}
