// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { connectRun, erroredRun, failedRun, scaleRun } from "../fixture.ts";
import type { ReportData } from "../reporter.ts";
import { type Chart, type JsonObject, MAX_POINTS } from "./chart.ts";
import { allCharts } from "./index.ts";

const RUNS: Record<string, ReportData> = {
  scale: scaleRun(),
  large: scaleRun({ targets: 250, leaving: 25, connections: 100_000 }),
  connect: connectRun(),
  failed: failedRun(),
  dataless: erroredRun(),
};

function chart(data: ReportData, id: string): Chart {
  const found = allCharts(data).find((candidate) => candidate.id === id);
  if (found === undefined) throw new Error(`There is no chart "${id}".`);
  return found;
}

function labels(data: ReportData, id: string): string[] {
  return chart(data, id).config.data.datasets.map(({ label }) => label);
}

function points(data: ReportData, id: string, label: string) {
  return chart(data, id).config.data.datasets.find((dataset) => dataset.label === label)?.data ?? [];
}

function option(config: Chart["config"], ...path: string[]): unknown {
  return path.reduce<unknown>((value, key) => (value as JsonObject | undefined)?.[key], config.options);
}

for (const [name, data] of Object.entries(RUNS)) {
  test(`definitions of a ${name} run survive JSON unchanged`, (t) => {
    for (const { config } of allCharts(data)) t.deepEqual(JSON.parse(JSON.stringify(config)), config);
  });

  test(`charts of a ${name} run have titles with the parameters, axis titles and a caption of one paragraph`, (t) => {
    for (const { id, title, caption, config } of allCharts(data)) {
      t.regex(
        title,
        new RegExp(`${data.summary.case}: [\\d,]+ TCP connections over IPv4, \\d+ targets, 1 router, seed 1`),
        id,
      );
      t.regex(caption, /^[^\n]+\.$/, id);
      t.truthy(option(config, "scales", "x", "title", "text"), id);
      t.truthy(option(config, "scales", "y", "title", "text"), id);
    }
  });
}

test("axes of time and latency name their units", (t) => {
  const { config } = chart(scaleRun(), "latency");
  t.is(option(config, "scales", "x", "title", "text"), "Time since the start of the traffic (s)");
  t.is(option(config, "scales", "y", "title", "text"), "Round trip (ms, logarithmic)");
});

test("the caption of the loss says what left, what was lost, what was predicted and what is ideal", (t) => {
  const { caption } = chart(scaleRun(), "loss");
  t.true(
    caption.startsWith(
      "2 of 10 targets left at 5 s: 2,213 of 10,000 connections were lost (22.1 %), 2,213 predicted, ideal 2,000; 2 of 10 targets returned at 15 s: ",
    ),
    caption,
  );
  t.regex(caption, /outside the events none were lost\. The 95 % intervals are 21\.3 to 22\.9 %, then /);
});

test("each event is a labelled vertical line at its second", (t) => {
  for (const id of ["loss", "connections", "latency"]) {
    const { config } = chart(scaleRun(), id);
    for (const [name, s, text] of [
      ["event0", 5.011, "vm-001 vm-002 leave"],
      ["event1", 15.011, "vm-001 vm-002 return"],
    ] as const) {
      t.is(option(config, "plugins", "annotation", "annotations", name, "xMin"), s);
      t.is(option(config, "plugins", "annotation", "annotations", name, "xMax"), s);
      t.is(option(config, "plugins", "annotation", "annotations", name, "label", "content"), text);
    }
  }
});

test("theory lines step up at each event to the total so far", (t) => {
  t.deepEqual(
    points(scaleRun(), "loss", "predicted in total (wide)").map(({ y }) => y),
    [0, 2213, 4401, 4401],
  );
  t.deepEqual(
    points(scaleRun(), "loss", "ideal in total (dotted)").map(({ x, y }) => [x, y]),
    [
      [0, 0],
      [5.011, 2000],
      [15.011, 4000],
      [20, 4000],
    ],
  );
});

test("a strategy without a prediction has no predicted line", (t) => {
  const data = scaleRun();
  const events = data.series.events.map((event) => ({ ...event, predicted: null }));
  t.false(
    labels({ ...data, series: { ...data.series, events } }, "loss").some((label) => label.startsWith("predicted")),
  );
});

