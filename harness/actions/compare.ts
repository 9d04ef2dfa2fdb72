// SPDX-License-Identifier: Apache-2.0
import path from "node:path";
import { expectedLoss } from "../analysis/theory.ts";
import type { Backend } from "../api/backend.ts";
import { type Chosen, chosenRuntimes, kernelWords, oneRuntime, Sessions } from "../commands/runtimes.ts";
import { describeHost } from "../host/describe.ts";
import { allCases, type Case, type Catalog, findCases, findNamed } from "../plan/catalog.ts";
import { parseOptions, type RunOptions, repeatedRunOptions, runOptions } from "../plan/options.ts";
import { parseSweep, type SweepWords } from "../plan/sweep.ts";
import { type Comparison, type Entry, remarks, shortTable } from "../report/comparison/comparison.ts";
import type { Sweep } from "../report/comparison/sweep.ts";
import { writeComparison } from "../report/comparison/write.ts";
import type { ReportData } from "../report/reporter.ts";
import { tableLines } from "../report/terminal.ts";
import {
  makeRunDir,
  type PlannedCase,
  planCase,
  reporterSentence,
  runOne,
  say,
  type TestOptions,
  withLoad,
} from "../run/planned-case.ts";
import { type Capacity, LabError, type Runtime, Unavailable } from "../runtime/runtime.ts";
import { sharingNothing } from "../runtime/single.ts";
import { flowSources } from "../traffic/traffic.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT, exitCodeOf } from "../util/exit-codes.ts";

export interface CompareOptions
  extends Pick<
    TestOptions,
    "set" | "runtime" | "kernel" | "images" | "capabilities" | "out" | "json" | "repeat" | "given" | "commandLine"
  > {
  backends: readonly string[];
  scenario: string;
  /** "targets=4,10,50": an option of the run, or of the backends. */
  sweep: string | undefined;
}

/**
 * The same scenario with the same connections for several backends, or for several values of an option. Repeats go round by round, so that what
 * disturbs the machine meets all alike. Returns the exit code: the worst of its runs.
 */
export async function compareCommand(catalog: Catalog, options: CompareOptions, signal: AbortSignal): Promise<number> {
  const runtime = oneRuntime(catalog, options);
  const scenario = findNamed("scenario", catalog.scenarios, options.scenario);
  const names = options.backends.includes("all") ? catalog.backends.map((b) => b.name) : [...new Set(options.backends)];
  const sweep = options.sweep === undefined ? null : parseSweep(options.sweep);
  if (names.length < 2 && !sweep)
    throw new UsageError("A comparison takes two backends or more, or 'all', or --sweep.");
  const { repeat: repeats, ...parsed } = parseOptions(repeatedRunOptions, { ...options.given, repeat: options.repeat });
  const cases = names.map((name) => {
    const backend = findNamed("backend", catalog.backends, name);
    const found = allCases(catalog).find((one) => one.backend === backend && one.scenario === scenario);
    if (!found) throw new UsageError(`There is no case for '${name}' in '${scenario.name}'.`);
    return found;
  });
  const planAll = (capacity?: Capacity) =>
    (sweep?.values ?? [null]).flatMap((value) =>
      cases.map((one) => {
        const words = wordsFor(one.backend.name, names, options.set);
        const load = withLoad(parsed, options.given, capacity);
        return { backend: one.backend, value, plan: planAt(one, load, words, sweep, value, capacity) };
      }),
    );
  // Everything that can be wrong with the words is found before anything is fetched or run.
  const most = Math.max(...planAll().map(({ plan }) => plan.load.connections));
  await using sessions = new Sessions(signal, say);
  const chosen = await sessions.of(runtime, most);
  const planned = planAll(chosen.session?.prepared.capacity);
  const sides = planned.map(({ backend, value, plan }): Side => {
    const label = value === null ? backend.name : `${backend.name} ${sweep?.parameter}=${value}`;
    return { label, value, plan, chosen };
  });
  const theory = sweep && theoryOf(sweep, planned);
  return await runSides(sides, repeats, { scenario: scenario.name, sweep: theory, name: "compare" }, options, signal);
}

