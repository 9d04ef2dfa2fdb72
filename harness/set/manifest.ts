// SPDX-License-Identifier: Apache-2.0
// set.json, or set-1-of-3.json: what an invocation planned, written before its first run, so that what is missing is known later.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { sameText } from "../gate/groups.ts";
import { type RunInfo, SCHEMA, type Summary } from "../record/schema.ts";
import { upgradeSummary } from "../record/upgrade.ts";
import { UsageError } from "../util/errors.ts";
import { type Attempt, type Entry, entryOf, type RunSet } from "./set.ts";

const planned = z.object({ case: z.string(), seed: z.int() });
const manifest = z.object({
  schema: z.union([z.literal(1), z.literal(SCHEMA)]),
  gitRevision: z.string().nullable(),
  shard: z.object({ index: z.int().min(1), count: z.int().min(1) }).nullable(),
  /** All that decides what is run; equal in all shards. */
  parameters: z.record(z.string(), z.unknown()),
  planned: z.array(planned),
  commandLine: z.array(z.string()),
});
export type Manifest = z.infer<typeof manifest>;
export type Shard = NonNullable<Manifest["shard"]>;

/** "2/3". Throws UsageError. */
export function parseShard(text: string): Shard {
  const [, i = "", n = ""] = text.match(/^(\d+)\/(\d+)$/) ?? [];
  const [index, count] = [Number(i), Number(n)];
  if (index < 1 || index > count) throw new UsageError(`'--shard ${text}' does not fit: write i/n, from 1/n to n/n.`);
  return { index, count };
}

/** Every n-th, so that a case's repeats and a backend's cases go to different shards. */
export function inShard<T>(items: readonly T[], shard: Shard | null): T[] {
  return shard === null ? [...items] : items.filter((_, i) => i % shard.count === shard.index - 1);
}

export function writeManifest(dir: string, made: Manifest): void {
  const { shard } = made;
  const name = shard === null ? "set.json" : `set-${shard.index}-of-${shard.count}.json`;
  writeFileSync(path.join(dir, name), `${JSON.stringify(made, null, 2)}\n`);
}

/** Runs of this folder that came to an end, oldest first. What a killed harness left has no summary and is not among them. */
export function finishedRuns(dir: string, relativeTo = dir): Attempt[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .sort()
    .flatMap((name) => {
      const [run, summary] = ["run.json", "summary.json"].map((file) => readJson(path.join(dir, name, file)));
      if (!run || !summary) return [];
      return [
        {
          run: run as RunInfo,
          summary: upgradeSummary(summary as Record<string, unknown>) as unknown as Summary,
          dir: path.relative(relativeTo, path.join(dir, name)),
        },
      ];
    });
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
}

/** Equal for runs that are the same as far as their records can tell: then one need not be run again. */
export function runKey({ case: name, seed, runtime, kernel, gitRevision, options, backendOptions }: RunKeyed): string {
  return sameText([name, seed, runtime, kernel, gitRevision, options, backendOptions]);
}
type RunKeyed = Pick<RunInfo, "case" | "seed" | "runtime" | "kernel" | "gitRevision" | "options" | "backendOptions">;

/** One set out of the folders of shards. Throws UsageError when they do not belong together. */
export function mergeSets(dirs: readonly string[], out: string): RunSet {
  const found = dirs.flatMap((dir) => readManifests(dir).map((one) => ({ dir, ...one })));
  const [first] = found;
  if (!first)
    throw new UsageError(
      `There is no set.json in ${dirs.map((dir) => `'${dir}'`).join(", ")}: 'test --shard' writes one.`,
    );
  for (const other of found) {
    const differs = (["schema", "gitRevision", "parameters"] as const).find(
      (key) => sameText(other[key]) !== sameText(first[key]),
    );
    if (differs)
      throw new UsageError(
        `'${other.dir}' and '${first.dir}' do not belong together: ${differs} is ${sameText(other[differs])} and ${sameText(first[differs])}.`,
      );
    if (other.shard?.count !== first.shard?.count)
      throw new UsageError(`'${other.dir}' is of another number of shards than '${first.dir}'.`);
    const twin = found.find((one) => one !== other && one.shard?.index === other.shard?.index);
    if (twin) throw new UsageError(`'${other.dir}' and '${twin.dir}' hold the same shard.`);
  }
  const entries: Entry[] = [];
  const missing: string[] = [];
  for (let index = 1; index <= (first.shard?.count ?? 1); index++) {
    const shard = found.find((one) => (one.shard?.index ?? 1) === index);
    if (!shard) {
      missing.push(`Shard ${index} of ${first.shard?.count} is missing: what it ran is not in this report.`);
      continue;
    }
    const runs = finishedRuns(shard.dir, out);
    for (const { case: name, seed } of shard.planned) {
      const [one, ...more] = runs.filter(({ run }) => run.case === name && run.seed === seed);
      if (one) entries.push(entryOf(attemptsOf([one, ...more])));
      else
        missing.push(
          `${name} with seed ${seed} was planned${shard.shard ? ` in shard ${index}` : ""} and has no result.`,
        );
    }
  }
  return { entries, missing, commandLine: first.commandLine };
}

/** From the last first attempt on: what stands before it is of an earlier invocation. */
export function attemptsOf(runs: readonly [Attempt, ...Attempt[]]): [Attempt, ...Attempt[]] {
  const begin = runs.findLastIndex(({ run }) => (run.attempt ?? 1) === 1);
  const [first = runs[0], ...others] = runs.slice(Math.max(0, begin));
  return [first, ...others];
}

function readManifests(dir: string): Manifest[] {
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) throw new UsageError(`There is no folder '${dir}'.`);
  return readdirSync(dir)
    .filter((name) => /^set(-\d+-of-\d+)?\.json$/.test(name))
    .map((name) => {
      const parsed = manifest.safeParse(readJson(path.join(dir, name)));
      if (parsed.success) return parsed.data;
      throw new UsageError(`'${path.join(dir, name)}' is not of this version, or damaged.`);
    });
}
