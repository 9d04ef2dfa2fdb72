// SPDX-License-Identifier: Apache-2.0
import type { Series } from "../../analysis/series.ts";
import { type ByCause, CAUSES, type LossCause, ROOTS, type RootCause } from "../../record/schema.ts";
import { count } from "../../util/numbers.ts";
import { addUp, causeName } from "../format.ts";
import { hatchAt, LIGHT, ROOT_COLOURS } from "../palette.ts";
import { headline, intervalSentence, parameters } from "../prose.ts";
import type { ReportData } from "../reporter.ts";
import {
  axis,
  type Chart,
  chartOptions,
  type Dataset,
  endOf,
  eventLines,
  type JsonObject,
  MAX_POINTS,
  type Point,
  thin,
  timeScale,
} from "./chart.ts";
import { intervalBand, theoryLine } from "./theory.ts";

type Bin = Series["lossPerSecond"][number];

const LOSS_CAUSES = CAUSES.filter((cause): cause is LossCause => cause !== "none");

/** Connections lost in each second by root cause, and the total against what theory says. */
export function loss({ summary, series }: ReportData): Chart {
  const end = endOf(series);
  const width = Math.ceil(series.lossPerSecond.length / MAX_POINTS) || 1;
  const bins = merged(series.lossPerSecond, width);
  const roots = ROOTS.filter((root) => bins.some(({ causes }) => (causes[root] ?? 0) > 0));
  const ends = LOSS_CAUSES.filter((cause) => bins.some(({ byCause }) => (byCause[cause] ?? 0) > 0));
  const failed = bins.some(({ failedConnects }) => failedConnects > 0);
  const total = lossLine(series, end);
  const theory = [
    ...theoryLine(series.events, "predicted", end),
    ...theoryLine(series.events, "ideal", end),
    ...intervalBand(series.events),
  ];
  const highest = Math.max(4, ...[total, ...theory].flatMap(({ data }) => data.map(({ y }) => Number(y))));
  const per = width === 1 ? "second" : `${width} s`;
  const rootBars = roots.map((root, i) =>
    bars(
      bins.map((bin) => ({ x: bin.s + width / 2, y: bin.causes[root] ?? 0 })),
      {
        label: `${causeName(root)}, per ${per}`,
        backgroundColor: ROOT_COLOURS[root],
        hatch: hatchAt(i),
        stack: "lost",
      },
    ),
  );

  return {
    id: "loss",
    heading: "Connections lost",
    title: `Connections lost, ${summary.case}: ${parameters(summary)}`,
    reading: `Bars count the connections lost in each ${per}, by root cause; the numbers below say how they ended, too. The thin solid line is their total, stepped at the times of the losses; the wide line is the prediction, the dotted line the ideal, the shaded area the 95 % interval of the loss.${failed ? " Triangles count reconnects that failed, on the axis to the right." : ""}`,
    caption: `${headline(summary)}${intervalSentence(summary)}`,
    config: {
      type: "bar",
      data: {
        datasets: [...rootBars, ...(failed ? [failedMarks(bins, width, per)] : []), total, ...theory],
      },
      options: chartOptions({
        x: "Time since the start of the traffic (s)",
        y: "Connections",
        xScale: { ...timeScale(end), offset: false },
        yScale: { min: 0, suggestedMax: highest * 1.15 },
        others: failed ? { failed: failedAxis(per) } : {},
        annotations: eventLines(series),
      }),
    },
    data: lossTable(bins, { width, roots, ends }),
  };
}

function lossTable(
  bins: readonly Bin[],
  { width, roots, ends }: { width: number; roots: readonly RootCause[]; ends: readonly LossCause[] },
): Chart["data"] {
  const totals = cumulative(bins);
  return {
    head: [
      "Second",
      ...roots.map(causeName),
      ...ends.map((cause) => `Ended by ${causeName(cause)}`),
      "Lost in total",
      "Failed connects",
    ],
    rows: bins.map((bin, i) => [
      width === 1 ? String(bin.s) : `${bin.s} to ${bin.s + width}`,
      ...roots.map((root) => count(bin.causes[root] ?? 0)),
      ...ends.map((cause) => count(bin.byCause[cause] ?? 0)),
      count(totals[i] ?? 0),
      count(bin.failedConnects),
    ]),
  };
}

function bars(
  points: readonly { x: number; y: number }[],
  look: Pick<Dataset, "label" | "backgroundColor" | "hatch" | "stack">,
) {
  return {
    ...look,
    type: "bar",
    // No bar at all for nothing: the least height below is for the few that were lost beside thousands.
    data: points.map(({ x, y }) => ({ x, y: y || null })),
    order: 2,
    minBarLength: 2,
    pointStyle: "rect",
  } satisfies Dataset;
}

/** The measured total. */
function lossLine({ lossSteps }: Series, end: number): Dataset {
  return {
    type: "line",
    label: "lost in total",
    data: stepPoints(lossSteps, end),
    stepped: "before",
    borderColor: LIGHT.ink,
    backgroundColor: LIGHT.ink,
    borderWidth: 2,
    pointRadius: 0,
    pointStyle: "line",
    order: 0,
  };
}

/** From nothing to the end; many steps are joined, the last of neighbours staying. */
export function stepPoints(steps: Series["lossSteps"], end: number): Point[] {
  const kept = thin(steps, (run) => run.at(-1) as (typeof steps)[number], MAX_POINTS - 2);
  return [{ x: 0, y: 0 }, ...kept.map(({ s, total }) => ({ x: s, y: total })), { x: end, y: steps.at(-1)?.total ?? 0 }];
}

/** They are far more, or far fewer, than the losses: an axis of their own. */
function failedMarks(bins: readonly Bin[], width: number, per: string): Dataset {
  return {
    type: "line",
    label: `failed reconnects, per ${per} (right axis)`,
    data: bins.map((bin) => ({ x: bin.s + width / 2, y: bin.failedConnects || null })),
    yAxisID: "failed",
    showLine: false,
    borderColor: LIGHT.muted,
    backgroundColor: LIGHT.surface,
    borderWidth: 1.5,
    pointRadius: 5,
    pointStyle: "triangle",
    order: 0,
  };
}

function failedAxis(per: string): JsonObject {
  const drawn = axis(`Failed reconnects per ${per}`);
  return { ...drawn, position: "right", min: 0, suggestedMax: 4, grid: { display: false } };
}

function merged(bins: readonly Bin[], width: number): Bin[] {
  if (width === 1) return [...bins];
  const wide = new Map<number, Bin>();
  for (const bin of bins) {
    const s = Math.floor(bin.s / width) * width;
    const sum = wide.get(s) ?? { s, byCause: {}, causes: {}, failedConnects: 0 };
    addUp(sum.byCause, bin.byCause);
    addUp(sum.causes, bin.causes);
    sum.failedConnects += bin.failedConnects;
    wide.set(s, sum);
  }
  return [...wide.values()];
}

function cumulative(bins: readonly Bin[]): number[] {
  let total = 0;
  return bins.map(({ byCause }) => {
    total += lostIn(byCause);
    return total;
  });
}

function lostIn(byCause: ByCause): number {
  return Object.values(byCause).reduce((sum, n) => sum + n, 0);
}
