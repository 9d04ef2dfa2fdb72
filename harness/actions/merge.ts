// SPDX-License-Identifier: Apache-2.0
import path from "node:path";
import { mergeSets } from "../set/manifest.ts";
import { writeSet } from "../set/reporters.ts";
import { verdictsOf } from "../set/set.ts";
import { EXIT, exitCodeOf } from "../util/exit-codes.ts";
import { makeDirs } from "../util/make-dirs.ts";

interface MergeOptions {
  dir: readonly string[];
  out: string;
  /** Names of reporters of sets. */
  reporter: readonly string[];
}

/** One report out of the folders of shards. Returns the exit code that one run of all would have had; what is missing is no pass, nor is a report that could not be written. */
export async function merge({ dir: dirs, out, reporter: names }: MergeOptions): Promise<number> {
  const to = path.resolve(out);
  const set = mergeSets(dirs, to);
  makeDirs(to);
  const failures = await writeSet(set, to, names);
  for (const failure of failures) process.stderr.write(`${failure}\n`);
  return failures.length > 0 ? EXIT.infrastructure : exitCodeOf(verdictsOf(set));
}
