// SPDX-License-Identifier: Apache-2.0
// A recorded run, run again. In virtual time with the same guest it is the same to the bit; else verdicts are compared.
import { rmSync } from "node:fs";
import path from "node:path";
import { storiesOf } from "../analysis/stories.ts";
import type { Context } from "../cli/command.ts";
import type { ReplayArgs } from "../commands/replay.ts";
import { describeHost } from "../host/describe.ts";
import { launchProgram } from "../host/program.ts";
import { addressBytes, type Flow, PROTOCOL } from "../oracle/hash.ts";
import type { Catalog } from "../plan/catalog.ts";
import { readRecord } from "../record/read.ts";
import { runOne, say } from "../run/planned-case.ts";
import { oneRuntime, Sessions } from "../run/runtimes.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { plural } from "../util/numbers.ts";
import { byName } from "./explain.ts";
import { caseOf, planAgain, readRecorded } from "./recorded.ts";
import { compareRuns, type Outcome, type Recorded } from "./replay-outcome.ts";

/** Exit code 0 when all runs are as the recorded one was, 1 when one differs. */
export async function replay(args: ReplayArgs, context: Context): Promise<number> {
  const { commandLine, print, signal } = context;
  const recorded = readRecorded(args.run);
  if (args.simulate) return (await import("./replay-simulated.ts")).replaySimulated(recorded, args, context);
  const { one, catalog } = caseOf(recorded, context.catalog);
  const runtime = runtimeOf(recorded.run, args, catalog);
  // Everything that can be wrong with it is found before the first lab.
  const plan = planAgain(recorded, one);
  const traced = tracedOf(recorded, args.trace);
  await using sessions = new Sessions(signal, say);
  const chosen = await sessions.of(runtime, plan.load.connections);
  const host = await describeHost();
  const settings = {
    out: path.resolve(args.out),
    commandLine,
    stop: true,
    gdb: args.gdb,
    ...traced,
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
  const { image = [], capability = [], place = [], kernel, accel } = asked.runtime;
  return oneRuntime(catalog, {
    runtime,
    kernel: args.kernel ?? kernel,
    // Emulated, as it was, where there is KVM too.
    accel: isVirtual ? "tcg" : accel,
    time: isVirtual ? "virtual" : "real",
    image,
    capability,
    place,
  });
}

function exitCodeOfAll(outcomes: readonly Outcome[]): number {
  if (outcomes.some(({ broke }) => broke)) return EXIT.infrastructure;
  return outcomes.every(({ isSame }) => isSame) ? EXIT.passed : EXIT.failed;
}

/** The same seed gives it the same 5-tuple. Throws UsageError when there is no such connection. */
function tracedOf({ dir, run }: Recorded, name: string | undefined): { trace?: Flow } {
  if (name === undefined) return {};
  const [story] = storiesOf(run, readRecord(dir), byName(name), 1);
  if (!story) throw new UsageError(`No established connection of '${dir}' is ${name}.`);
  const { src, dst, sport, dport } = story;
  return { trace: { src: addressBytes(src), dst: addressBytes(dst), sport, dport, protocol: PROTOCOL[run.protocol] } };
}

/** Bounded, and ended by their pids. */
function busyLoops(number: number): () => void {
  const words = ["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", "while :; do :; done"];
  const given = { timeoutMs: 600_000, check: false, isBackground: true };
  const loops = Array.from({ length: number }, () => launchProgram(words, given));
  return () => {
    for (const loop of loops) loop.kill("SIGKILL");
  };
}
