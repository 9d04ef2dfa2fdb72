// SPDX-License-Identifier: Apache-2.0
// The distribution of latencies at a fixed load, and the figures for each core.
import type { Histogram } from "../analysis/histogram.ts";
import { type Chart, chartOptions } from "../report/charts/chart.ts";
import { digits } from "../report/format.ts";
import { seriesStyle } from "../report/palette.ts";
import type { Table } from "../report/table.ts";
import { count, NONE } from "../util/numbers.ts";
import type { Figure } from "./figure.ts";

/** A quantile needs so many values beyond it to be more than one value's chance. */
const BEYOND = 10;
const POINTS_PER_DECADE = 8;

/** null when nothing was measured. x is "one in so many": 100 is the 99th percentile. */
export function latencyChart(latency: ReadonlyMap<string, Histogram>, title: string): Chart | null {
  const lines = [...latency].filter(([, { total }]) => total > BEYOND);
  if (lines.length === 0) return null;
  const names = [0.5, 0.9, 0.99, 0.999];
  return {
    id: "bench-latency",
    heading: "Time to connect and be answered, at a fixed load",
    title: `Time to connect and be answered, at a fixed load: ${title}`,
    reading: `All rounds together. At 100 one connection in 100 took longer, which is the 99th percentile; a line ends where fewer than ${BEYOND} values are beyond.`,
    caption: lines
      .map(([backend, own]) => `${backend} ${names.map((q) => digits(own.quantileMs(q))).join(", ")}`)
      .join("; ")
      .concat(" ms (50th, 90th, 99th, 99.9th percentile)"),
    config: {
      type: "line",
      data: {
        datasets: lines.map(([backend, own], i) => {
          const { colour, dash } = seriesStyle(i);
          return {
            type: "line",
            label: backend,
            data: oneIn(own.total / BEYOND).map((x) => ({ x, y: own.quantileMs(1 - 1 / x) })),
            borderColor: colour,
            backgroundColor: colour,
            borderWidth: 2,
            borderDash: dash,
            pointRadius: 0,
            pointStyle: "line",
          };
        }),
      },
      options: chartOptions({
        x: "One connection in so many took longer (10: 90th percentile, 100: 99th, 1,000: 99.9th)",
        y: "Milliseconds",
        xScale: { type: "logarithmic" },
        yScale: { type: "logarithmic" },
      }),
    },
    data: {
      head: ["Backend", "Connections", ...names.map((q) => `${100 * q} %`), "Most"],
      rows: lines.map(([backend, own]) => [
        backend,
        count(own.total),
        ...[...names, 1].map((q) => `${digits(own.quantileMs(q))} ms`),
      ]),
    },
  };
}

/** From 1.25 on in equal ratios. */
function oneIn(most: number): number[] {
  const points = Math.floor(Math.log10(most / 1.25) * POINTS_PER_DECADE) + 1;
  return Array.from({ length: Math.max(0, points) }, (_, i) => 1.25 * 10 ** (i / POINTS_PER_DECADE));
}

/** Latency and rates for each core. What a router's own core carries is a second over its CPU for a request. */
export function coreTable(figures: readonly Figure[]): Table | null {
  const find = (backend: string, metric: string) => figures.find((f) => f.backend === backend && f.metric === metric);
  const cell = (figure: Figure | undefined) => (figure ? digits(figure.median) : NONE);
  const backends = [...new Set(figures.flatMap((f) => (f.metric === "requests_core" ? [f.backend] : [])))];
  if (backends.length === 0) return null;
  return {
    head: [
      "Backend",
      "Connect p50 (ms)",
      "p99 (ms)",
      "Requests/s",
      "Requests/s per busy core",
      "Router's CPU per request (µs)",
      "95 % interval",
      "Requests/s per router's core",
    ],
    rows: backends.map((backend) => {
      const router = find(backend, "router_cpu");
      const known = router && (router.interval95?.[0] ?? router.median) > 0;
      return [
        backend,
        cell(find(backend, "connect_p50")),
        cell(find(backend, "connect_p99")),
        cell(find(backend, "requests")),
        cell(find(backend, "requests_core")),
        cell(router),
        router?.interval95?.map(digits).join(" to ") ?? NONE,
        known ? digits(1e6 / router.median) : NONE,
      ];
    }),
  };
}
