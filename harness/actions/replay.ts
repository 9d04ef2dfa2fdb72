// SPDX-License-Identifier: Apache-2.0
// A recorded run, run again. In virtual time with the same guest it is the same to the bit; else verdicts are compared.
import { rmSync, statSync } from "node:fs";
import path from "node:path";
import type { Context } from "../cli/command.ts";
import type { ReplayArgs } from "../commands/replay.ts";
import { describeHost } from "../host/describe.ts";
import { launchProgram } from "../host/program.ts";
import { type Case, type Catalog, findCases } from "../plan/catalog.ts";
import { parseOptions } from "../plan/invalid.ts";
import { runOptions } from "../plan/options.ts";
import { Damaged } from "../record/damage.ts";
import { readRecord, readSummary } from "../record/read.ts";
import { type PlannedCase, planCase, runOne, say } from "../run/planned-case.ts";
import { oneRuntime, Sessions } from "../run/runtimes.ts";
import { LabError, type Runtime } from "../runtime/runtime.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { plural } from "../util/numbers.ts";
import { compareRuns, type Outcome, type Recorded } from "./replay-outcome.ts";

/** Exit code 0 when all runs are as the recorded one was, 1 when one differs. */
export async function replay(args: ReplayArgs, { catalog, commandLine, print, signal }: Context): Promise<number> {
  const recorded = readRecorded(args.run);
  const { run } = recorded;
  const [one] = findCases(catalog, [run.case]);
  if (!one) throw new UsageError(`There is no case '${run.case}'.`);
  const runtime = runtimeOf(run, args, catalog);
  // Everything that can be wrong with it is found before the first lab.
  const plan = planAgain(recorded, one);
  await using sessions = new Sessions(signal, say);
  const chosen = await sessions.of(runtime, plan.load.connections);
  const host = await describeHost();
  const settings = {
    out: path.resolve(args.out),
    commandLine,
    stop: true,
    gdb: args.gdb,
    ...(args.repeats > 1 ? { reporter: [] } : {}),
  };
  const outcomes: Outcome[] = [];
  for (let i = 0; i < args.repeats; i++) {
    const isBusy = args.busy > 0 && (args.repeats === 1 || i % 2 === 1);
    const endLoops = busyLoops(isBusy ? args.busy : 0);
    const result = await runOne(plan, chosen, settings, { host, signal }).finally(endLoops);
    if (signal.aborted) return EXIT.interrupted;
    const outcome = compareRuns(recorded, result);
    outcomes.push(outcome);
    const beside = isBusy ? `, beside ${plural(args.busy, "busy loop")}` : "";
    print(`${args.repeats > 1 ? `${i + 1} of ${args.repeats}${beside}: ` : ""}${outcome.text}\n`);
    if (args.repeats > 1 && outcome.isSame) rmSync(result.dir, { recursive: true, force: true });
    else print(`Run: ${result.dir}\n`);
  }
  const same = outcomes.filter(({ isSame }) => isSame).length;
  if (args.repeats > 1) print(`${same} of ${args.repeats} are as the recorded run was.\n`);
  return exitCodeOfAll(outcomes);
}

/** That of the record. Throws UsageError where it does not fit. */
function runtimeOf({ time, runtime, asked }: Recorded["run"], { gdb, ...args }: ReplayArgs, catalog: Catalog): Runtime {
  const isVirtual = time === "virtual";
  if (gdb && !isVirtual)
    throw new UsageError("--gdb needs a run in virtual time: another lab does not stand still with its guest.");
  const { image = [], capability = [], kernel, accel } = asked.runtime;
  return oneRuntime(catalog, {
    runtime,
    kernel: args.kernel ?? kernel,
    // Emulated, as it was, where there is KVM too.
    accel: isVirtual ? "tcg" : accel,
    time: isVirtual ? "virtual" : "real",
    image,
    capability,
  });
}

function exitCodeOfAll(outcomes: readonly Outcome[]): number {
  if (outcomes.some(({ broke }) => broke)) return EXIT.infrastructure;
  return outcomes.every(({ isSame }) => isSame) ? EXIT.passed : EXIT.failed;
}

/** Throws UsageError or LabError when it is no record, or none that can be run again. */
function readRecorded(dir: string): Recorded {
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) throw new UsageError(`There is no folder '${dir}'.`);
  try {
    const { run, events, cut } = readRecord(dir);
    if (cut !== null) throw new LabError(`${cut} It cannot be compared with another run.`);
    const skipped = events.find((event) => event.kind === "skip");
    if (skipped) throw new UsageError(`'${dir}' was skipped: ${skipped.reasons.join(" ")} There is nothing to replay.`);
    const { asked } = run;
    if (!asked) throw new UsageError(`'${dir}' was recorded by a version without 'replay': run.json has no 'asked'.`);
    return { dir, run: { ...run, asked }, summary: readSummary(dir) };
  } catch (error) {
    if (error instanceof Damaged) throw new LabError(error.message, { cause: error });
    throw error;
  }
}

/** What a file from outside says may be anything. Throws UsageError. */
function planAgain({ dir, run }: Recorded, one: Case): PlannedCase {
  try {
    return planCase(one, parseOptions(runOptions, run.asked.options), run.asked.set, run.calibrated);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`Cannot replay '${dir}': ${error.message}`, { cause: error });
  }
}

/** Bounded, and ended by their pids. */
function busyLoops(number: number): () => void {
  const words = ["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", "while :; do :; done"];
  const loops = Array.from({ length: number }, () => launchProgram(words, { timeoutMs: 600_000, check: false }));
  return () => {
    for (const loop of loops) loop.kill("SIGKILL");
  };
}
