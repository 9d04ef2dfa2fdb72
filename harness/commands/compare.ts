import path from "node:path";
import { UsageError } from "../backend.ts";
import { allCases, type Catalog, findCases, findNamed } from "../catalog.ts";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { describeHost } from "../host.ts";
import { parseOptions, runOptions } from "../options.ts";
import { type Comparison, comparisonTable, reasons, writeComparison } from "../report/compare.ts";
import type { ReportData } from "../report/reporter.ts";
import { tableLines } from "../report/terminal.ts";
import type { Capacity, Prepared, Runtime } from "../runtime/runtime.ts";
import { chosenRuntimes, oneRuntime, prepareRuntime } from "./runtimes.ts";
import { makeRunDir, planCase, runOne, say, type TestOptions, withLoad } from "./test.ts";

export interface CompareOptions extends Omit<TestOptions, "cases" | "repeat" | "view" | "stop"> {
  backends: readonly string[];
  scenario: string;
}

/** The same scenario with the same connections for several backends. Returns the exit code: the worst of its runs. */
export async function compareCommand(catalog: Catalog, options: CompareOptions, signal: AbortSignal): Promise<number> {
  const runtime = oneRuntime(catalog, options);
  const scenario = findNamed("scenario", catalog.scenarios, options.scenario);
  const names = options.backends.includes("all") ? catalog.backends.map((b) => b.name) : [...new Set(options.backends)];
  if (names.length < 2) throw new UsageError("A comparison takes two backends or more, or 'all'.");
  const prepared = await prepareRuntime(runtime, signal, say);
  const parsed = withLoad(parseOptions(runOptions, options.given), options.given, prepared);
  const cases = allCases(catalog).filter((one) => one.scenario === scenario);
  const planned = names.map((name) => {
    const backend = findNamed("backend", catalog.backends, name);
    const found = cases.find((one) => one.backend === backend);
    if (!found) throw new UsageError(`There is no case for '${name}' in '${scenario.name}'.`);
    return planCase(found, parsed, { set: wordsFor(name, names, options.set) }, prepared?.capacity);
  });
  const { dir } = makeRunDir(options.out, `compare_${scenario.name}`, parsed.seed);
  const host = await describeHost();
  const runs: ReportData[] = [];
  for (const plan of planned) {
    const { data } = await runOne(
      plan,
      runtime,
      { out: dir, commandLine: options.commandLine, stop: true, prepared },
      host,
      signal,
    );
    runs.push(data);
    if (signal.aborted) return EXIT.interrupted;
  }
  return conclude({ scenario: scenario.name, runs, commandLine: options.commandLine }, dir, options.json);
}

/** One case under several kernels, with the same connections. Returns the exit code: the worst of its runs. */
export async function kernelsCommand(catalog: Catalog, options: TestOptions, signal: AbortSignal): Promise<number> {
  const [one, ...others] = findCases(catalog, options.cases);
  if (!one || others.length > 0 || !options.stop)
    throw new UsageError("Several kernels take one case, and neither --repeat nor --no-stop.");
  const parsed = parseOptions(runOptions, options.given);
  planCase(one, parsed, options);
  const kernels: { runtime: Runtime; prepared: Prepared | null }[] = [];
  for (const runtime of chosenRuntimes(catalog, options))
    kernels.push({ runtime, prepared: await prepareRuntime(runtime, signal, say) });
  // The weakest decides: all get the same connections.
  const capacity = slowest(kernels.flatMap(({ prepared }) => prepared?.capacity ?? []));
  const load = withLoad(parsed, options.given, capacity ? { kernel: "", capacity } : null);
  const { dir } = makeRunDir(options.out, `kernels_${one.name}`, parsed.seed);
  const host = await describeHost();
  const runs: ReportData[] = [];
  for (const { runtime, prepared } of kernels) {
    const settings = { out: dir, commandLine: options.commandLine, stop: true, prepared };
    runs.push((await runOne(planCase(one, load, options, capacity), runtime, settings, host, signal)).data);
    if (signal.aborted) return EXIT.interrupted;
  }
  return conclude({ scenario: one.scenario.name, runs, commandLine: options.commandLine }, dir, options.json);
}

function slowest(all: readonly Capacity[]): Capacity | undefined {
  return all.length === 0 ? undefined : { connectionsPerS: Math.min(...all.map((one) => one.connectionsPerS)) };
}

async function conclude(comparison: Comparison, dir: string, json: boolean): Promise<number> {
  const { runs } = comparison;
  await writeComparison(comparison, dir);
  if (json) process.stdout.write(`${JSON.stringify(runs.map((run) => run.summary))}\n`);
  else {
    const lines = [
      ...tableLines(comparisonTable(comparison), 200),
      "",
      ...reasons(comparison).map((text) => `- ${text}`),
    ];
    process.stdout.write(`${lines.join("\n")}\nReport: ${path.join(dir, "compare.html")}\n`);
  }
  return exitCodeOf(runs.map((run) => run.summary.verdict));
}

/** "backend.key=value" is for that backend only. */
function wordsFor(name: string, all: readonly string[], words: readonly string[]): string[] {
  const wrong = words.find((word) => !all.some((backend) => word.startsWith(`${backend}.`)));
  if (wrong !== undefined)
    throw new UsageError(`'--set ${wrong}' names no backend of the comparison: write ${all[0]}.key=value.`);
  return words.filter((word) => word.startsWith(`${name}.`)).map((word) => word.slice(name.length + 1));
}
