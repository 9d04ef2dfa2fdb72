// SPDX-License-Identifier: Apache-2.0
import path from "node:path";
import type { Environment } from "../bench/figure.ts";
import { growthsOf } from "../bench/growth.ts";
import { benchHarness, HARNESS_PARTS } from "../bench/lab-cost.ts";
import { PROBES } from "../bench/metrics/index.ts";
import { type Bench, meaning, tablesOf, writeBench } from "../bench/report.ts";
import { figuresOf } from "../bench/result.ts";
import { type Contender, runRounds, type Setting } from "../bench/rounds.ts";
import { outOfSweep, SWEPT, settingsOf } from "../bench/sweep.ts";
import { tapped } from "../bench/tapped.ts";
import type { Context } from "../cli/command.ts";
import type { BenchArgs } from "../commands/bench.ts";
import { describeHost } from "../host/describe.ts";
import { parseBackendOptions } from "../plan/backend-options.ts";
import { type Catalog, findNamed } from "../plan/catalog.ts";
import { invalid, oneOf } from "../plan/invalid.ts";
import { milliseconds } from "../report/format.ts";
import { printedColumns, tableLines } from "../report/terminal-table.ts";
import { makeRunDir } from "../run/planned-case.ts";
import { oneRuntime } from "../run/runtimes.ts";
import { nodeText, type Runtime } from "../runtime/runtime.ts";
import { planTopology } from "../topology/topology.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { count } from "../util/numbers.ts";
import { wordsFor } from "./compare.ts";

const METRICS = PROBES.flatMap(({ metrics }) => metrics);

/** What is looked at in a sweep, unless something else is asked for. */
const SWEEP_METRICS = ["connections", "connect_p50", "connect_p99", "connect_cpu", "deploy", "scale_event"];
const TARGETS = 4;
/** The fewest that give an interval. */
const REPEATS = 6;
const HARNESS_REPEATS = 5;

/** What each backend carries and costs, beside plain forwarding. Exit code 4 when there is a backend without any figure. */
export async function bench(args: BenchArgs, { catalog, signal, commandLine }: Context): Promise<number> {
  const named = oneRuntime(catalog, { runtime: args.runtime, image: [], capability: [], place: args.place });
  // Figures of speed are this machine's: a guest that counts its own instructions has none.
  const runtime = "time" in named.options.shape ? named.configured({ time: "real" }) : named;
  if (args.name.includes("harness")) return benchTheLab(runtime, args, signal);
  const { sweep: words = null } = args;
  const asked = askedMetrics(args);
  const size = { given: args.targets, usual: TARGETS };
  const { settings, targets } = words ? settingsOf(words, size) : still(args.targets ?? TARGETS);
  const { contenders, skipped } = await findContenders(args, catalog, runtime, settings);
  for (const why of skipped) process.stderr.write(`SKIP ${why}\n`);
  if (contenders.length === 0) return EXIT.skipped;
  const environment = await environmentOf(args, runtime, targets);
  const metrics = METRICS.filter(({ name }) => asked.includes(name));
  const plan = {
    contenders,
    runtime,
    metrics: metrics.flatMap(({ name, beyondDirect }) => [name, ...(beyondDirect ? [beyondDirect] : [])]),
    settings,
    family: environment.family,
    repeats: args.repeat ?? REPEATS,
    seconds: args.seconds,
    seed: args.seed,
  };
  const rounds = await runRounds(plan, signal, (text) => process.stderr.write(`${text}\n`));
  const result: Bench = {
    metrics,
    figures: figuresOf(rounds.measurements, metrics, environment, { parameter: words?.parameter, fair: rounds.fair }),
    growths: words ? growthsOf(rounds.measurements, metrics) : [],
    sweep: words && { ...words, noun: SWEPT[words.parameter]?.noun ?? words.parameter },
    services: contenders.flatMap(({ backend: { name, service } }) => (service ? [{ name, service }] : [])),
    latency: rounds.latency,
    skipped,
    failures: rounds.failures,
    environment,
    commandLine,
  };
  await writeAndPrint(result, args);
  const without = contenders.filter(({ backend }) => !result.figures.some((f) => f.backend === backend.name));
  return without.length > 0 ? EXIT.insufficient : EXIT.passed;
}

