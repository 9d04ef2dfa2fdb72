// SPDX-License-Identifier: Apache-2.0
// What a CI needs around runs: shards, retries, an early end, going on where an earlier invocation ended, reports of all.
import path from "node:path";
import type { Context } from "../cli/command.ts";
import { COMMAND_LINE } from "../cli/layers.ts";
import type { TestArgs } from "../commands/test.ts";
import { describeHost } from "../host/describe.ts";
import type { Live } from "../live/server.ts";
import type { Case, Catalog } from "../plan/catalog.ts";
import { type RunOptions, runOptionsOf } from "../plan/options.ts";
import { withSeeds } from "../plan/repeat.ts";
import { casesIn, withFileDefaults } from "../plan/scenario-file.ts";
import { SCHEMA } from "../record/schema.ts";
import { headline } from "../report/prose.ts";
import { type DescribedHost, describeRun } from "../run/describe-run.ts";
import { Jobs } from "../run/jobs.ts";
import { type PlannedCase, planCase, runOne, say, tellEnvironment, withLoad } from "../run/planned-case.ts";
import { type Chosen, fallbackRuntime, oneRuntime, Sessions } from "../run/runtimes.ts";
import { show } from "../run/show.ts";
import { LabError, type Runtime } from "../runtime/runtime.ts";
import { lockSet } from "../set/lock.ts";
import { type Manifest, runKey, writeManifest } from "../set/manifest.ts";
import { setReporters, writeSet } from "../set/reporters.ts";
import { type Attempt, type Entry, entryOf, lastOf, type RunSet, totals, verdictsOf } from "../set/set.ts";
import { inShard } from "../set/shard.ts";
import { systemReason, UsageError } from "../util/errors.ts";
import { EXIT, exitCodeOf } from "../util/exit-codes.ts";
import { dryRunJson, dryRunText } from "./dry-run.ts";
import { again, earlierRuns, resumed, tellLatest } from "./earlier.ts";
import { tellScale } from "./scale-word.ts";

interface TestOptions extends TestArgs {
  commandLine: readonly string[];
  /** Options that somebody gave. */
  given: Context["given"];
}

/** Runs the cases one after the other and prints what came out. Returns the exit code. */
export async function runTests(words: TestArgs, context: Context): Promise<number> {
  const { catalog, signal, given, commandLine } = context;
  const args = withSeeds(withDebugger(words), given);
  const options: TestOptions = { ...args, out: path.resolve(args.out), commandLine, given };
  const { cases, of } = casesIn(catalog, args.case, args.scenario);
  const runtime = oneRuntime(catalog, args);
  const parsed = withFileDefaults(runOptionsOf(args), of, given);
  checkPlace(args, cases.length);
  // Everything that can be wrong with the words is found before the first case runs.
  const plans = cases.map((one) => planCase(one, parsed, args.set));
  tellScale(cases, parsed, given);
  const [first] = plans;
  if (first && cases.length === 1 && given.get("protocol") === COMMAND_LINE && first.load.protocol !== args.protocol)
    throw new UsageError(`'${first.case.name}' needs --protocol ${first.load.protocol}, not ${args.protocol}.`);
  const planned = args.lastFailed
    ? again(cases, args.out)
    : cases.flatMap((one) => Array.from({ length: args.repeat }, (_, i) => ({ one, seed: parsed.seed + i })));
  if (planned.length === 0) {
    context.print(`Of these cases no run below '${args.out}' failed. Nothing was run.\n`);
    return EXIT.passed;
  }
  if (args.dryRun) {
    for (const one of plans) tellEnvironment(one.case.name, { ...context.variables, ...one.variables });
    const trafficS = new Map(plans.map((one) => [one.case, one.plan.durationS]));
    const mine = inShard(planned, args.shard ?? null);
    const runs = mine.map(({ one, seed }) => ({ name: one.name, seed, trafficS: trafficS.get(one) ?? 0 }));
    context.print(
      args.json ? dryRunJson(runs) : dryRunText(runs, runtime.traits.kernel === "chosen" && args.time !== "real"),
    );
    return EXIT.passed;
  }
  const jobs = new Jobs(args.jobs, say);
  await using sessions = new Sessions(signal, say, jobs.alone);
  const settle = settler(catalog, options, { runtime, parsed }, sessions);
  const host = await describeHost(context.variables);
  const names = chosenReporters(options);
  using _lock = names.length > 0 ? lockSet(options.out) : null;
  const run = (live: Live | null) => runSet({ planned, runtime, settle, names, jobs }, options, { host, signal, live });
  if (args.live === undefined) return await run(null);
  const live = await (await import("../live/server.ts")).startLive(args.live);
  process.stderr.write(`Follow the run at ${live.url}, metrics at ${live.url}metrics\n`);
  try {
    return await run(live);
  } finally {
    await live[Symbol.asyncDispose]();
  }
}

