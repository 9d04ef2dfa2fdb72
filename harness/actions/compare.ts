// SPDX-License-Identifier: Apache-2.0
import path from "node:path";
import { expectedLoss } from "../analysis/theory.ts";
import type { Backend } from "../api/backend.ts";
import type { Context } from "../cli/command.ts";
import type { CompareArgs } from "../commands/compare.ts";
import { describeHost } from "../host/describe.ts";
import { allCases, findNamed } from "../plan/catalog.ts";
import { withFlows } from "../plan/flow-lists.ts";
import { parseOptions } from "../plan/invalid.ts";
import { type RunOptions, runOptions, runOptionsOf } from "../plan/options.ts";
import { withSeeds } from "../plan/repeat.ts";
import { withFileDefaults, withScenario } from "../plan/scenario-file.ts";
import type { SweepWords, VaryWords } from "../plan/sweep.ts";
import { type Comparison, type Entry, remarks } from "../report/comparison/comparison.ts";
import type { Sweep } from "../report/comparison/sweep.ts";
import { costTable, lossTable } from "../report/comparison/tables.ts";
import { writeComparison } from "../report/comparison/write.ts";
import type { ReportData } from "../report/reporter.ts";
import { printedColumns, tableLines } from "../report/terminal-table.ts";
import { Jobs } from "../run/jobs.ts";
import { makeRunDir, type PlannedCase, planCase, runOne, say, withLoad } from "../run/planned-case.ts";
import { type Chosen, oneRuntime, Sessions } from "../run/runtimes.ts";
import { reporterSentence } from "../run/show.ts";
import type { Capacity, Runtime } from "../runtime/runtime.ts";
import { simulateOne } from "../simulate/run.ts";
import { withStrategies } from "../simulate/theoretical.ts";
import { flowSources } from "../traffic/traffic.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT, exitCodeOf } from "../util/exit-codes.ts";
import { tellScale } from "./scale-word.ts";

/**
 * The same scenario with the same connections for several backends, or for several values of an option. Repeats go round by round, so that what
 * disturbs the machine meets all alike. Returns the exit code: the worst of its runs.
 */
export async function compareBackends(words: CompareArgs, context: Context): Promise<number> {
  const { signal, given } = context;
  const args = withSeeds(words, given);
  const { sweep = null, vary = null } = args;
  const { catalog, scenario } = withScenario(
    args.simulate ? withStrategies(context.catalog) : context.catalog,
    args.scenario,
  );
  const runtime = oneRuntime(catalog, args);
  const names = args.name.includes("all") ? catalog.backends.map((b) => b.name) : [...new Set(args.name)];
  const parsed = withFileDefaults(runOptionsOf(args), scenario, given);
  const cases = names.map((name) => {
    const backend = findNamed("backend", catalog.backends, name);
    const found = allCases(catalog).find((one) => one.backend === backend && one.scenario === scenario);
    if (!found) throw new UsageError(`There is no case for '${name}' in '${scenario.name}'.`);
    return found;
  });
  if (names.length < 2 && !sweep && !vary)
    throw new UsageError("A comparison needs at least two backends, 'all', --sweep or --vary.");
  if (sweep && vary) throw new UsageError("--sweep draws one option and --vary lists one. Give one of them.");
  const planAll = (capacity?: Capacity) =>
    settingsOf(sweep, vary).flatMap((setting) =>
      cases.map((one) => {
        const own = wordsFor(one.backend.name, names, args.set);
        const { options, words } = setAt(withLoad(parsed, given, capacity), own, setting);
        const { value = null, label = "" } = setting ?? {};
        return { backend: one.backend, value, label, plan: planCase(one, options, words, capacity) };
      }),
    );
  // Everything that can be wrong with the words is found before anything is fetched or run.
  tellScale(cases, parsed, given);
  const most = Math.max(...planAll().map(({ plan }) => plan.load.connections));
  const jobs = new Jobs(args.jobs, say);
  await using sessions = new Sessions(signal, say, jobs.alone);
  const chosen = args.simulate ? withoutLab(runtime) : await sessions.of(runtime, most);
  const planned = planAll(chosen.session?.prepared.capacity);
  const sides = planned.map(({ backend, value, label: setting, plan }): Side => {
    const label = `${backend.name}${setting}`;
    return { label, value, plan, chosen, ...(args.simulate ? { simulated: true as const } : {}) };
  });
  const theory = sweep && theoryOf(sweep, planned);
  return await runSides(sides, { scenario: scenario.name, sweep: theory, name: "compare", jobs }, args, context);
}

const withoutLab = (runtime: Runtime): Chosen => ({ runtime, session: null, clearOthers: async () => {} });

/** A row of the table; without a label this machine's kernel is it. */
export interface Side {
  label: string | null;
  value: number | null;
  plan: PlannedCase;
  chosen: Chosen;
  /** Without a lab. */
  simulated?: true;
}

