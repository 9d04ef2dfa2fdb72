// SPDX-License-Identifier: Apache-2.0
import path from "node:path";
import { z } from "zod";
import type { Environment } from "../bench/figure.ts";
import { growthsOf } from "../bench/growth.ts";
import { benchHarness, HARNESS_PARTS } from "../bench/lab-cost.ts";
import { PROBES } from "../bench/metrics/index.ts";
import { type Bench, meaning, tablesOf, writeBench } from "../bench/report.ts";
import { figuresOf } from "../bench/result.ts";
import { runRounds, type Setting } from "../bench/rounds.ts";
import { outOfSweep, SWEPT, settingsOf } from "../bench/sweep.ts";
import { describeHost } from "../host/describe.ts";
import { type Catalog, findNamed } from "../plan/catalog.ts";
import { parseBackendOptions, parseOptions, runOptions } from "../plan/options.ts";
import { parseSweep } from "../plan/sweep.ts";
import { count, milliseconds } from "../report/format.ts";
import { tableLines } from "../report/terminal.ts";
import { makeRunDir } from "../run/planned-case.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { wordsFor } from "./compare.ts";

export interface BenchOptions {
  backends: readonly string[];
  runtime: string;
  set: readonly string[];
  out: string;
  json: boolean;
  /** "targets=10,100,1000" */
  sweep: string | undefined;
  /** Unchecked words. */
  given: Record<string, unknown>;
  commandLine: readonly string[];
}

const METRICS = PROBES.flatMap(({ metrics }) => metrics);

/** What is looked at in a sweep, unless something else is asked for. */
const SWEEP_METRICS = ["connections", "connect_p50", "connect_p99", "connect_cpu", "deploy", "scale_event"];
const TARGETS = 4;

const benchOptions = z.strictObject({
  targets: runOptions.shape.targets.unwrap().optional(),
  family: z.preprocess(String, z.enum(["4", "6"])).default("4"),
  repeat: z.coerce.number().int().min(1).max(100).default(6),
  seconds: z.coerce.number().min(0.5).max(60).default(2),
  seed: runOptions.shape.seed,
  metrics: namesOf(METRICS.map(({ name }) => name)).optional(),
});

/** What each backend carries and costs, beside plain forwarding. Exit code 4 when there is a backend without any figure. */
export async function benchCommand(catalog: Catalog, options: BenchOptions, signal: AbortSignal): Promise<number> {
  const runtime = findNamed("runtime", catalog.runtimes, options.runtime);
  if (options.backends.includes("harness")) return benchTheLab(runtime, options, signal);
  const parsed = parseOptions(benchOptions, options.given);
  const words = options.sweep === undefined ? null : parseSweep(options.sweep);
  const size = { given: parsed.targets, usual: TARGETS };
  const { settings, targets } = words ? settingsOf(words, size) : still(parsed.targets ?? TARGETS);
  const all = catalog.backends.map(({ name }) => name);
  const named =
    options.backends.length === 0 || options.backends.includes("all") ? all : [...new Set(options.backends)];
  const gaps = await runtime.missing();
  const skipped: string[] = [...gaps];
  const contenders = [];
  for (const name of named) {
    const backend = findNamed("backend", catalog.backends, name);
    const own = parseBackendOptions(backend, wordsFor(name, named, options.set));
    for (const setting of settings) backend.effectiveOptions(own, setting.targets);
    const missing = gaps.length > 0 ? [] : (await backend.missing(runtime, own)).map((why) => `${name}: ${why}`);
    const without = outOfSweep(backend, settings);
    if (without) missing.push(without);
    skipped.push(...missing);
    if (missing.length === 0) contenders.push({ backend, options: own });
  }
  for (const why of skipped) process.stderr.write(`SKIP ${why}\n`);
  if (gaps.length > 0 || contenders.length === 0) return EXIT.skipped;
  const { host } = await describeHost();
  const environment: Environment = {
    runtime: runtime.name,
    links: "veth",
    kernel: host.kernel,
    cpus: host.cpus,
    cpuModel: host.cpuModel,
    family: parsed.family === "4" ? 4 : 6,
    targets,
    secondsEach: parsed.seconds,
  };
  const asked = parsed.metrics ?? (words ? SWEEP_METRICS : METRICS.map(({ name }) => name));
  const metrics = METRICS.filter(({ name }) => asked.includes(name));
  const plan = {
    contenders,
    runtime,
    metrics: metrics.flatMap(({ name, beyondDirect }) => [name, ...(beyondDirect ? [beyondDirect] : [])]),
    settings,
    family: environment.family,
    repeats: parsed.repeat,
    seconds: parsed.seconds,
    seed: parsed.seed,
  };
  const rounds = await runRounds(plan, signal, (text) => process.stderr.write(`${text}\n`));
  const bench: Bench = {
    metrics,
    figures: figuresOf(rounds.measurements, metrics, environment, words?.parameter),
    growths: words ? growthsOf(rounds.measurements, metrics) : [],
    sweep: words && { ...words, noun: SWEPT[words.parameter]?.noun ?? words.parameter },
    services: contenders.flatMap(({ backend: { name, service } }) => (service ? [{ name, service }] : [])),
    latency: rounds.latency,
    skipped,
    failures: rounds.failures,
    environment,
    commandLine: options.commandLine,
  };
  const { dir } = makeRunDir(options.out, "bench", parsed.seed);
  await writeBench(bench, dir);
  if (options.json) process.stdout.write(`${JSON.stringify(bench.figures)}\n`);
  else
    process.stdout.write(
      `${[...tablesOf(bench).flatMap(({ heading, table }) => [heading, ...tableLines(table, 200), ""]), ...meaning(bench)].join("\n")}\nReport: ${path.join(dir, "bench.html")}\n`,
    );
  const without = contenders.filter(({ backend }) => !bench.figures.some((f) => f.backend === backend.name));
  return without.length > 0 ? EXIT.insufficient : EXIT.passed;
}