/** One case under several kernels, with the same connections. Returns the exit code: the worst of its runs. */
export async function compareKernels(catalog: Catalog, options: TestOptions, signal: AbortSignal): Promise<number> {
  const [one, ...others] = findCases(catalog, options.cases);
  if (!one || others.length > 0) throw new UsageError("Several kernels take one case.");
  refuseSetOptions(options);
  const { repeat: repeats, ...parsed } = parseOptions(repeatedRunOptions, { ...options.given, repeat: options.repeat });
  const runtimes = chosenRuntimes(catalog, options);
  planCase(one, parsed, options);
  await using sessions = new Sessions(signal, say);
  const kernels: Chosen[] = [];
  for (const runtime of runtimes)
    kernels.push(
      await sessions.of(runtime, parsed.connections).catch((error: unknown) => unprepared(runtime, error, signal)),
    );
  // The weakest decides: all get the same connections.
  const capacity = slowest(kernels.flatMap(({ session }) => session?.prepared.capacity ?? []));
  const plan = planCase(one, withLoad(parsed, options.given, capacity), options, capacity);
  // What cannot be booted here has no version; it is told by the word that named it.
  const words = kernelWords(options.kernel).map((word) => (word === "host" ? null : word));
  const sides = kernels.map((chosen, i): Side => {
    return { label: chosen.session?.prepared.kernel ?? words[i] ?? null, value: null, plan, chosen };
  });
  return await runSides(sides, repeats, { scenario: one.scenario.name, sweep: null, name: "kernels" }, options, signal);
}

/** The others go on: a kernel that cannot be had is a skip with the reason, and one that does not come up is an error. */
function unprepared(runtime: Runtime, error: unknown, signal: AbortSignal): Chosen {
  if (!(error instanceof LabError) || signal.aborted) throw error;
  say(error.message);
  const clearOthers = async () => {};
  if (error instanceof Unavailable)
    return { runtime: { ...runtime, missing: async () => [error.message] }, session: null, clearOthers };
  return { runtime, session: sharingNothing(runtime, () => Promise.reject(error)), clearOthers };
}

/** Those of one run, or of a set of runs, mean nothing to a comparison. */
function refuseSetOptions(options: TestOptions): void {
  const { stop, view, shard, retries, live, reporters, failFast, resume } = options;
  const given = {
    "--no-stop": !stop,
    "--view": view,
    "--shard": shard !== undefined,
    "--retries": Number(retries ?? 0) !== 0,
    "--live": live !== undefined,
    "--reporter": reporters !== null,
    "--fail-fast": failFast,
    "--resume": resume,
  };
  const [name] = Object.entries(given).find(([, is]) => is) ?? [];
  if (name) throw new UsageError(`Several kernels are one comparison: '${name}' goes with one kernel.`);
}

function slowest(all: readonly Capacity[]): Capacity | undefined {
  return [...all].sort((a, b) => a.connectionsPerS - b.connectionsPerS)[0];
}

/** A row of the table; without a label this machine's kernel is it. */
interface Side {
  label: string | null;
  value: number | null;
  plan: PlannedCase;
  chosen: Chosen;
}

