// SPDX-License-Identifier: Apache-2.0
import { type Context, commonShape } from "../cli/command.ts";
import { COMMAND_LINE } from "../cli/layers.ts";
import type { TestArgs } from "../commands/test.ts";
import { findCases } from "../plan/catalog.ts";
import { flagName } from "../plan/option.ts";
import { comparisonShape, runOptionsOf } from "../plan/options.ts";
import { withSeeds } from "../plan/repeat.ts";
import { Jobs } from "../run/jobs.ts";
import { planCase, say, withLoad } from "../run/planned-case.ts";
import { type Chosen, chosenRuntimes, kernelWords, Sessions } from "../run/runtimes.ts";
import { type Capacity, LabError, type Runtime, Unavailable } from "../runtime/runtime.ts";
import { sharingNothing } from "../runtime/single.ts";
import { UsageError } from "../util/errors.ts";
import { runSides, type Side } from "./compare.ts";

/** One case under several kernels, with the same connections. Returns the exit code: the worst of its runs. */
export async function compareKernels(asked: TestArgs, context: Context): Promise<number> {
  const { catalog, signal, given } = context;
  const args = withSeeds(asked, given);
  const [one, ...others] = findCases(catalog, args.case);
  if (!one || others.length > 0) throw new UsageError("Several kernels need exactly one case.");
  const typed = [...given.keys()].filter((key) => given.get(key) === COMMAND_LINE);
  const foreign = typed.find((key) => !(key in comparisonShape) && !(key in commonShape));
  if (foreign !== undefined)
    throw new UsageError(
      `Several kernels are one comparison: --${args[foreign as keyof TestArgs] === false ? "no-" : ""}${flagName(foreign)} goes with one kernel.`,
    );
  const parsed = runOptionsOf(args);
  const runtimes = chosenRuntimes(catalog, args);
  planCase(one, parsed, args.set);
  const jobs = new Jobs(args.jobs, say);
  await using sessions = new Sessions(signal, say, jobs.alone);
  const kernels: Chosen[] = [];
  for (const runtime of runtimes)
    kernels.push(
      await sessions.of(runtime, parsed.connections).catch((error: unknown) => unprepared(runtime, error, signal)),
    );
  // The weakest decides: all get the same connections.
  const capacity = slowest(kernels.flatMap(({ session }) => session?.prepared.capacity ?? []));
  const plan = planCase(one, withLoad(parsed, given, capacity), args.set, capacity);
  // What cannot be booted here has no version; it is told by the word that named it.
  const words = kernelWords(args.kernel).map((word) => (word === "host" ? null : word));
  const sides = kernels.map((chosen, i): Side => {
    return { label: chosen.session?.prepared.kernel ?? words[i] ?? null, value: null, plan, chosen };
  });
  return await runSides(sides, { scenario: one.scenario.name, sweep: null, name: "kernels", jobs }, args, context);
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

function slowest(all: readonly Capacity[]): Capacity | undefined {
  return [...all].sort((a, b) => a.connectionsPerS - b.connectionsPerS)[0];
}
