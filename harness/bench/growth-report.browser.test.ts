// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { Histogram } from "../analysis/histogram.ts";
import { findBrowser, NO_BROWSER, startBrowser } from "../testing/browser.ts";
import { isSkipped } from "../testing/skip.ts";
import { environment } from "./fixture.ts";
import { growthsOf } from "./growth.ts";
import { growthCharts } from "./growth-chart.ts";
import { growthSentences, growthTable } from "./growth-report.ts";
import { writeBench } from "./report.ts";
import { figuresOf } from "./result.ts";
import type { Measurement } from "./rounds.ts";

const sweep = { parameter: "services", values: [1, 10, 100, 1000], noun: "further services" };
const rate = { name: "connections", unit: "1/s", higherIsBetter: true, summary: "Connections" };
const event = {
  name: "scale_event",
  unit: "ms",
  higherIsBetter: false,
  summary: "Time for a scale event",
  noBaselineRatio: true as const,
};
/** Six rounds in which one backend gets slower with each service, and another does not. */
const measurements: Measurement[] = [0, 1, 2, 3, 4, 5].flatMap((round) =>
  sweep.values.flatMap((at): Measurement[] => {
    const noise = 1 + 0.01 * Math.sin(17 * round + at);
    const one = (backend: string, metric: string, value: number) => ({
      backend,
      metric,
      at,
      round,
      value,
      disturbed: false,
    });
    return [
      one("linear", rate.name, (1e6 / (100 + 0.2 * at)) * noise),
      one("linear", event.name, (20 + 0.1 * at) * noise),
      one("flat", rate.name, 10_000 * (1 + 0.01 * Math.cos(31 * round + 7 * at))),
    ];
  }),
);
const mkdirIn = (dir: string, name: string) => {
  mkdirSync(path.join(dir, name));
  return path.join(dir, name);
};
const growths = growthsOf(measurements, [rate, event]);
const figures = figuresOf(measurements, [rate, event], environment, { parameter: "services" });

test("each number of a sweep has its own figure, with its own ratio", (t) => {
  t.is(figures.length, 3 * sweep.values.length);
  t.like(
    figures.find((f) => f.backend === "flat" && f.sweep?.value === 100),
    { repeats: 6, sweep: { parameter: "services" } },
  );
  const own = [0, 1].flatMap((round) =>
    [1, 10].flatMap((at) => [
      { backend: "plain", metric: rate.name, at, round, value: 1000 * at, disturbed: false },
      { backend: "ecmp", metric: rate.name, at, round, value: 500 * at * at, disturbed: false },
    ]),
  );
  const ratios = figuresOf(own, [rate], environment, { parameter: "services" }).filter(
    ({ backend }) => backend === "ecmp",
  );
  t.deepEqual(
    ratios.map(({ ratioToPlain }) => ratioToPlain),
    [0.5, 5],
  );
});

test("a rate's growth is that of its time; what each one more costs is told", (t) => {
  const found = growths.find((g) => g.backend === "linear" && g.metric === rate.name);
  t.like(found, { trend: "grows", unit: "µs" });
  t.true(Math.abs((found?.linear?.each ?? 0) - 0.2) < 0.02, `${found?.linear?.each}`);
  t.is(growths.find(({ backend }) => backend === "flat")?.trend, "none");
  const [first, second, third] = growthSentences(growths, [rate, event], sweep);
  t.regex(
    first ?? "",
    /^linear: 'scale_event' grows as n\^(0\.9|1\.0)\d .* for each of the further services, so linearly; 5\.\d+ times from 1 to 1,000/,
  );
  t.regex(second ?? "", /^linear: the time for one of 'connections' grows as n\^/);
  t.regex(
    third ?? "",
    /^No trend .* for flat in connections \(1\.0\d times|^No trend .* for flat in connections \(0\.9\d times/,
  );
  const { head, rows } = growthTable(growths, sweep);
  t.true(rows.every((row) => row.length === head.length));
});

test("a point that lacks a round has no part in the fit", (t) => {
  const holes = measurements.filter(({ at, round, backend }) => !(at === 1000 && round === 2 && backend === "linear"));
  const found = growthsOf(holes, [rate]).find(({ backend }) => backend === "linear");
  t.true((found?.factor ?? 9) < 1.3, `${found?.factor}`);
});

test("its page draws every graph in a browser, and names what is measured", async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-growth-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const rest = { services: [], latency: new Map(), skipped: [], failures: [], environment, commandLine: ["bench"] };
  await writeBench({ figures, metrics: [rate, event], sweep, growths, ...rest }, dir);
  const latency = new Map([["plain", new Histogram().add([[100, 5000]])]]);
  const still = figuresOf(
    measurements
      .filter(({ at }) => at === 1)
      .map((one) => ({ ...one, at: null, backend: one.backend === "flat" ? "plain" : "linear" })),
    [rate],
    environment,
  );
  await writeBench(
    { figures: still, metrics: [rate], sweep: null, growths: [], ...rest, latency },
    mkdirIn(dir, "still"),
  );
  for (const file of [
    "bench-growth-scale_event.png",
    "growth.json",
    "still/bench-latency.png",
    "still/bench-rates.png",
  ])
    t.true(existsSync(path.join(dir, file)), file);
  const browser = findBrowser();
  if (isSkipped(t, browser === null ? [NO_BROWSER] : []) || browser === null) return;
  const page = await startBrowser(browser);
  const drawn = `[...document.querySelectorAll("canvas[data-chart]")].filter((c) => c.width > 100 && c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v) => v > 0)).length`;
  try {
    for (const file of ["bench.html", "still/bench.html"]) {
      await page.open(`file://${path.join(dir, file)}`);
      t.is(await page.run(drawn), 2, file);
    }
  } finally {
    await page.close();
  }
});

test("one picture for each metric, with logarithmic axes, intervals and the curve", (t) => {
  const charts = growthCharts({ figures, growths }, [rate, event], sweep, "any");
  t.deepEqual(
    charts.map(({ id }) => id),
    ["bench-growth-connections", "bench-growth-scale_event"],
  );
  const { config } = charts[0] ?? {};
  t.deepEqual(
    config?.data.datasets.map(({ label }) => label.replace(/n\^.*/, "n^")),
    ["linear, cost as n^", "linear, fit", "flat"],
  );
  const scales = config?.options.scales as Record<string, { type: string }>;
  t.deepEqual([scales.x?.type, scales.y?.type], ["logarithmic", "logarithmic"]);
  const annotation = config?.options.plugins.annotation as { annotations: Record<string, unknown> } | undefined;
  t.is(Object.keys(annotation?.annotations ?? {}).length, 8);
});