async function runSides(
  sides: readonly Side[],
  repeats: number,
  { scenario, sweep, name }: { scenario: string; sweep: Sweep | null; name: string },
  options: Pick<CompareOptions, "out" | "json" | "commandLine">,
  signal: AbortSignal,
): Promise<number> {
  const [{ plan: first }] = sides as [Side];
  const { dir } = makeRunDir(options.out, `${name}_${scenario}`, first.seed);
  const host = await describeHost();
  const runs: ReportData[][] = sides.map(() => []);
  const soFar = (): Comparison => ({
    scenario,
    entries: sides.map(({ label, value, plan }, i): Entry => {
      const backend = plan.case.backend.name;
      return { label: label ?? host.host.kernel, backend, value, runs: runs[i] ?? [] };
    }),
    sweep,
    commandLine: options.commandLine,
  });
  let unwritten = 0;
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [i, { plan, chosen }] of sides.entries()) {
      const seeded = { ...plan, seed: first.seed + repeat };
      const settings = { out: dir, commandLine: options.commandLine, stop: true };
      const { data, reporterFailures } = await runOne(seeded, chosen, settings, host, signal);
      runs[i]?.push(data);
      for (const failure of reporterFailures) say(reporterSentence(failure));
      unwritten += reporterFailures.length;
      if (signal.aborted) {
        await writeComparison(soFar(), dir);
        return EXIT.interrupted;
      }
    }
  }
  const comparison = soFar();
  await writeComparison(comparison, dir);
  const summaries = runs.flat().map((run) => run.summary);
  if (options.json) process.stdout.write(`${JSON.stringify(summaries)}\n`);
  else {
    const lines = [...tableLines(shortTable(comparison), 200), "", ...remarks(comparison).map((text) => `- ${text}`)];
    process.stdout.write(`${lines.join("\n")}\nReport: ${path.join(dir, "compare.html")}\n`);
  }
  if (unwritten > 0) return EXIT.infrastructure;
  return exitCodeOf(summaries.map(({ verdict }) => verdict));
}

/** The swept name is an option of the run, or else one of the backend. */
function planAt(
  one: Case,
  parsed: RunOptions,
  words: string[],
  sweep: SweepWords | null,
  value: number | null,
  capacity?: Capacity,
): PlannedCase {
  if (!sweep || value === null) return planCase(one, parsed, { set: words }, capacity);
  const { parameter } = sweep;
  if (!(parameter in runOptions.shape))
    return planCase(one, parsed, { set: [...words, `${parameter}=${value}`] }, capacity);
  return planCase(one, parseOptions(runOptions, { ...asGiven(parsed), [parameter]: value }), { set: words }, capacity);
}

/** What was left open stays open: other defaults follow from another value. */
function asGiven(parsed: RunOptions): Record<string, unknown> {
  return { ...parsed, scale: parsed.scale.join(" "), ...(parsed.at ? { at: parsed.at.join(" ") } : {}) };
}

function theoryOf(
  { parameter }: SweepWords,
  planned: readonly { backend: Backend; value: number | null; plan: PlannedCase }[],
): Sweep {
  const points = planned.flatMap(({ backend, value, plan }) =>
    value === null ? [] : [{ backend: backend.name, x: value, ...expectedOf(plan) }],
  );
  const names = [...new Set(points.map(({ backend }) => backend))];
  return {
    parameter,
    theory: names.map((backend) => ({
      backend,
      points: points.flatMap((point) => (point.backend === backend ? [{ x: point.x, share: point.share }] : [])),
    })),
    ideal: points.flatMap(({ backend, x, ideal }) => (backend === names[0] ? [{ x, share: ideal }] : [])),
  };
}

function expectedOf({ case: { backend }, backendOptions, options: { targets }, load, routers, plan }: PlannedCase) {
  const spec = backend.oracle(backendOptions, targets, load.protocol);
  return expectedLoss(spec, { targets, routers, ...plan }, flowSources(load));
}

/** "backend.key=value" is for that backend only. */
export function wordsFor(name: string, all: readonly string[], words: readonly string[]): string[] {
  const wrong = words.find((word) => !all.some((backend) => word.startsWith(`${backend}.`)));
  if (wrong !== undefined)
    throw new UsageError(`'--set ${wrong}' names no backend of the comparison: write ${all[0]}.key=value.`);
  return words.filter((word) => word.startsWith(`${name}.`)).map((word) => word.slice(name.length + 1));
}
