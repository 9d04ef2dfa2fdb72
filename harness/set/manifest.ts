// SPDX-License-Identifier: Apache-2.0
// set.json, or set-1-of-3.json: what an invocation planned, written before its first run, so that what is missing is known later.
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { sameText } from "../gate/groups.ts";
import { schemaVersion } from "../record/base.ts";
import { type Damaged, readAll, readJson } from "../record/damage.ts";
import { checkFolder } from "../record/folders.ts";
import { readRunInfo, readSummary } from "../record/read.ts";
import type { RunInfo } from "../record/schema.ts";
import { UsageError } from "../util/errors.ts";
import { type Attempt, type Entry, entryOf, type RunSet } from "./set.ts";

const planned = z.object({ case: z.string(), seed: z.int() });
export const manifestSchema = z.object({
  schema: schemaVersion,
  gitRevision: z.string().nullable(),
  shard: z.object({ index: z.int().min(1), count: z.int().min(1) }).nullable(),
  /** All that decides what is run; equal in all shards. */
  parameters: z.record(z.string(), z.unknown()),
  planned: z.array(planned),
  commandLine: z.array(z.string()),
});
export type Manifest = z.infer<typeof manifestSchema>;

export function writeManifest(dir: string, made: Manifest): void {
  const { shard } = made;
  const name = shard === null ? "set.json" : `set-${shard.index}-of-${shard.count}.json`;
  writeFileSync(path.join(dir, name), `${JSON.stringify(made, null, 2)}\n`);
}

/**
 * Runs of this folder that came to an end, oldest first, and what is damaged. What a killed harness left has no summary
 * and is not among them.
 */
export function finishedRuns(dir: string, relativeTo = dir): { found: Attempt[]; damaged: Damaged[] } {
  if (!existsSync(dir)) return { found: [], damaged: [] };
  const ended = readdirSync(dir, { withFileTypes: true })
    .filter((entry) => !entry.isSymbolicLink())
    .map(({ name }) => path.join(dir, name))
    .sort()
    .filter((run) => ["run.json", "summary.json"].every((file) => existsSync(path.join(run, file))));
  return readAll(ended, (run) => ({
    run: readRunInfo(run),
    summary: readSummary(run),
    dir: path.relative(relativeTo, run),
  }));
}

/** Equal for runs that are the same as far as their records can tell: then one need not be run again. */
export function runKey({ case: name, seed, runtime, kernel, gitRevision, options, backendOptions }: RunKeyed): string {
  return sameText([name, seed, runtime, kernel, gitRevision, options, backendOptions]);
}
type RunKeyed = Pick<RunInfo, "case" | "seed" | "runtime" | "kernel" | "gitRevision" | "options" | "backendOptions">;

/** One set out of the folders of shards. Throws UsageError when they do not belong together. */
export function mergeSets(dirs: readonly string[], out: string): RunSet {
  const read = dirs.map(readManifests);
  const found = read.flatMap((one) => one.found);
  const damaged = read.flatMap((one) => one.damaged);
  const [first] = found;
  if (!first && damaged[0]) throw damaged[0];
  if (!first)
    throw new UsageError(
      `There is no set.json in ${dirs.map((dir) => `'${dir}'`).join(", ")}: 'test --shard' writes one.`,
    );
  for (const other of found) refuseForeign(other, first, found);
  const parts = Array.from({ length: first.shard?.count ?? 1 }, (_, i) => {
    const shard = found.find((one) => (one.shard?.index ?? 1) === i + 1);
    if (shard) return entriesOf(shard, out);
    return {
      entries: [],
      missing: [`Shard ${i + 1} of ${first.shard?.count} is missing: its runs are not in this report.`],
    };
  });
  return {
    entries: parts.flatMap(({ entries }) => entries),
    missing: [...damaged.map(({ message }) => message), ...parts.flatMap(({ missing }) => missing)],
    commandLine: first.shard === null ? first.commandLine : wholeSet(first.commandLine),
  };
}

/** A shard's command without its part and its folder: the set's. */
function wholeSet(commandLine: readonly string[]): string[] {
  const own = /^(--shard|--out|-o)(=|$)/;
  return commandLine.filter((word, i) => !own.test(word) && !/^(--shard|--out|-o)$/.test(commandLine[i - 1] ?? ""));
}

type Found = Manifest & { dir: string };

function refuseForeign(other: Found, first: Found, found: readonly Found[]): void {
  const differs = (["schema", "gitRevision", "parameters"] as const).find(
    (key) => sameText(other[key]) !== sameText(first[key]),
  );
  if (differs)
    throw new UsageError(
      `'${other.dir}' and '${first.dir}' do not belong together: ${differs} is ${sameText(other[differs])} and ${sameText(first[differs])}.`,
    );
  if (other.shard?.count !== first.shard?.count)
    throw new UsageError(`'${other.dir}' has another number of shards than '${first.dir}'.`);
  const twin = found.find((one) => one !== other && one.shard?.index === other.shard?.index);
  if (twin) throw new UsageError(`'${other.dir}' and '${twin.dir}' are the same shard.`);
}

/** What a shard planned, by what came of it. */
function entriesOf({ dir, shard, planned }: Found, out: string): { entries: Entry[]; missing: string[] } {
  const { found: runs, damaged } = finishedRuns(dir, out);
  const entries: Entry[] = [];
  const missing = damaged.map(({ message }) => message);
  for (const { case: name, seed } of planned) {
    const [one, ...more] = runs.filter(({ run }) => run.case === name && run.seed === seed);
    if (one) entries.push(entryOf(attemptsOf([one, ...more])));
    else
      missing.push(
        `${name} with seed ${seed} was planned${shard ? ` in shard ${shard.index}` : ""} and has no result.`,
      );
  }
  return { entries, missing };
}

/** From the last first attempt on: what stands before it is of an earlier invocation. */
export function attemptsOf(runs: readonly [Attempt, ...Attempt[]]): [Attempt, ...Attempt[]] {
  const begin = runs.findLastIndex(({ run }) => (run.attempt ?? 1) === 1);
  const [first = runs[0], ...others] = runs.slice(Math.max(0, begin));
  return [first, ...others];
}

function readManifests(dir: string): { found: Found[]; damaged: Damaged[] } {
  checkFolder(dir);
  const names = readdirSync(dir).filter((name) => /^set(-\d+-of-\d+)?\.json$/.test(name));
  return readAll(names, (name) => ({ dir, ...readJson(path.join(dir, name), manifestSchema) }));
}
