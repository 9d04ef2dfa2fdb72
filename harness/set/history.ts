// SPDX-License-Identifier: Apache-2.0
// All runs below a folder, oldest first, whatever invocations they are of.
import { existsSync, renameSync, symlinkSync } from "node:fs";
import path from "node:path";
import { type Damaged, readAll } from "../record/damage.ts";
import { runsIn } from "../record/folders.ts";
import { readRunInfo, readSummary } from "../record/read.ts";
import { UsageError } from "../util/errors.ts";
import type { Attempt } from "./set.ts";

/** Throws UsageError where there is none. */
export function runsBelow(dir: string): { runs: Attempt[]; damaged: Damaged[] } {
  const ended = runsIn(dir).filter((run) => existsSync(path.join(run, "summary.json")));
  if (ended.length === 0) throw new UsageError(`There is no run in '${dir}' that came to an end.`);
  const { found, damaged } = readAll(ended, (run) => ({
    run: readRunInfo(run),
    summary: readSummary(run),
    dir: path.relative(dir, run) || ".",
  }));
  const key = ({ run }: Attempt) => run.startedAt;
  return { runs: found.sort((a, b) => (key(a) < key(b) ? -1 : 1)), damaged };
}

/** The link `latest` of a folder, to one of its runs; it is never absent meanwhile. Throws what the file system says. */
export function linkLatest(folder: string, run: string): string {
  const latest = path.join(folder, "latest");
  const made = path.join(folder, `.latest-${process.pid}-${path.basename(run)}`);
  symlinkSync(run, made);
  renameSync(made, latest);
  return latest;
}

/** Runs that did not pass, the newest of each case and seed. Throws UsageError where there is no run. */
export function failedBelow(dir: string): { case: string; seed: number }[] {
  const { runs } = runsBelow(dir);
  const newest = new Map(runs.map(({ summary }) => [`${summary.case} ${summary.seed}`, summary]));
  return [...newest.values()].filter(({ verdict }) => !["pass", "unjudged", "skip"].includes(verdict));
}
