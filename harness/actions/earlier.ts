// SPDX-License-Identifier: Apache-2.0
// Runs that a folder has already: which of them need not be made again, which shall be, and which is the newest.
import path from "node:path";
import type { Case } from "../plan/catalog.ts";
import { say } from "../run/planned-case.ts";
import { failedBelow, linkLatest } from "../set/history.ts";
import { attemptsOf, finishedRuns, runKey } from "../set/manifest.ts";
import { type Attempt, type Entry, entryOf } from "../set/set.ts";

/** The runs that did not pass when they were made last. */
export function again(cases: readonly Case[], out: string): { one: Case; seed: number }[] {
  const failed = failedBelow(out);
  return cases.flatMap((one) => failed.flatMap((run) => (run.case === one.name ? { one, seed: run.seed } : [])));
}

/** What is damaged is told, and run again. */
export function earlierRuns(out: string): Attempt[] {
  const { found, damaged } = finishedRuns(out);
  for (const { message } of damaged) process.stderr.write(`${message}\n`);
  return found;
}

/** null where no earlier run is the same, or the same one broke. */
export function resumed(earlier: readonly Attempt[], key: string): Entry | null {
  const [first, ...more] = earlier.filter(({ run }) => runKey(run) === key);
  if (!first) return null;
  const entry = entryOf(attemptsOf([first, ...more]));
  return entry.state === "error" ? null : entry;
}

/** results/latest. A file system without links has none. */
export function tellLatest(out: string, run: string): void {
  try {
    linkLatest(out, run);
  } catch (error) {
    say(`There is no link '${path.join(out, "latest")}' to the run: ${(error as Error).message}`);
  }
}
