import { writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { type Backend, UsageError } from "../backend.ts";
import { allCases, type Case, type Catalog, findNamed } from "../catalog.ts";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { describeHost } from "../host.ts";
import { parseOptions, type RunOptions, repeatedRunOptions, runOptions, runtimeWithImages } from "../options.ts";
import { expectedLoss } from "../oracle/theory.ts";
import { writeComparison } from "../report/compare.ts";
import { type Comparison, type Entry, remarks, type Sweep, shortTable } from "../report/comparison.ts";
import type { ReportData } from "../report/reporter.ts";
import { tableLines } from "../report/terminal.ts";
import { makeRunDir, type PlannedCase, planCase, runOne, type TestOptions } from "./test.ts";

export interface CompareOptions
  extends Pick<TestOptions, "set" | "runtime" | "images" | "out" | "json" | "repeat" | "given" | "commandLine"> {
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
  const runtime = runtimeWithImages(findNamed("runtime", catalog.runtimes, options.runtime), options.images);
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
  // Everything that can be wrong with the words is found before the first run.
  const planned = (sweep?.values ?? [null]).flatMap((value) =>
    cases.map((one) => {
      const words = wordsFor(one.backend.name, names, options.set);
      return { backend: one.backend, value, plan: planAt(one, parsed, words, sweep, value) };
    }),
  );
  const { dir } = makeRunDir(options.out, `compare_${scenario.name}`, parsed.seed);
  const host = await describeHost();
  const runs: ReportData[][] = planned.map(() => []);
  const theory = sweep && theoryOf(sweep, planned);
  const soFar = (): Comparison => ({
    scenario: scenario.name,
    entries: planned.map(
      ({ backend, value }, i): Entry => ({
        label: value === null ? backend.name : `${backend.name} ${sweep?.parameter}=${value}`,
        backend: backend.name,
        value,
        runs: runs[i] ?? [],
      }),
    ),
    sweep: theory,
    commandLine: options.commandLine,
  });
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [i, { plan }] of planned.entries()) {
      const seeded = { ...plan, seed: parsed.seed + repeat };
      const { data } = await runOne(
        seeded,
        runtime,
        { out: dir, commandLine: options.commandLine, stop: true },
        host,
        signal,
      );
      runs[i]?.push(data);
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
  if (theory) writeFileSync(path.join(dir, "theory.json"), `${JSON.stringify(theory, null, 2)}\n`);
  return exitCodeOf(summaries.map(({ verdict }) => verdict));
}

interface SweepWords {
  parameter: string;
  values: number[];
}

function parseSweep(text: string): SweepWords {
  const [, parameter = "", list = ""] = text.match(/^([\w.]+)=([\d.,\s]+)$/) ?? [];
  const values = z
    .array(z.coerce.number().positive())
    .min(2)
    .safeParse(list.split(/[,\s]+/).filter((word) => word !== ""));
  if (parameter === "" || !values.success)
    throw new UsageError(
      `'--sweep ${text}' does not fit: write a name and two numbers or more, as in targets=4,10,50.`,
    );
  return { parameter, values: [...new Set(values.data)].sort((a, b) => a - b) };
}

/** The swept name is an option of the run, or else one of the backend. */
function planAt(
  one: Case,
  parsed: RunOptions,
  words: string[],
  sweep: SweepWords | null,
  value: number | null,
): PlannedCase {
  if (!sweep || value === null) return planCase(one, parsed, { set: words });
  const { parameter } = sweep;
  if (!(parameter in runOptions.shape)) return planCase(one, parsed, { set: [...words, `${parameter}=${value}`] });
  return planCase(one, parseOptions(runOptions, { ...asGiven(parsed), [parameter]: value }), { set: words });
}

/** What was left open stays open: other defaults follow from another value. */
function asGiven(parsed: RunOptions): Record<string, unknown> {
  return { ...parsed, scale: parsed.scale.join(" "), ...(parsed.at ? { at: parsed.at.join(" ") } : {}) };
}

function theoryOf(
  { parameter }: SweepWords,
  planned: readonly { backend: Backend; value: number | null; plan: PlannedCase }[],
): Sweep {
  const names = [...new Set(planned.map(({ backend }) => backend.name))];
  return {
    parameter,
    theory: names.map((backend) => ({
      backend,
      points: planned.flatMap((one) => {
        if (one.backend.name !== backend || one.value === null) return [];
        const { before, after } = activeAround(one.plan);
        const spec = one.backend.oracle(one.plan.backendOptions, one.plan.options.targets, one.plan.options.protocol);
        return [{ x: one.value, share: expectedLoss(spec, before, after) }];
      }),
    })),
    ideal: planned.flatMap(({ backend, value, plan }) => {
      if (backend.name !== names[0] || value === null) return [];
      const { before, after } = activeAround(plan);
      const [less, more] = [Math.min(before.length, after.length), Math.max(before.length, after.length)];
      return [{ x: value, share: (more - less) / more }];
    }),
  };
}

/** Indices of the targets that are active before and after the first event. */
function activeAround({ plan, options }: PlannedCase): { before: number[]; after: number[] } {
  const active = (out: readonly number[]) =>
    Array.from({ length: options.targets }, (_, i) => i).filter((i) => !out.includes(i + 1));
  const before = active(plan.out);
  const [step] = plan.steps;
  if (step?.action === "scale_in") return { before, after: active([...plan.out, ...step.members]) };
  if (step?.action === "scale_out") return { before, after: active(plan.out.filter((n) => !step.members.includes(n))) };
  return { before, after: before };
}

/** "backend.key=value" is for that backend only. */
export function wordsFor(name: string, all: readonly string[], words: readonly string[]): string[] {
  const wrong = words.find((word) => !all.some((backend) => word.startsWith(`${backend}.`)));
  if (wrong !== undefined)
    throw new UsageError(`'--set ${wrong}' names no backend of the comparison: write ${all[0]}.key=value.`);
  return words.filter((word) => word.startsWith(`${name}.`)).map((word) => word.slice(name.length + 1));
}
