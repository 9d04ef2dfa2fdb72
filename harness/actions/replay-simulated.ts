// SPDX-License-Identifier: Apache-2.0
// A recorded run against its simulation: does each connection fare as the oracle says, one by one?
import path from "node:path";
import type { Context } from "../cli/command.ts";
import type { ReplayArgs } from "../commands/replay.ts";
import { describeHost } from "../host/describe.ts";
import { hashFlow } from "../oracle/oracle.ts";
import { readRecord } from "../record/read.ts";
import type { PlannedCase } from "../run/planned-case.ts";
import { compareFates } from "../simulate/compare.ts";
import { flowsOf } from "../simulate/flows.ts";
import { simulateOne, specOf } from "../simulate/run.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { count, plural } from "../util/numbers.ts";
import { caseOf, planAgain } from "./recorded.ts";
import type { Recorded } from "./replay-outcome.ts";

const SHOWN = 10;

/** Exit code 0 when none differs, 1 when one does, 77 where it cannot be simulated. */
export async function replaySimulated(
  recorded: Recorded,
  { out, kernel, gdb, busy, repeats }: ReplayArgs,
  { catalog, commandLine, print }: Context,
): Promise<number> {
  if (kernel !== undefined || gdb || busy > 0 || repeats > 1)
    throw new UsageError("--simulate needs no lab: it takes no --kernel, --gdb, --busy and --repeats.");
  const planned = planAgain(recorded, caseOf(recorded, catalog).one);
  if (leavesToChance(planned)) {
    print("SKIP: Which target a connection gets is left to chance, or to a hash that nobody knows.\n");
    return EXIT.skipped;
  }
  const settings = { out: path.resolve(out), commandLine, reporter: [] };
  const { dir, data } = await simulateOne(planned, settings, await describeHost());
  if (data.summary.verdict === "skip") {
    print(`SKIP: ${data.summary.reasons.join(" ")}\n`);
    return EXIT.skipped;
  }
  const { equal, differences, undecided } = compareFates(readRecord(recorded.dir), readRecord(dir));
  const all = equal + undecided + differences.length;
  const within = undecided === 0 ? "" : `; ${plural(undecided, "other")} came or went within a change`;
  print(`${plural(all, "connection")}: ${count(differences.length)} fared otherwise than simulated${within}.\n`);
  for (const { connection, here, there } of differences.slice(0, SHOWN))
    print(`  ${connection}: ${here ?? "not recorded"}; simulated: ${there ?? "not there"}\n`);
  print(`Run: ${dir}\n`);
  return differences.length === 0 ? EXIT.passed : EXIT.failed;
}

function leavesToChance(planned: PlannedCase): boolean {
  const spec = specOf(planned);
  const [drawer] = spec ? flowsOf(spec, { ...planned.load, seed: planned.seed }) : [];
  if (!spec || !drawer) return false;
  drawer.draw(0, 0);
  return hashFlow(spec, drawer.flow) === null;
}
