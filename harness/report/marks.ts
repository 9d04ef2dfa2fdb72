// SPDX-License-Identifier: Apache-2.0
// What Chart.js does not draw: hatches of bars and layers, intervals with caps at them, reference lines over some rows, texts at bars, names at the ends of
// lines. A plugin that reads plain data from `options.plugins.marks`, the same in a picture and in a page.

import { placeEventLabels } from "./event-labels.ts";
import { type Area, type Box, drawHatch, type Hatch, type HatchContext } from "./hatch.ts";

export interface Marks {
  /** Rows count from the top, from 0. */
  /** Drawn below this dataset, and else above all. */
  whiskersBelow?: number;
  whiskers?: { row: number; low: number; high: number }[];
  /** Reference lines across rows, first and last included. */
  references?: { from: number; to: number; at: number }[];
  texts?: { row: number; at: number; text: string; strong?: boolean }[];
  /** Names of lines, beside where they end. */
  ends?: { lines: string[]; y: number; colour: string }[];
  /** Of a logarithmic axis, which has no zero: where it stands for one, at its lower end. */
  zeroAt?: number;
  ink: string;
  surface: string;
  reference: string;
}

interface Scale {
  width: number;
  getPixelForValue(value: number): number;
}

interface TickScale {
  axis: string;
  ticks: { value: number }[];
}

interface Context extends HatchContext {
  fillText(text: string, x: number, y: number): void;
  strokeText(text: string, x: number, y: number): void;
  measureText(text: string): { width: number };
  fillStyle: unknown;
  font: string;
  textBaseline: unknown;
}

interface Drawn {
  ctx: Context;
  width: number;
  scales: { [name: string]: Scale };
  chartArea: { left: number; right: number; top: number; bottom: number };
  options: { font?: { size?: number; family?: string } };
  data: { datasets: { hatch?: Hatch | null | (Hatch | null)[]; borderDash?: number[] }[] };
  getDatasetMeta(i: number): { type: string; data: (Bar & { x: number; y: number })[] };
  legend?: { legendItems?: { datasetIndex?: number; lineDash?: number[] }[]; legendHitBoxes?: Box[] };
}

/** Of a bar, what its place is. */
interface Bar {
  getProps(names: string[]): { x: number; y: number; base: number; width: number; height: number };
  horizontal?: boolean;
}

/** Of the picture, to the right of texts, pixels. */
const EDGE = 3;
/** From the end of a bar to its text, pixels. */
const BEHIND = 9;
/** Bars keep at least this part of the width. */
const LEAST_BARS = 0.25;

export const marksPlugin = {
  id: "marks",
  afterLayout: placeEventLabels,
  afterDataLimits: makeRoomForTexts,
  /** The library labels a tick of 0 as such, and places it at the lower end. Above it are decades: labels between them touch. */
  afterBuildTicks(_: unknown, { scale }: { scale: TickScale }, { zeroAt }: Partial<Marks>): void {
    if (zeroAt !== undefined && scale.axis === "y")
      scale.ticks = [
        { value: 0 },
        ...scale.ticks.filter(({ value }) => value > zeroAt && Number.isInteger(Math.log10(value))),
      ];
  },
  /** The library's legend takes the look of points, which have no dashes. */
  beforeDraw({ data, legend }: Drawn): void {
    for (const item of legend?.legendItems ?? [])
      item.lineDash = data.datasets[item.datasetIndex ?? -1]?.borderDash ?? [];
  },
  beforeDatasetDraw(chart: Drawn, { index }: { index: number }, marks: Partial<Marks>): void {
    if (index === marks.whiskersBelow) drawWhiskers(chart, marks);
  },
  afterDatasetDraw(chart: Drawn, { index }: { index: number }, marks: Partial<Marks>): void {
    const { ctx, data } = chart;
    const { hatch } = data.datasets[index] ?? {};
    const { type, data: drawn } = chart.getDatasetMeta(index);
    if (hatch && !Array.isArray(hatch) && type === "line") drawHatch(ctx, hatch, layerOf(chart, index), marks);
    for (const [i, bar] of (hatch && type === "bar" ? drawn : []).entries()) {
      const own = Array.isArray(hatch) ? hatch[i] : hatch;
      if (own) drawHatch(ctx, own, boxOf(bar), marks);
    }
  },
  /** In the legend. */
  afterDraw({ ctx, data, legend }: Drawn, _: unknown, marks: Partial<Marks>): void {
    for (const [i, { datasetIndex = -1 }] of (legend?.legendItems ?? []).entries()) {
      const hatch = [data.datasets[datasetIndex]?.hatch].flat().find((one) => one != null);
      const place = legend?.legendHitBoxes?.[i];
      if (hatch && place) drawHatch(ctx, hatch, symbolOf(place), marks);
    }
  },
  afterDatasetsDraw(chart: Drawn, _: unknown, marks: Partial<Marks>): void {
    const { ctx, scales } = chart;
    const { x, y } = scales as { x: Scale; y: Scale };
    const { references = [], texts = [], ends = [], ink, surface, reference } = marks;
    const { size = 12, family = "sans-serif" } = chart.options.font ?? {};
    ctx.save();
    ctx.textBaseline = "middle";
    ctx.strokeStyle = reference;
    ctx.lineWidth = 2.5;
    ctx.setLineDash([3, 2]);
    for (const { from, to, at } of references)
      line(
        ctx,
        [x.getPixelForValue(at), y.getPixelForValue(from - 0.5)],
        [x.getPixelForValue(at), y.getPixelForValue(to + 0.5)],
      );
    ctx.setLineDash([]);
    if (marks.whiskersBelow === undefined) drawWhiskers(chart, marks);
    for (const { row, at, text, strong = false } of texts) {
      ctx.font = `${strong ? "bold " : ""}${size}px ${family}`;
      ctx.strokeStyle = surface;
      ctx.lineWidth = 3;
      ctx.fillStyle = ink;
      const beside = x.getPixelForValue(at) + (strong ? 2 : BEHIND);
      const left = Math.max(EDGE, Math.min(beside, chart.width - EDGE - ctx.measureText(text).width));
      const middle = y.getPixelForValue(row);
      ctx.strokeText(text, left, middle);
      ctx.fillText(text, left, middle);
    }
    ctx.font = `${size}px ${family}`;
    drawEnds(chart, ends, y, size);
    ctx.restore();
  },
};

