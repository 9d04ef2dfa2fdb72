import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { analyse } from "../analysis/analyse.ts";
import { type Balancer, UsageError } from "../backend.ts";
import { type Case, type Catalog, findCases } from "../catalog.ts";
import { nowNs } from "../clock.ts";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { describeHost, openInBrowser } from "../host.ts";
import { loadOf, parseBackendOptions, parseOptions, planRun, type RunOptions, repeatedRunOptions } from "../options.ts";
import { RecordWriter } from "../record/record.ts";
import { type RunInfo, SCHEMA, type Verdict } from "../record/schema.ts";
import { reporters } from "../report/index.ts";
import { type ReportData, type ReporterFailure, writeAll } from "../report/reporter.ts";
import { renderTerminal } from "../report/terminal.ts";
import { type RunResult, runCase } from "../run.ts";
import { type Capacity, type Lab, LabError, type Prepared, type Runtime } from "../runtime/runtime.ts";
import { keepLab } from "../session/keeper.ts";
import { planTopology } from "../topology/topology.ts";
import { makeProgress } from "./progress.ts";
import { fallbackRuntime, oneRuntime, prepareRuntime, type RuntimeWords } from "./runtimes.ts";

export interface TestOptions extends RuntimeWords {
  cases: readonly string[];
  set: readonly string[];
  out: string;
  view: boolean;
  json: boolean;
  /** false: the lab stays up after the traffic, for manual work. */
  stop: boolean;
  /** Unchecked, like `given`. */
  repeat: unknown;
  /** The words of the run's own options, unchecked. */
  given: Record<string, unknown>;
  commandLine: readonly string[];
}

/** Runs the cases one after the other and prints what came out. Returns the exit code. */
export async function testCommand(catalog: Catalog, options: TestOptions, signal: AbortSignal): Promise<number> {
  const cases = findCases(catalog, options.cases);
  const runtime = oneRuntime(catalog, options);
  const { repeat: repeats, ...parsed } = parseOptions(repeatedRunOptions, { ...options.given, repeat: options.repeat });
  if (!options.stop && cases.length * repeats > 1)
    throw new UsageError("--no-stop leaves one lab up: it takes one case, and no --repeat.");
  // Everything that can be wrong with the words is found before the first case runs.
  for (const one of cases) planCase(one, parsed, options);
  const verdicts: Verdict[] = [];
  const host = describeHost();
  for (const one of cases) {
    const used = await fallbackRuntime(catalog, options, runtime, one.backend, say);
    const prepared = await prepareRuntime(used, signal, say);
    const plan = planCase(one, withLoad(parsed, options.given, prepared), options, prepared?.capacity);
    for (let repeat = 0; repeat < repeats; repeat++) {
      const seeded = { ...plan, seed: parsed.seed + repeat };
      const result = await runOne(seeded, used, { ...options, prepared }, await host, signal);
      verdicts.push(result.data.summary.verdict);
      await show(result, options);
      if (signal.aborted) return EXIT.interrupted;
    }
  }
  return exitCodeOf(verdicts);
}

export const say = (text: string) => void process.stderr.write(`${text}\n`);

/** An emulated machine carries less than this one: then fewer connections, unless their number was said. */
export function withLoad(options: RunOptions, given: Record<string, unknown>, prepared: Prepared | null): RunOptions {
  if (!prepared?.capacity || given.connections !== undefined) return options;
  return { ...options, connections: loadOf(prepared.capacity).connections };
}

export interface PlannedCase extends ReturnType<typeof planRun> {
  case: Case;
  seed: number;
  options: RunOptions;
  backendOptions: Record<string, unknown>;
}

export function planCase(
  one: Case,
  options: RunOptions,
  { set }: Pick<TestOptions, "set">,
  capacity?: Capacity,
): PlannedCase {
  const backendOptions = parseBackendOptions(one.backend, set);
  one.backend.facts(backendOptions, options.targets);
  return { ...planRun(one.scenario, options, capacity), case: one, seed: options.seed, options, backendOptions };
}

