// SPDX-License-Identifier: Apache-2.0
// The classic simulator: what a table looks like, and what a change of targets costs; for other strategies too.
import { z } from "zod";
import { murmur3 } from "../oracle/hash.ts";
import { maglevTable, maglevWalk } from "../oracle/maglev.ts";
import { regionOf, thresholdRegions } from "../oracle/regions.ts";
import { rendezvousTable } from "../oracle/rendezvous.ts";
import { resilientBuckets } from "../oracle/resilient.ts";
import { parseOptions } from "../plan/options.ts";
import { count, percent } from "../report/format.ts";
import { tableLines } from "../report/terminal.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";

/** Slot (or key) -> index of the target, for these active targets; `before` for strategies that remember it. */
type Assign = (
  active: readonly number[],
  m: number,
  seed: number,
  before: ArrayLike<number> | null,
) => ArrayLike<number>;

const hashes = (m: number, seed: number) =>
  Uint32Array.from({ length: m }, (_, key) => murmur3(Uint8Array.of(key, key >> 8, key >> 16, 0), seed));

export const STRATEGIES: Readonly<Record<string, Assign>> = {
  maglev: (active, m, seed) => maglevTable(active, m, seed),
  modulo: (active, m, seed) => hashes(m, seed).map((hash) => active[hash % active.length] ?? 0),
  rendezvous: rendezvousTable,
  hash_threshold: (active, m, seed) => {
    const regions = thresholdRegions(active, () => 1, 2 ** 32);
    return hashes(m, seed).map((hash) => regionOf(regions, hash) ?? 0);
  },
  resilient: (active, m, _seed, before) =>
    resilientBuckets(active, m, () => 1, before === null ? null : Int32Array.from(before)),
};

const whole = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const schema = z.strictObject({
  M: whole(2, 1_000_003),
  N: whole(1, 10_000),
  seed: whole(0, 0xffffffff).default(0),
  loops: whole(1, 10_000).default(1),
  strategy: z.enum(["all", ...Object.keys(STRATEGIES)]).default("maglev"),
  remove: whole(1, 9999).default(1),
});

export interface Simulated {
  strategy: string;
  M: number;
  N: number;
  removed: number;
  loops: number;
  idealPercent: number;
  /** Slots that another target gets when random targets leave, and when they return: means over the loops. */
  outPercent: number;
  backPercent: number;
  /** Of the full table: slots of the target with the most, as a multiple of the mean. */
  maxOverMean: number;
}

export function maglevCommand(given: Record<string, unknown>, json: boolean): number {
  const { M, N, seed, loops, strategy, remove } = parseOptions(schema, given, "");
  if (remove >= N) throw new UsageError(`Of ${N} targets ${remove} cannot leave: one has to remain.`);
  if (N > M) throw new UsageError(`A table of ${M} slots has no room for ${N} targets.`);
  const names = strategy === "all" ? Object.keys(STRATEGIES) : [strategy];
  if (names.includes("maglev") && !isPrime(M)) throw new UsageError(`M must be a prime for Maglev: ${M} is not.`);
  const results = names.map((name) => simulateLoss(name, M, N, remove, seed, loops));
  if (json) process.stdout.write(`${JSON.stringify(results)}\n`);
  else
    process.stdout.write(
      `${[...(strategy === "maglev" && M <= 40 ? small(M, N, seed) : []), ...lines(results)].join("\n")}\n`,
    );
  return EXIT.passed;
}

/** Each loop takes the next seed and other targets away. */
export function simulateLoss(
  strategy: string,
  M: number,
  N: number,
  removed: number,
  seed: number,
  loops: number,
): Simulated {
  const assign = STRATEGIES[strategy];
  if (!assign) throw new UsageError(`There is no strategy '${strategy}'.`);
  const all = Array.from({ length: N }, (_, i) => i);
  let [out, back, most] = [0, 0, 0];
  for (let loop = 0; loop < loops; loop++) {
    const own = (seed + loop) >>> 0;
    const order = [...all].sort(
      (a, b) => murmur3(Uint8Array.of(a, a >> 8), own) - murmur3(Uint8Array.of(b, b >> 8), own),
    );
    const gone = new Set(order.slice(0, removed));
    const full = assign(all, M, own, null);
    const less = assign(
      all.filter((i) => !gone.has(i)),
      M,
      own,
      full,
    );
    out += changed(full, less);
    back += changed(less, assign(all, M, own, less));
    const slots = Array.from({ length: N }, () => 0);
    for (const index of Array.from(full)) slots[index] = (slots[index] ?? 0) + 1;
    most += (Math.max(...slots) * N) / M;
  }
  const mean = (sum: number) => sum / loops;
  return {
    strategy,
    M,
    N,
    removed,
    loops,
    idealPercent: (100 * removed) / N,
    outPercent: (100 * mean(out)) / M,
    backPercent: (100 * mean(back)) / M,
    maxOverMean: mean(most),
  };
}

function changed(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let n = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) n++;
  return n;
}

/** Tables that fit on a screen are shown: permutations as slots in order of preference, and the lookup table with and without the first target. */
function small(M: number, N: number, seed: number): string[] {
  const all = Array.from({ length: N }, (_, i) => i);
  const words = (values: ArrayLike<number>) => Array.from(values).join(" ");
  return [
    ...all.map((i) => {
      const { offset, skip } = maglevWalk(i, M, seed);
      return `permutation of ${i}: ${words(Array.from({ length: M }, (_, j) => (offset + j * skip) % M))}`;
    }),
    `table:            ${words(maglevTable(all, M, seed))}`,
    ...(N > 1 ? [`table without 0:  ${words(maglevTable(all.slice(1), M, seed))}`] : []),
    "",
  ];
}

function lines(results: readonly Simulated[]): string[] {
  return tableLines(
    {
      head: ["Strategy", "Slots", "Targets", "Leave", "Ideal", "Moved", "On return", "Busiest / mean"],
      rows: results.map((r) => [
        r.strategy,
        count(r.M),
        count(r.N),
        count(r.removed),
        percent(r.idealPercent),
        percent(r.outPercent),
        percent(r.backPercent),
        r.maxOverMean.toFixed(3),
      ]),
    },
    120,
  );
}

function isPrime(n: number): boolean {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return n > 1;
}