test("the interval of the first event is drawn as stated, later ones widen by the root of the sum of squares", (t) => {
  const data = scaleRun();
  const [first, second] = data.series.events;
  const band = points(data, "loss", "95 % interval").map(({ y }) => Number(y ?? Number.NaN));
  if (first === undefined || second === undefined) return t.fail();
  t.true(Math.abs((band[0] ?? 0) - first.interval[0]) < 1e-6);
  t.true(Math.abs((band.at(-1) ?? 0) - first.interval[1]) < 1e-6);
  const total = first.lost + second.lost;
  const above = Math.hypot(first.interval[1] - first.lost, second.interval[1] - second.lost);
  t.true(Math.abs((band[4] ?? 0) - (total + above)) < 1e-6);
});

test("bars name the causes that occur, and the total is the sum over all seconds", (t) => {
  t.deepEqual(labels(failedRun(), "loss").slice(0, 3), [
    "moved by table, per second",
    "target gone, per second",
    "target slow, per second",
  ]);
  t.is(points(scaleRun(), "loss", "lost in total").at(-1)?.y, 4401);
});

test("a second in which nothing was lost has no bar", (t) => {
  const bars = points(failedRun(), "loss", "target slow, per second");
  t.is(bars.length, 20);
  t.deepEqual(
    bars.filter(({ y }) => y !== null),
    [{ x: 9.5, y: 17 }],
  );
});

test("the layers of the stack add up to the connections alive, with a layer for those not yet answered", (t) => {
  const data = scaleRun();
  const samples = data.series.samples.map((sample) => ({ ...sample, alive: sample.alive + 7 }));
  const { datasets } = chart({ ...data, series: { ...data.series, samples } }, "connections").config.data;
  t.is(datasets.at(-1)?.label, "no answer yet");
  for (const i of [10, 52, 200]) {
    const sum = datasets.reduce((total, dataset) => total + Number(dataset.data[i]?.y ?? 0), 0);
    t.is(samples[i]?.alive, sum);
  }
});

test("up to 20 targets have a layer each, those that leave on top; more are put together", (t) => {
  t.deepEqual(labels(scaleRun(), "connections").slice(-3), ["vm-010", "vm-001", "vm-002"]);
  const large = scaleRun({ targets: 250, leaving: 25 });
  t.true(labels(large, "connections").length <= 10);
  t.is(labels(large, "connections").at(-1), "25 targets that leave");
  t.is(labels(large, "connections")[0], "vm-026 to vm-054");
});

test("long runs are thinned without hiding a dip or a peak", (t) => {
  const data = scaleRun({ durationS: 300, samplesPerS: 10 });
  const low = Math.min(...data.series.samples.filter(({ s }) => s > 2).map(({ alive }) => alive));
  const high = Math.max(...data.series.samples.map(({ latencyMs }) => latencyMs?.max ?? 0));
  const alive = chart(data, "connections").data.rows.map((row) => row[1]);
  t.true(alive.includes(low.toLocaleString("en-US")));
  t.is(Math.max(...points(data, "latency", "slowest").map(({ y }) => Number(y ?? 0))), high);
  for (const { config } of allCharts(data)) {
    for (const dataset of config.data.datasets) t.true(dataset.data.length <= MAX_POINTS + 1, dataset.label);
  }
});

test("a run of more seconds than points joins seconds and still counts every loss", (t) => {
  const data = scaleRun({ durationS: 1500, samplesPerS: 1 });
  t.is(points(data, "loss", "lost in total").at(-1)?.y, 4401);
  t.true(labels(data, "loss").includes("target gone, per 3 s"));
});

test("a run without round trips says so and draws no latency", (t) => {
  const { caption, config } = chart(connectRun(), "latency");
  t.is(caption, "No round trips were measured.");
  t.true(config.data.datasets.every(({ data }) => data.every(({ y }) => y === null)));
});

test("the axis ends with the traffic, and holds every line of theory", (t) => {
  const data = scaleRun();
  const [first, second] = data.series.events;
  if (first === undefined || second === undefined) return t.fail();
  const series = {
    ...data.series,
    events: [first, { ...second, ideal: 30_000, untilS: 20.2 }],
    lossPerSecond: [...data.series.lossPerSecond, { s: 20, byCause: {}, causes: {}, failedConnects: 0 }],
  };
  const { config } = chart({ ...data, series }, "loss");
  t.is(option(config, "scales", "x", "max"), 20);
  t.true(Number(option(config, "scales", "y", "suggestedMax")) > 32_000);
  t.is(option(chart(connectRun(), "loss").config, "scales", "x", "max"), 0.2);
});