export async function runOne(
  planned: PlannedCase,
  runtime: Runtime,
  options: Pick<TestOptions, "out" | "commandLine" | "stop"> & { prepared: Prepared | null },
  host: Awaited<ReturnType<typeof describeHost>>,
  signal: AbortSignal,
): Promise<RunResult> {
  const { backend, scenario, name } = planned.case;
  const { dir, id, startedAt } = makeRunDir(options.out, name, planned.seed);
  const topology = planTopology({ targets: planned.options.targets, routers: planned.routers });
  const info: RunInfo = {
    schema: SCHEMA,
    id,
    case: name,
    backend: backend.name,
    scenario: scenario.name,
    commandLine: [...options.commandLine],
    startedAt,
    ...host,
    runtime: runtime.name,
    ...(options.prepared ? { kernel: options.prepared.kernel } : {}),
    ...(options.prepared?.capacity ? { calibrated: options.prepared.capacity } : {}),
    targets: topology.targets.map((t) => t.name),
    routers: topology.routers.map((r) => r.name),
    family: planned.options.family,
    protocol: planned.options.protocol,
    seed: planned.seed,
    options: {
      ...planned.options,
      routers: planned.routers,
      rate: planned.load.rate,
      duration: planned.plan.durationS,
    },
    backendOptions: planned.backendOptions,
  };
  const missing = [...(await runtime.missing()), ...(await backend.missing(runtime, planned.backendOptions))];
  if (missing.length > 0) return skip(dir, info, missing);
  const progress = makeProgress(info, planned.plan);
  try {
    return await runCase({
      dir,
      info,
      backend,
      backendOptions: planned.backendOptions,
      runtime,
      plan: planned.plan,
      trouble: planned.trouble,
      load: { ...planned.load, seed: planned.seed },
      reporters: Object.values(reporters).filter((r) => r.name !== "terminal"),
      signal,
      progress,
      ...(options.stop ? {} : { hold: holdLab(backend.name, signal) }),
    });
  } finally {
    progress.end();
  }
}

function holdLab(backend: string, signal: AbortSignal) {
  return (lab: Lab, balancer: Balancer) =>
    keepLab({ lab, balancer, backend }, signal, () => {
      process.stderr.write(
        "The lab stays up: './load-balancer.ts status', 'exec', 'shell', 'scale'; 'stop' ends it and makes the report.\n",
      );
    });
}

/** A result that cannot be had is a skip with its reasons, and a report like any other. */
async function skip(dir: string, info: RunInfo, reasons: string[]): Promise<RunResult> {
  const record = new RecordWriter(dir);
  record.add({ kind: "skip", t: nowNs(), reasons });
  const data: ReportData = {
    run: info,
    ...analyse(info, { events: [{ kind: "skip", t: 0, reasons }], connections: [] }),
  };
  record.file("run.json", `${JSON.stringify(info, null, 2)}\n`);
  record.file("summary.json", `${JSON.stringify(data.summary, null, 2)}\n`);
  record.close();
  const { markdown, junit, ctrf } = reporters;
  const reporterFailures = await writeAll(
    data,
    dir,
    [markdown, junit, ctrf].flatMap((r) => r ?? []),
  );
  return { dir, data, reporterFailures };
}

/** `<UTC time>-<case>-<seed>`, with a number behind it when two runs begin in the same second. */
export function makeRunDir(out: string, name: string, seed: number): { dir: string; id: string; startedAt: string } {
  const startedAt = new Date().toISOString();
  const base = `${startedAt.slice(0, 19).replace(/[-:]/g, "")}Z-${name}-${seed}`;
  try {
    makeDirs(out);
    accessSync(out, constants.W_OK);
    for (let n = 1; ; n++) {
      const id = n === 1 ? base : `${base}-${n}`;
      try {
        mkdirSync(path.join(out, id));
        return { dir: path.join(out, id), id, startedAt };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
    }
  } catch (cause) {
    throw new LabError(`Cannot write results to '${out}': ${(cause as Error).message}. Try another --out.`, { cause });
  }
}

/** Not mkdir's own `recursive`: on Node 20 that never returns below /proc. */
function makeDirs(dir: string): void {
  if (existsSync(dir)) return;
  makeDirs(path.dirname(dir));
  mkdirSync(dir);
}

async function show({ dir, data, reporterFailures }: RunResult, options: TestOptions): Promise<void> {
  if (options.json) process.stdout.write(`${JSON.stringify(data.summary)}\n`);
  else {
    const color = process.stdout.isTTY === true && !process.env.NO_COLOR;
    process.stdout.write(`${renderTerminal(data, { color, columns: Math.min(120, process.stdout.columns ?? 80) })}\n`);
  }
  for (const failure of reporterFailures) process.stderr.write(`${reporterSentence(failure)}\n`);
  const report = path.join(dir, "report.html");
  if (options.view && data.summary.verdict !== "skip") {
    const opened = await openInBrowser(report);
    if (!options.json) process.stdout.write(opened ? `Opened ${report}\n` : `Report: ${report}\n`);
  } else if (!options.json) process.stdout.write(`Run: ${dir}\n`);
}

function reporterSentence({ reporter, error }: ReporterFailure): string {
  return `Cannot write the ${reporter} report: ${(error as Error).message}`;
}