export async function runSides(
  sides: readonly Side[],
  { scenario, sweep, name, jobs }: { scenario: string; sweep: Sweep | null; name: string; jobs: Jobs },
  options: { out: string; json: boolean; repeat: number },
  { commandLine, signal, variables }: Pick<Context, "commandLine" | "signal" | "variables">,
): Promise<number> {
  const [{ plan: first }] = sides as [Side];
  const { dir } = makeRunDir(path.resolve(options.out), `${name}_${scenario}`, first.seed);
  const host = await describeHost(variables);
  const planned = Array.from({ length: options.repeat }, (_, repeat) =>
    sides.map((side) => ({ side, seed: first.seed + repeat, data: null as ReportData | null })),
  ).flat();
  const soFar = (): Comparison => ({
    scenario,
    entries: sides.map((side): Entry => {
      const backend = side.plan.case.backend.name;
      const runs = planned.flatMap((one) => (one.side === side && one.data ? one.data : []));
      return { label: side.label ?? host.host.kernel, backend, value: side.value, runs };
    }),
    sweep,
    commandLine,
  });
  let unwritten = 0;
  await jobs.each(planned, async (one) => ({
    chosen: one.side.chosen,
    run: async () => {
      const { chosen, simulated } = one.side;
      const plan = { ...one.side.plan, seed: one.seed };
      const settings = { out: dir, commandLine, stop: true };
      // Of very many points each has its record; a report is made of that where somebody asks.
      const files = simulated && sweep ? { ...settings, reporter: [] } : settings;
      const result = simulated ? simulateOne(plan, files, host) : runOne(plan, chosen, settings, { host, signal });
      const { data, reporterFailures } = await result;
      one.data = data;
      for (const failure of reporterFailures) say(reporterSentence(failure));
      unwritten += reporterFailures.length;
      return !signal.aborted;
    },
  }));
  const comparison = soFar();
  await writeComparison(comparison, dir);
  if (signal.aborted) return EXIT.interrupted;
  const summaries = comparison.entries.flatMap(({ runs }) => runs.map((run) => run.summary));
  if (options.json) process.stdout.write(`${JSON.stringify(summaries)}\n`);
  else {
    const tables = [lossTable(comparison), costTable(comparison)].map((table) => tableLines(table, printedColumns()));
    const lines = [...tables.flatMap((table) => [...table, ""]), ...remarks(comparison).map((text) => `- ${text}`)];
    process.stdout.write(`${lines.join("\n")}\nReport: ${path.join(dir, "compare.html")}\n`);
  }
  if (unwritten > 0) return EXIT.infrastructure;
  return exitCodeOf(summaries.map(({ verdict }) => verdict));
}

/** One value, or one word, of the option that is not the same in all runs. */
interface Setting {
  parameter: string;
  given: number | string;
  /** Of a sweep; null: a word. */
  value: number | null;
  /** Behind the backend's name. */
  label: string;
}

/** null: all runs have the same options. */
function settingsOf(sweep: SweepWords | null, vary: VaryWords | null): (Setting | null)[] {
  const { parameter, given } = sweep
    ? { parameter: sweep.parameter, given: sweep.values }
    : { parameter: vary?.parameter ?? "", given: vary?.words ?? [] };
  if (given.length === 0) return [null];
  return given.map((one: number | string) => ({
    parameter,
    given: one,
    value: typeof one === "number" ? one : null,
    label: ` ${parameter}=${one}`,
  }));
}

/** The name is an option of the run, or else one of the backend. */
function setAt(
  options: RunOptions,
  words: readonly string[],
  setting: Setting | null,
): { options: RunOptions; words: readonly string[] } {
  if (!setting) return { options, words };
  const { parameter, given } = setting;
  if (!Object.hasOwn(runOptions.shape, parameter)) return { options, words: [...words, `${parameter}=${given}`] };
  return { options: parseOptions(runOptions, { ...options, [parameter]: given }), words };
}

/** Flows that theory is drawn from: a sweep over a hundred points takes seconds. */
const [ALL_SAMPLES, FULL_POINTS, LEAST_SAMPLES] = [524_288, 8, 8192];

function theoryOf(
  { parameter }: SweepWords,
  planned: readonly { backend: Backend; value: number | null; plan: PlannedCase }[],
): Sweep {
  const samples = Math.max(LEAST_SAMPLES, Math.floor(ALL_SAMPLES / Math.max(FULL_POINTS, planned.length)));
  const points = planned.flatMap(({ backend, value, plan }) =>
    value === null ? [] : [{ backend: backend.name, x: value, ...expectedOf(plan, samples) }],
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

function expectedOf(
  { case: { backend }, backendOptions, options: { targets }, load, routers, plan }: PlannedCase,
  samples: number,
) {
  const spec = withFlows(backend.oracle(backendOptions, targets, load.protocol), plan);
  return expectedLoss(spec, { targets, routers, ...plan }, flowSources(load), samples);
}

/** "backend.key=value" is for that backend only. */
export function wordsFor(name: string, all: readonly string[], words: readonly string[]): string[] {
  const wrong = words.find((word) => !all.some((backend) => word.startsWith(`${backend}.`)));
  if (wrong !== undefined)
    throw new UsageError(`'--set ${wrong}' names no backend of the comparison: write ${all[0]}.key=value.`);
  return words.filter((word) => word.startsWith(`${name}.`)).map((word) => word.slice(name.length + 1));
}
