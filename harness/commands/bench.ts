import path from "node:path";
import { z } from "zod";
import { UsageError } from "../backend.ts";
import { benchHarness } from "../bench/harness.ts";
import { PROBES } from "../bench/metrics.ts";
import { benchTable, meaning, writeBench } from "../bench/report.ts";
import { type Environment, figuresOf } from "../bench/result.ts";
import { runRounds } from "../bench/rounds.ts";
import { type Catalog, findNamed } from "../catalog.ts";
import { EXIT } from "../exit-codes.ts";
import { describeHost } from "../host.ts";
import { parseBackendOptions, parseOptions, runOptions } from "../options.ts";
import { milliseconds } from "../report/format.ts";
import { tableLines } from "../report/terminal.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { wordsFor } from "./compare.ts";
import { makeRunDir } from "./test.ts";

export interface BenchOptions {
  backends: readonly string[];
  runtime: string;
  set: readonly string[];
  out: string;
  json: boolean;
  /** Unchecked words. */
  given: Record<string, unknown>;
  commandLine: readonly string[];
}

const METRICS = PROBES.flatMap(({ metrics }) => metrics);

const benchOptions = z.strictObject({
  targets: runOptions.shape.targets.default(4),
  family: z.preprocess(String, z.enum(["4", "6"])).default("4"),
  repeat: z.coerce.number().int().min(1).max(100).default(6),
  seconds: z.coerce.number().min(0.5).max(60).default(2),
  seed: runOptions.shape.seed,
  metrics: z
    .string()
    .transform((words) => words.split(/[\s,]+/).filter((word) => word !== ""))
    .pipe(z.array(z.enum(METRICS.map(({ name }) => name))).min(1))
    .optional(),
});

/** What each backend carries and costs, beside plain forwarding. Exit code 4 when there is a backend without any figure. */
export async function benchCommand(catalog: Catalog, options: BenchOptions, signal: AbortSignal): Promise<number> {
  const parsed = parseOptions(benchOptions, options.given);
  const runtime = findNamed("runtime", catalog.runtimes, options.runtime);
  if (options.backends.includes("harness")) return benchTheLab(runtime, options, signal);
  const all = catalog.backends.map(({ name }) => name);
  const named =
    options.backends.length === 0 || options.backends.includes("all") ? all : [...new Set(options.backends)];
  const gaps = await runtime.missing();
  const skipped: string[] = [...gaps];
  const contenders = [];
  for (const name of named) {
    const backend = findNamed("backend", catalog.backends, name);
    const words = wordsFor(name, named, options.set);
    const own = parseBackendOptions(backend, words);
    backend.facts(own, parsed.targets);
    const missing = gaps.length > 0 ? [] : await backend.missing(runtime);
    skipped.push(...missing.map((why) => `${name}: ${why}`));
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
    targets: parsed.targets,
    secondsEach: parsed.seconds,
  };
  const metrics = METRICS.filter(({ name }) => parsed.metrics?.includes(name as never) ?? true);
  const plan = {
    contenders,
    runtime,
    metrics: metrics.map(({ name }) => name),
    targets: parsed.targets,
    family: environment.family,
    repeats: parsed.repeat,
    seconds: parsed.seconds,
    seed: parsed.seed,
  };
  const rounds = await runRounds(plan, signal, (text) => process.stderr.write(`${text}\n`));
  const bench = {
    figures: figuresOf(rounds.measurements, metrics, environment),
    failures: rounds.failures,
    environment,
    commandLine: options.commandLine,
  };
  const { dir } = makeRunDir(options.out, "bench", parsed.seed);
  await writeBench(bench, dir);
  if (options.json) process.stdout.write(`${JSON.stringify(bench.figures)}\n`);
  else
    process.stdout.write(
      `${[...tableLines(benchTable(bench), 200), "", ...meaning(bench)].join("\n")}\nReport: ${path.join(dir, "bench.html")}\n`,
    );
  const without = contenders.filter(({ backend }) => !bench.figures.some((f) => f.backend === backend.name));
  return without.length > 0 ? EXIT.insufficient : EXIT.passed;
}

/** Containers of a thousand targets would take the engine minutes. */
const SIZES: Record<string, readonly number[]> = { netns: [10, 100, 250, 1000] };

async function benchTheLab(runtime: Runtime, options: BenchOptions, signal: AbortSignal): Promise<number> {
  if (options.backends.length > 1)
    throw new UsageError("'bench harness' measures the lab itself: it takes no backends beside.");
  const gaps = await runtime.missing();
  for (const why of gaps) process.stderr.write(`SKIP ${why}\n`);
  if (gaps.length > 0) return EXIT.skipped;
  const note = (text: string) => process.stderr.write(`${text}\n`);
  const figures = await benchHarness(runtime, SIZES[runtime.name] ?? [10], signal, note);
  const table = {
    head: ["Targets", "", "Median", "Repeats"],
    rows: figures.map(({ targets, what, medianMs, repeats }) => [
      `${targets}`,
      what,
      milliseconds(medianMs),
      `${repeats}`,
    ]),
  };
  process.stdout.write(options.json ? `${JSON.stringify(figures)}\n` : `${tableLines(table, 120).join("\n")}\n`);
  return EXIT.passed;
}
