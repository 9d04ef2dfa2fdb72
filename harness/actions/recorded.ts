// SPDX-License-Identifier: Apache-2.0
// A recorded run, to be run or simulated again.
import { type Case, type Catalog, findCases } from "../plan/catalog.ts";
import { parseOptions } from "../plan/invalid.ts";
import { runOptions } from "../plan/options.ts";
import { withContent } from "../plan/scenario-file.ts";
import { Damaged } from "../record/damage.ts";
import { oneRun } from "../record/folders.ts";
import { readRecord, readSummary } from "../record/read.ts";
import { type PlannedCase, planCase } from "../run/planned-case.ts";
import { UsageError } from "../util/errors.ts";
import type { Recorded } from "./replay-outcome.ts";

/** With the scenario of its file, if it had one. Throws UsageError. */
export function caseOf({ dir, run }: Recorded, given: Catalog): { one: Case; catalog: Catalog } {
  const { scenario } = run.asked;
  const catalog = scenario ? withContent(given, { value: scenario, lineOf: () => 1 }, dir).catalog : given;
  const [one] = findCases(catalog, [run.case]);
  if (one) return { one, catalog };
  throw new UsageError(`There is no case '${run.case}'.`);
}

/** Throws UsageError, or Damaged, when it is no record, or none that can be run again. */
export function readRecorded(dir: string): Recorded {
  const { run, events, cut } = readRecord(oneRun(dir));
  if (cut !== null)
    throw new Damaged(dir, null, "the record ends without its last line, 'end': no other run can be compared with it");
  const skipped = events.find((event) => event.kind === "skip");
  if (skipped) throw new UsageError(`'${dir}' was skipped: ${skipped.reasons.join(" ")} There is nothing to replay.`);
  const { asked } = run;
  if (!asked) throw new UsageError(`'${dir}' was recorded by a version without 'replay': run.json has no 'asked'.`);
  return { dir, run: { ...run, asked }, summary: readSummary(dir) };
}

/** What a file from outside says may be anything. Throws UsageError. */
export function planAgain({ dir, run }: Recorded, one: Case): PlannedCase {
  try {
    return planCase(one, parseOptions(runOptions, run.asked.options), run.asked.set, run.calibrated);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`Cannot replay '${dir}': ${error.message}`, { cause: error });
  }
}
