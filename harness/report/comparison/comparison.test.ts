// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { sweepChart } from "../charts/sweep.ts";
import { violationsChart } from "../charts/violations.ts";
import { failedRun, hostileRun, scaleRun } from "../fixture.ts";
import type { ReportData } from "../reporter.ts";
import type { Table } from "../table.ts";
import { type Comparison, calmRuns, type Entry, pooledEvents, remarks, worst } from "./comparison.ts";
import { lossBars } from "./loss-bars.ts";
import { costTable, lossTable } from "./tables.ts";
import { writeComparison } from "./write.ts";

const disturbed = (data: ReportData): ReportData => ({
  ...data,
  summary: {
    ...data.summary,
    latencyMs: { p50: 99, p99: 99, p999: 99, max: 99 },
    machine: { ...data.summary.machine, note: "Disturbed." },
  },
});
const entry = (backend: string, runs: ReportData[], value: number | null = null): Entry => ({
  label: backend,
  backend,
  value,
  runs,
});
const comparison = (entries: Entry[]): Comparison => ({
  scenario: "scale",
  entries,
  sweep: null,
  commandLine: ["compare"],
});

test("repeats are added up, and their interval is narrower than one's", (t) => {
  const [one] = pooledEvents(entry("a", [scaleRun()]));
  const [two] = pooledEvents(entry("a", [scaleRun(), scaleRun()]));
  t.is(two?.lost, 2 * (one?.lost ?? 0));
  t.is(two?.predicted, 2 * (one?.predicted ?? 0));
  t.is(two?.byCause.timeout, 2 * (one?.byCause.timeout ?? 0));
});

test("bars are stacked by root cause; what an older summary does not explain is unknown", (t) => {
  const { summary, ...rest } = scaleRun();
  const events = summary.events.map((event) => ({ ...event, causes: undefined }));
  const old = { ...rest, summary: { ...summary, events } } as unknown as ReportData;
  const chart = lossBars(comparison([entry("new", [scaleRun()]), entry("old", [old])]));
  const first = (name: string, label: string) =>
    chart.config.data.datasets
      .find((dataset) => dataset.label === name)
      ?.data.map((point) => point as { x: number | null; y: string })
      .find(({ y }) => y === label)?.x;
  const [event] = summary.events;
  t.is(first("target gone", "new"), (100 * (event?.causes?.target_gone ?? 0)) / (event?.alive ?? 1));
  t.is(first("unknown", "new"), null);
  t.is(first("unknown", "old"), (100 * (event?.lost ?? 0)) / (event?.alive ?? 1));
});

test("a run during which others used the machine is left out of the times, with a sentence, and kept in the losses", (t) => {
  const both = comparison([entry("a", [scaleRun(), disturbed(scaleRun())])]);
  const cell = ({ head, rows }: Table, name: string) => rows[0]?.[head.indexOf(name)];
  t.is(cell(costTable(both), "Latency 50 %"), "0.204 ms");
  t.is(cell(lossTable(both), "Lost"), "4,426");
  t.regex(remarks(both).join(), /in 1 of 2 runs; times and CPU are from the others/);
  const all = comparison([entry("a", [disturbed(scaleRun())])]);
  t.is(calmRuns(all.entries[0] as Entry).length, 1);
  t.regex(remarks(all).join(), /in each run, so times and CPU are unreliable/);
  const alike = [entry("a", [disturbed(scaleRun())]), entry("b", [disturbed(scaleRun())])];
  t.deepEqual(remarks(comparison(alike)), [remarks(all)[0]?.replace("a:", "all:")]);
  const one = remarks(comparison([...alike, entry("c", [scaleRun()])]));
  t.regex(one.join(), /^a, b: other/);
});

test("the worst verdict stands for the repeats, and how many passed", (t) => {
  t.is(worst(["pass", "fail", "insufficient"]), "fail");
  t.is(worst(["pass", "skip"]), "skip");
  t.is(costTable(comparison([entry("a", [scaleRun(), failedRun()])])).rows[0]?.[1], "FAIL 1/2");
});