function askedMetrics({ metrics, sweep }: BenchArgs): readonly string[] {
  const all = METRICS.map(({ name }) => name);
  return namesOf(metrics, all) ?? (sweep ? SWEEP_METRICS : all);
}

/** Backends that can run here, and why the others cannot; none where the runtime itself cannot. */
async function findContenders(
  args: BenchArgs,
  catalog: Catalog,
  runtime: Runtime,
  settings: readonly Setting[],
): Promise<{ contenders: Contender[]; skipped: string[] }> {
  const all = catalog.backends.map(({ name }) => name);
  const named = args.name.length === 0 || args.name.includes("all") ? all : [...new Set(args.name)];
  const chosen = named.map((name) => {
    const backend = findNamed("backend", [...catalog.backends, ...tapped], name);
    const options = parseBackendOptions(backend, wordsFor(name, named, args.set));
    for (const setting of settings) backend.effectiveOptions(options, setting.targets);
    return { name, backend, options };
  });
  const gaps = await runtime.missing();
  const skipped = [...gaps];
  const contenders: Contender[] = [];
  for (const { name, backend, options } of chosen) {
    const missing = gaps.length > 0 ? [] : (await backend.missing(runtime, options)).map((why) => `${name}: ${why}`);
    const without = outOfSweep(backend, settings);
    if (without) missing.push(without);
    skipped.push(...missing);
    if (missing.length === 0) contenders.push({ backend, options });
  }
  return { contenders: gaps.length > 0 ? [] : contenders, skipped };
}

async function environmentOf(args: BenchArgs, runtime: Runtime, targets: number | null): Promise<Environment> {
  const { host } = await describeHost();
  const nodes = await runtime.nodes?.(planTopology({ targets: targets ?? TARGETS, routers: 1 }));
  return {
    runtime: runtime.name,
    links: "veth",
    kernel: host.kernel,
    cpus: host.cpus,
    cpuModel: host.cpuModel,
    ...(nodes ? { nodes: nodes.map(nodeText) } : {}),
    family: args.family === "4" ? 4 : 6,
    targets,
    secondsEach: args.seconds,
  };
}

async function writeAndPrint(result: Bench, { out, seed, json }: BenchArgs): Promise<void> {
  const { dir } = makeRunDir(path.resolve(out), "bench", seed);
  await writeBench(result, dir);
  if (json) {
    process.stdout.write(`${JSON.stringify(result.figures)}\n`);
    return;
  }
  const tables = tablesOf(result).flatMap(({ heading, table }) => [
    heading,
    ...tableLines(table, printedColumns()),
    "",
  ]);
  const lines = [...tables, ...meaning(result), `Report: ${path.join(dir, "bench.html")}`];
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** A bench without a sweep. */
function still(targets: number): { settings: Setting[]; targets: number } {
  return { settings: [{ value: null, targets, held: 0, services: 0 }], targets };
}

async function benchTheLab(
  runtime: Runtime,
  { name, targets, repeat, metrics, sweep, json }: BenchArgs,
  signal: AbortSignal,
): Promise<number> {
  if (name.length > 1) throw new UsageError("'bench harness' measures the lab itself: it takes no backends.");
  if (sweep) throw new UsageError("'bench harness' takes --targets, but not --sweep.");
  const parts = namesOf(metrics, HARNESS_PARTS) ?? HARNESS_PARTS;
  const gaps = await runtime.missing();
  for (const why of gaps) process.stderr.write(`SKIP ${why}\n`);
  if (gaps.length > 0) return EXIT.skipped;
  const { figures, skipped } = await benchHarness({
    runtime,
    parts,
    sizes: targets === undefined ? runtime.traits.benchSizes : [targets],
    rounds: repeat ?? HARNESS_REPEATS,
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
  process.stdout.write(json ? `${JSON.stringify(figures)}\n` : `${tableLines(table, printedColumns()).join("\n")}\n`);
  return EXIT.passed;
}

/** undefined: all. Throws UsageError for a name that is none of these. */
function namesOf<Name extends string>(asked: readonly string[] | undefined, names: readonly Name[]) {
  const wrong = asked?.find((name) => !names.some((known) => known === name));
  if (wrong !== undefined) throw new UsageError(invalid(wrong, "--metrics", `expected ${oneOf(names)}, or several`));
  return asked && names.filter((name) => asked.includes(name));
}
