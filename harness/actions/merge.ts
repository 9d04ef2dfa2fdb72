// SPDX-License-Identifier: Apache-2.0
import { mkdirSync } from "node:fs";
import path from "node:path";
import { mergeSets } from "../set/manifest.ts";
import { setReporters, writeSet } from "../set/reporters.ts";
import { verdictsOf } from "../set/set.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT, exitCodeOf } from "../util/exit-codes.ts";

/** One report out of the folders of shards. Returns the exit code that one run of all would have had; what is missing is no pass, nor is a report that could not be written. */
export async function mergeCommand(dirs: readonly string[], out: string, names: readonly string[]): Promise<number> {
  const to = path.resolve(out);
  for (const name of names)
    if (!(name in setReporters))
      throw new UsageError(
        `There is no reporter '${name}' of all runs. There are: ${Object.keys(setReporters).sort().join(", ")}.`,
      );
  const set = mergeSets(
    dirs.map((dir) => path.resolve(dir)),
    to,
  );
  mkdirSync(to, { recursive: true });
  const failures = await writeSet(set, to, names);
  for (const failure of failures) process.stderr.write(`${failure}\n`);
  return failures.length > 0 ? EXIT.infrastructure : exitCodeOf(verdictsOf(set));
}
