// SPDX-License-Identifier: Apache-2.0
import type { Series } from "../../analysis/series.ts";
import { digits, milliseconds, seconds } from "../format.ts";
import { LIGHT, PERCENTILE_COLOURS } from "../palette.ts";
import { parameters } from "../prose.ts";
import type { ReportData } from "../reporter.ts";
import {
  type Chart,
  chartOptions,
  type Dataset,
  endOf,
  eventLines,
  type JsonObject,
  thin,
  timeScale,
} from "./chart.ts";

type Latency = NonNullable<Series["samples"][number]["latencyMs"]>;
type Point = { s: number; ms: Latency | null };

const LINES = [
  { key: "max", label: "slowest", dash: [2, 3] },
  { key: "p999", label: "99.9 %", dash: [6, 3] },
  { key: "p99", label: "99 %", dash: [10, 3] },
  { key: "p50", label: "50 % (median)", dash: [] },
] as const;

/** Percentiles of the round trips over time. */
export function latency(data: ReportData): Chart {
  const { summary, series } = data;
  const points = thin(
    series.samples.map(({ s, latencyMs }): Point => ({ s, ms: latencyMs })),
    worst,
  );

  return {
    id: "latency",
    heading: "Latency",
    title: `Round trips, ${summary.case}: ${parameters(summary)}`,
    reading:
      "Each line is a percentile of the round-trip time, measured from the scheduled time of the message; the axis is logarithmic, a gap means no answer.",
    caption: caption(data),
    config: {
      type: "line",
      data: { datasets: LINES.map((line) => percentileLine(line, points)) },
      options: chartOptions({
        x: "Time since the start of the traffic (s)",
        y: "Round trip (ms, logarithmic)",
        xScale: timeScale(endOf(series)),
        yScale: logScale(points),
        annotations: eventLines(series),
      }),
    },
    data: {
      head: ["Time (s)", ...LINES.map(({ label }) => `${label} (ms)`)],
      rows: points.map(({ s, ms }) => [s.toFixed(2), ...LINES.map(({ key }) => digits(ms?.[key] ?? null))]),
    },
  };
}

/** Of points that are drawn as one the worst value counts: a peak must not be thinned away. */
function worst(run: readonly Point[]): Point {
  const known = run.flatMap(({ ms }) => ms ?? []);
  const most = (key: keyof Latency) => Math.max(...known.map((ms) => ms[key]));
  const ms = known.length === 0 ? null : { p50: most("p50"), p99: most("p99"), p999: most("p999"), max: most("max") };
  return { s: run[0]?.s ?? 0, ms };
}

function percentileLine({ key, label, dash }: (typeof LINES)[number], points: readonly Point[]): Dataset {
  return {
    label,
    // A logarithmic axis has no zero; below a microsecond nothing was measured.
    data: points.map(({ s, ms }) => ({ x: s, y: ms === null ? null : Math.max(0.001, ms[key]) })),
    borderColor: PERCENTILE_COLOURS[key],
    backgroundColor: PERCENTILE_COLOURS[key],
    borderWidth: 2,
    borderDash: [...dash],
    // A run too short for a line still shows its samples.
    pointRadius: points.length < 10 ? 3 : 0,
    pointStyle: "line",
    spanGaps: false,
  };
}

/** From a whole decade up, with room above for the labels of the events. Only decades are labelled. */
function logScale(points: readonly Point[]): JsonObject {
  const known = points.flatMap(({ ms }) => ms ?? []).flatMap((ms) => [ms.p50, ms.max]);
  const low = known.length === 0 ? 0.01 : Math.max(0.001, Math.min(...known));
  const high = known.length === 0 ? 10 : Math.max(0.001, ...known);
  const decade = Math.floor(Math.log10(low));
  return {
    type: "logarithmic",
    min: 10 ** decade,
    max: 3 * high,
    ticks: {
      color: LIGHT.muted,
      major: { enabled: true },
      maxTicksLimit: Math.floor(Math.log10(3 * high)) - decade + 1,
      format: { maximumSignificantDigits: 3 },
    },
  };
}

function caption({ summary, series }: ReportData): string {
  const { p50, p99, p999, max } = summary.latencyMs;
  if (p50 === null) return "No round trips were measured.";
  const peak = series.samples.reduce<{ s: number; max: number } | null>(
    (high, { s, latencyMs }) =>
      latencyMs !== null && latencyMs.max > (high?.max ?? 0) ? { s, max: latencyMs.max } : high,
    null,
  );
  const when = peak === null ? "" : ` (at ${seconds(peak.s)})`;
  return `Half of the round trips took up to ${milliseconds(p50)}, 99 % up to ${milliseconds(p99)}, 99.9 % up to ${milliseconds(p999)}; the slowest took ${milliseconds(max)}${when}.`;
}