/** What takes one run, or follows one, or says how much is printed. Throws UsageError. */
function checkPlace(args: TestArgs, cases: number): void {
  if (args.quiet && args.verbose) throw new UsageError("--quiet and --verbose say the opposite: give one of them.");
  if (!args.stop && cases * args.repeat > 1)
    throw new UsageError("--no-stop keeps one lab: give one case, without --repeat.");
  if (args.live !== undefined && args.jobs > 1)
    throw new UsageError(`--live follows one run: not the ${args.jobs} at a time of --jobs ${args.jobs}.`);
  if (args.gdb && cases * args.repeat > 1)
    throw new UsageError("--gdb goes with one run: give one case, without --repeat.");
}

/** A debugger's guest is in virtual time, where the lab stands still with it. Throws UsageError where it cannot be. */
function withDebugger(args: TestArgs): TestArgs {
  if (!args.gdb) return args;
  if (args.time === "real" || (args.runtime ?? "vm") !== "vm")
    throw new UsageError(
      "--gdb needs '--runtime vm --time virtual': another lab does not stand still with what a debugger stops.",
    );
  return { ...args, time: "virtual", accel: args.accel ?? "tcg" };
}

interface PlannedSet {
  planned: readonly { one: Case; seed: number }[];
  /** That was asked for; a case may get another. */
  runtime: Runtime;
  settle: (one: Case) => Promise<Settled>;
  /** Reporters of all runs. */
  names: readonly string[];
  jobs: Jobs;
}

/** What all runs have in common. */
interface Around {
  host: DescribedHost;
  signal: AbortSignal;
  live: Live | null;
}

interface Settled {
  chosen: Chosen;
  plan: PlannedCase;
}

/** A case's runtime is made ready, and its load fitted to that, when the first of its runs is due. */
function settler(
  catalog: Catalog,
  options: TestOptions,
  { runtime, parsed }: { runtime: Runtime; parsed: RunOptions },
  sessions: Sessions,
): PlannedSet["settle"] {
  const settled = new Map<Case, Settled>();
  return async (one) => {
    const known = settled.get(one);
    if (known) return known;
    const used = await fallbackRuntime(
      catalog,
      options,
      { chosen: runtime, backend: one.backend, set: options.set, protocol: parsed.protocol },
      say,
    );
    const chosen = await sessions.of(used, parsed.connections);
    const capacity = chosen.session?.prepared.capacity;
    const made = { chosen, plan: planCase(one, withLoad(parsed, options.given, capacity), options.set, capacity) };
    settled.set(one, made);
    return made;
  };
}