test("one backend under several kernels has a row for each, told by the kernel", (t) => {
  const entries = ["5.10.0", "6.12.1"].map((label) => ({ ...entry("a", [scaleRun()]), label }));
  const { head, rows } = costTable(comparison(entries));
  t.is(head[0], "Kernel");
  t.deepEqual(
    rows.map(([first]) => first),
    ["5.10.0", "6.12.1"],
  );
});

test("a sweep's graph holds measured points with intervals, theory and ideal", (t) => {
  const sweep = {
    parameter: "targets",
    theory: [
      {
        backend: "a",
        points: [
          { x: 10, share: 0.22 },
          { x: 250, share: 0.01 },
        ],
      },
    ],
    ideal: [
      { x: 10, share: 0.2 },
      { x: 250, share: 0.008 },
    ],
  };
  const { config } = sweepChart(
    { ...comparison([entry("a", [scaleRun()], 10), entry("a", [scaleRun()], 250)]), sweep },
    sweep,
  );
  t.deepEqual(
    config.data.datasets.map(({ label }) => label),
    ["a, measured", "a, 95 % interval", "a, theory (dashed)", "ideal (dotted)"],
  );
  t.true(Math.abs(Number(config.data.datasets[0]?.data[0]?.y) - 22.13) < 0.01);
  t.deepEqual(config.options.scales, {
    ...(config.options.scales as object),
    x: { ...(config.options.scales as { x: object }).x, type: "logarithmic" },
  });
});

test("broken connections a minute against a sweep's parameter: all repeats together; without a change there is no graph", (t) => {
  const sweep = { parameter: "changesPerMinute", theory: [], ideal: [] };
  const run = (violations: number) => {
    const data = scaleRun();
    const consistency = { changes: 2, minutes: 0.5, violations, perMinute: 2 * violations } as const;
    const shares = { perChange: violations / 2, ofConnections: 0, ofRequests: 0, unfairness: null };
    return { ...data, summary: { ...data.summary, consistency: { ...consistency, ...shares } } };
  };
  const entries = [entry("a", [run(10), run(20)], 1), entry("a", [run(90)], 40), entry("b", [run(0)], 1)];
  const chart = violationsChart({ ...comparison(entries), sweep }, sweep);
  t.deepEqual(
    chart?.config.data.datasets.map(({ label, data }) => [label, data]),
    [
      [
        "a",
        [
          { x: 1, y: 30 },
          { x: 40, y: 180 },
        ],
      ],
      ["b", [{ x: 1, y: 0 }]],
    ],
  );
  t.like(chart?.config.options.scales, { y: { min: 0 } });
  const still = { ...comparison([entry("a", [failedRun()], 1)]), sweep };
  t.is(violationsChart(still, sweep), null);
  // Over decades: a logarithmic axis, at whose lower end those are that broke none.
  const wide = [entry("a", [run(1)], 1), entry("a", [run(5000)], 40), entry("b", [run(0)], 1)];
  const { config, reading } = violationsChart({ ...comparison(wide), sweep }, sweep) ?? {};
  t.like(config?.options, { scales: { y: { type: "logarithmic", min: 0.4 } }, plugins: { marks: { zeroAt: 0.4 } } });
  t.deepEqual(
    config?.data.datasets.map(({ data }) => data.map(({ y }) => y)),
    [[2, 10_000], [0.4]],
  );
  t.regex(reading ?? "", /lowest line, which is 0/);
});

test("the page has a tab for each run, and hostile text stays text", async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-compare-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  await writeComparison(comparison([entry("a", [scaleRun(), failedRun()]), entry("<b>", [hostileRun()])]), dir);
  const page = readFileSync(path.join(dir, "compare.html"), "utf8").replace(/<(script|style)[^>]*>.*?<\/\1>/gs, "");
  t.is(page.match(/<button type="button" role="tab"/g)?.length, 3);
  t.is(page.match(/<div role="tabpanel"/g)?.length, 3);
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  t.deepEqual(ids, [...new Set(ids)], "no id twice");
  t.false(page.includes("<b>"));
  t.regex(readFileSync(path.join(dir, "compare.md"), "utf8"), /!\[Connections lost at each event\]\(compare\.png\)/);
});
