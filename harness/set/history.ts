// SPDX-License-Identifier: Apache-2.0
// All runs below a folder, oldest first, whatever invocations they are of.
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { type Damaged, readAll } from "../record/damage.ts";
import { readRunInfo, readSummary } from "../record/read.ts";
import { UsageError } from "../util/errors.ts";
import type { Attempt } from "./set.ts";

const isRun = (dir: string) => existsSync(path.join(dir, "run.json")) && existsSync(path.join(dir, "events.ndjson"));

/** Links are not followed: a run is found once. Throws UsageError where there is no folder. */
export function runsBelow(dir: string): { runs: Attempt[]; damaged: Damaged[] } {
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) throw new UsageError(`There is no folder '${dir}'.`);
  const ended = foldersOf(dir).filter((run) => existsSync(path.join(run, "summary.json")));
  const { found, damaged } = readAll(ended, (run) => ({
    run: readRunInfo(run),
    summary: readSummary(run),
    dir: path.relative(dir, run) || ".",
  }));
  const key = ({ run }: Attempt) => run.startedAt;
  return { runs: found.sort((a, b) => (key(a) < key(b) ? -1 : 1)), damaged };
}

function foldersOf(dir: string): string[] {
  if (isRun(dir)) return [dir];
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => foldersOf(path.join(dir, name)));
}