/** Reports of all are written anew after each run, so that whatever ends the program, they are there. */
async function runSet(
  { planned, runtime, settle, names, jobs }: PlannedSet,
  options: TestOptions,
  around: Around,
): Promise<number> {
  const { host, signal } = around;
  const mine = inShard(planned, options.shard ?? null);
  const earlier = options.resume ? earlierRuns(options.out) : [];
  const found = new Map<number, Entry>();
  const missing: string[] = [];
  const soFar = (): RunSet => ({
    entries: mine.flatMap((_, i) => found.get(i) ?? []),
    missing,
    commandLine: options.commandLine,
  });
  if (names.length > 0)
    attemptTo(options.out, () => writeManifest(options.out, manifestOf({ mine, runtime }, options, host)));
  const kept = names.filter((name) => name !== "terminal" && name !== "github");
  // One after the other: all write the same files.
  let told: Promise<unknown> = Promise.resolve();
  const tell = (chosen: readonly string[]): Promise<boolean> => {
    const telling = told.then(async () => {
      const failures = await writeSet(soFar(), options.out, chosen);
      for (const failure of failures) process.stderr.write(`${failure}\n`);
      return failures.length === 0;
    });
    told = telling;
    return telling;
  };
  const begun = await jobs.each(mine, async ({ one, seed }, i) => {
    const { chosen, plan: unseeded } = await settle(one);
    const plan = { ...unseeded, seed };
    const done = resumed(earlier, runKey(describeRun(plan, chosen, options.commandLine, host)));
    const run = async () => {
      const entry = done ?? (await runWithRetries(plan, chosen, { ...options, ...turnOf(i, mine) }, around));
      if (done) process.stderr.write(`${plan.case.name}, seed ${plan.seed}: done already, in ${lastOf(done).dir}\n`);
      found.set(i, entry);
      await tell(kept);
      return !signal.aborted && !(options.failFast && ["fail", "error", "insufficient"].includes(entry.state));
    };
    // What is done already needs no lab.
    return { chosen: done ? { ...chosen, session: null } : chosen, run };
  });
  if (signal.aborted) return EXIT.interrupted;
  missing.push(...mine.slice(begun).map(notRun));
  const written = await tell(names);
  const set = soFar();
  if (!names.includes("terminal")) tellTotals(set, options);
  if (!written || set.entries.some((entry) => lastOf(entry).unwritten)) return EXIT.infrastructure;
  return exitCodeOf(set.entries.length === 0 ? [] : verdictsOf({ ...set, missing: [] }));
}

function manifestOf(
  { mine, runtime }: { mine: PlannedSet["planned"]; runtime: Runtime },
  options: TestOptions,
  { gitRevision }: DescribedHost,
): Manifest {
  return {
    schema: SCHEMA,
    gitRevision,
    shard: options.shard ?? null,
    parameters: {
      runtime: runtime.name,
      ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
      cases: [...options.case],
      set: [...options.set],
      repeat: options.repeat,
      ...Object.fromEntries(Object.entries(runOptionsOf(options)).filter(([key]) => options.given.has(key))),
    },
    planned: mine.map(({ one, seed }) => ({ case: one.name, seed })),
    commandLine: [...options.commandLine],
  };
}

const notRun = ({ one, seed }: PlannedSet["planned"][number]) =>
  `${one.name} with seed ${seed} was not run, after the first failure.`;

/** "2/4" of several runs. */
const turnOf = (i: number, all: readonly unknown[]) => (all.length > 1 ? { turn: `${i + 1}/${all.length}` } : {});

/** With --json, stdout holds JSON only. */
function tellTotals(set: RunSet, { json }: TestOptions): void {
  (json ? process.stderr : process.stdout).write(`${totals(set)}\n`);
}

function attemptTo(out: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    throw new LabError(`Cannot write results to '${out}': ${systemReason(cause)}. Try another --out.`, { cause });
  }
}

async function runWithRetries(
  plan: PlannedCase,
  chosen: Chosen,
  options: TestOptions & { turn?: string },
  { host, signal, live }: Around,
): Promise<Entry> {
  const { retries } = options;
  const attempts: Attempt[] = [];
  for (let attempt = 1; ; attempt++) {
    const result = await runOne(plan, chosen, { ...options, live }, { host, signal, attempt });
    const { run, summary } = result.data;
    attempts.push({ run, summary, dir: run.id, ...(result.reporterFailures.length > 0 ? { unwritten: true } : {}) });
    live?.finish(summary.verdict, headline(summary));
    const bad = !["pass", "unjudged", "skip"].includes(summary.verdict);
    if (bad || !options.quiet) await show(result, options);
    tellLatest(options.out, run.id);
    if (!bad || attempt > retries || signal.aborted) break;
    process.stderr.write(`${run.case}: ${summary.verdict}; once more, ${attempt} of ${retries}\n`);
  }
  const [first, ...more] = attempts;
  if (!first) throw new Error("A run without an attempt.");
  return entryOf([first, ...more]);
}

/** Reports of all are made when one is asked for, and for shards, which are to be merged. */
function chosenReporters({ reporter, shard, resume }: TestOptions): string[] {
  const asked = reporter ?? (shard !== undefined || resume ? ["json"] : []);
  return asked.filter((name) => name in setReporters);
}