/** The axis goes on until the text behind each bar fits: bars become shorter on a phone, and no text lies on one. */
function makeRoomForTexts(
  { ctx, width, scales, options }: Drawn,
  { scale }: { scale: { axis: string; max: number } },
  { texts = [] }: Partial<Marks>,
): void {
  if (scale.axis !== "x") return;
  const { size = 12, family = "sans-serif" } = options.font ?? {};
  ctx.font = `${size}px ${family}`;
  const area = width - (scales.y?.width ?? 0);
  for (const { at, text, strong } of texts) {
    const left = area - EDGE - BEHIND - ctx.measureText(text).width;
    if (!strong) scale.max = Math.max(scale.max, (at * area) / Math.max(left, LEAST_BARS * area));
  }
}

/** Between a line and the one below it. */
function layerOf(chart: Drawn, index: number): Area {
  const { chartArea } = chart;
  const upper = chart.getDatasetMeta(index).data;
  const lower = index > 0 ? chart.getDatasetMeta(index - 1).data : upper.map(({ x }) => ({ x, y: chartArea.bottom }));
  const { left, right, top, bottom } = chartArea;
  const outline = [...upper, ...lower.toReversed()].map(({ x, y }) => [x, y] as const);
  return { left, top, width: right - left, height: bottom - top, outline };
}

function boxOf(bar: Bar): Box {
  const { x, y, base, width, height } = bar.getProps(["x", "y", "base", "width", "height"]);
  return bar.horizontal
    ? { left: Math.min(x, base), top: y - height / 2, width: Math.abs(x - base), height }
    : { left: x - width / 2, top: Math.min(y, base), width, height: Math.abs(y - base) };
}

/** The size is that of `LEGEND_LABELS`. */
const symbolOf = ({ left, top, height }: Box): Box => ({ left, top: top + height / 2 - 6, width: 24, height: 12 });

type At = readonly [x: number, y: number];

function line(ctx: Context, from: At, to: At): void {
  ctx.beginPath();
  ctx.moveTo(...from);
  ctx.lineTo(...to);
  ctx.stroke();
}

function drawWhiskers({ ctx, scales }: Drawn, { whiskers = [], ink, surface }: Partial<Marks>): void {
  const { x, y } = scales as { x: Scale; y: Scale };
  ctx.save();
  for (const whisker of whiskers) drawWhisker(ctx, { x, y }, whisker, { ink, surface });
  ctx.restore();
}

/** On bars of any colour: dark with a light rim. */
function drawWhisker(
  ctx: Context,
  { x, y }: { x: Scale; y: Scale },
  { row, low, high }: { row: number; low: number; high: number },
  { ink, surface }: { ink: unknown; surface: unknown },
): void {
  const [from, to, middle] = [x.getPixelForValue(low), x.getPixelForValue(high), y.getPixelForValue(row)];
  for (const [width, colour] of [
    [4, surface],
    [1.5, ink],
  ] as const) {
    ctx.lineWidth = width;
    ctx.strokeStyle = colour;
    line(ctx, [from, middle], [to, middle]);
    for (const at of [from, to]) line(ctx, [at, middle - 4], [at, middle + 4]);
  }
}

/** Names keep their distance from each other; one that had to move has a line to its place. */
function drawEnds({ ctx, chartArea }: Drawn, ends: NonNullable<Marks["ends"]>, y: Scale, size: number): void {
  const apart = size + 3;
  const placed = ends
    .map((end) => ({ ...end, want: y.getPixelForValue(end.y), tall: end.lines.length * apart }))
    .sort((a, b) => a.want - b.want)
    .map((end) => ({ ...end, top: end.want - end.tall / 2 }));
  let ceiling = 0;
  for (const end of placed) {
    end.top = Math.max(end.top, ceiling);
    ceiling = end.top + end.tall;
  }
  let floor = chartArea.bottom + apart / 2;
  for (const end of placed.toReversed()) {
    end.top = Math.min(end.top, floor - end.tall);
    floor = end.top;
  }
  ctx.lineWidth = 1;
  for (const { lines, want, top, tall, colour } of placed) {
    ctx.strokeStyle = colour;
    line(ctx, [chartArea.right + 6, want], [chartArea.right + 14, top + tall / 2]);
    ctx.fillStyle = colour;
    for (const [i, text] of lines.entries()) ctx.fillText(text, chartArea.right + 18, top + (i + 0.5) * apart);
  }
}
