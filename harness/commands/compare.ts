import path from "node:path";
import { UsageError } from "../backend.ts";
import { allCases, type Catalog, findNamed } from "../catalog.ts";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { describeHost } from "../host.ts";
import { parseOptions, runOptions, runtimeWithImages } from "../options.ts";
import { comparisonTable, reasons, writeComparison } from "../report/compare.ts";
import type { ReportData } from "../report/reporter.ts";
import { tableLines } from "../report/terminal.ts";
import { makeRunDir, planCase, runOne, type TestOptions } from "./test.ts";

export interface CompareOptions extends Omit<TestOptions, "cases" | "repeat" | "view" | "stop"> {
  backends: readonly string[];
  scenario: string;
}

/** The same scenario with the same connections for several backends. Returns the exit code: the worst of its runs. */
export async function compareCommand(catalog: Catalog, options: CompareOptions, signal: AbortSignal): Promise<number> {
  const runtime = runtimeWithImages(findNamed("runtime", catalog.runtimes, options.runtime), options.images);
  const scenario = findNamed("scenario", catalog.scenarios, options.scenario);
  const names = options.backends.includes("all") ? catalog.backends.map((b) => b.name) : [...new Set(options.backends)];
  if (names.length < 2) throw new UsageError("A comparison takes two backends or more, or 'all'.");
  const parsed = parseOptions(runOptions, options.given);
  const cases = allCases(catalog).filter((one) => one.scenario === scenario);
  const planned = names.map((name) => {
    const backend = findNamed("backend", catalog.backends, name);
    const found = cases.find((one) => one.backend === backend);
    if (!found) throw new UsageError(`There is no case for '${name}' in '${scenario.name}'.`);
    return planCase(found, parsed, { set: wordsFor(name, names, options.set) });
  });
  const { dir } = makeRunDir(options.out, `compare_${scenario.name}`, parsed.seed);
  const host = await describeHost();
  const runs: ReportData[] = [];
  for (const plan of planned) {
    const { data } = await runOne(
      plan,
      runtime,
      { out: dir, commandLine: options.commandLine, stop: true },
      host,
      signal,
    );
    runs.push(data);
    if (signal.aborted) return EXIT.interrupted;
  }
  const comparison = { scenario: scenario.name, runs, commandLine: options.commandLine };
  await writeComparison(comparison, dir);
  if (options.json) process.stdout.write(`${JSON.stringify(runs.map((run) => run.summary))}\n`);
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
export function wordsFor(name: string, all: readonly string[], words: readonly string[]): string[] {
  const wrong = words.find((word) => !all.some((backend) => word.startsWith(`${backend}.`)));
  if (wrong !== undefined)
    throw new UsageError(`'--set ${wrong}' names no backend of the comparison: write ${all[0]}.key=value.`);
  return words.filter((word) => word.startsWith(`${name}.`)).map((word) => word.slice(name.length + 1));
}
