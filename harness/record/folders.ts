// SPDX-License-Identifier: Apache-2.0
// Which folders are runs, for all that read runs: one rule, and one sentence where there is none.
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { UsageError } from "../util/errors.ts";
import { plural } from "../util/numbers.ts";

/** One of them is enough: what lacks the others is a damaged run. */
const PARTS = ["run.json", "events.ndjson", "connections.bin"];

/** The run in this folder, or the runs anywhere below it, oldest first: their names begin with the time. Throws UsageError. */
export function runsIn(dir: string): string[] {
  checkFolder(dir);
  const found = isRun(dir) ? [dir] : runsBelow(dir);
  if (found.length === 0) throw new UsageError(`There is no run in '${dir}'.`);
  const key = (run: string) => path.basename(run);
  return found.sort((a, b) => (key(a) < key(b) ? -1 : Number(key(a) > key(b))));
}

/** The folder of one run. Throws UsageError. */
export function oneRun(dir: string): string {
  const found = runsIn(dir);
  if (found[0] === dir) return dir;
  throw new UsageError(`'${dir}' holds ${plural(found.length, "run")}. Name one, such as '${found.at(-1)}'.`);
}

export function checkFolder(dir: string): void {
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) throw new UsageError(`There is no folder '${dir}'.`);
}

const isRun = (dir: string) => PARTS.some((name) => existsSync(path.join(dir, name)));

/** Links are not followed: a run is found once. */
function runsBelow(dir: string): string[] {
  return foldersIn(dir).flatMap((folder) => (isRun(folder) ? [folder] : runsBelow(folder)));
}

function foldersIn(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? path.join(dir, entry.name) : [],
    );
  } catch (error) {
    // Others remove theirs meanwhile.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