/** A bench without a sweep. */
function still(targets: number): { settings: Setting[]; targets: number } {
  return { settings: [{ value: null, targets, held: 0, services: 0 }], targets };
}

const harnessOptions = z.strictObject({
  targets: runOptions.shape.targets.unwrap().optional(),
  repeat: z.coerce.number().int().min(1).max(100).default(5),
  metrics: namesOf(HARNESS_PARTS).optional(),
});

async function benchTheLab(runtime: Runtime, options: BenchOptions, signal: AbortSignal): Promise<number> {
  if (options.backends.length > 1)
    throw new UsageError("'bench harness' measures the lab itself: it takes no backends beside.");
  if (options.sweep !== undefined) throw new UsageError("'bench harness' has nothing to sweep: it takes --targets.");
  const { targets, repeat, metrics } = parseOptions(harnessOptions, options.given);
  const gaps = await runtime.missing();
  for (const why of gaps) process.stderr.write(`SKIP ${why}\n`);
  if (gaps.length > 0) return EXIT.skipped;
  const { figures, skipped } = await benchHarness({
    runtime,
    parts: metrics ?? HARNESS_PARTS,
    sizes: targets === undefined ? runtime.traits.benchSizes : [targets],
    rounds: repeat,
    signal,
    note: (text) => process.stderr.write(`${text}\n`),
  });
  for (const why of skipped) process.stderr.write(`SKIP ${why}\n`);
  const table = {
    head: ["What", "Targets", "Connections", "Median", "Memory at most", "Repeats"],
    rows: figures.map(({ what, targets: of, connections, medianMs, peakMiB, repeats }) => [
      what,
      of === 0 ? "" : `${of}`,
      connections === undefined ? "" : count(connections),
      milliseconds(medianMs),
      peakMiB === undefined ? "" : `${count(peakMiB)} MiB`,
      `${repeats}`,
    ]),
  };
  process.stdout.write(options.json ? `${JSON.stringify(figures)}\n` : `${tableLines(table, 120).join("\n")}\n`);
  return EXIT.passed;
}

/** Some of these names, in one word or several. */
function namesOf<const Name extends string>(names: readonly Name[]) {
  return z
    .string()
    .transform((words) => words.split(/[\s,]+/).filter((word) => word !== ""))
    .pipe(z.array(z.enum(names)).min(1));
}
