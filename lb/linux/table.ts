// SPDX-License-Identifier: Apache-2.0
// What the balancers that hash to a table share: options, sizes, the choice that they make.
import { z } from "zod";
import { type AssignSpec, isPrime, UsageError } from "../../harness/api/index.ts";
import { checkWeights, weights, weightsPart } from "./options.ts";

/** Options by the same names in all of them; `largest` is the largest table. */
export const tableOptions = (largest: number) => ({
  scheduler: z.enum(["maglev", "modulo"]).default("maglev").describe("how a hash becomes a target"),
  ports: z.stringbool().default(true).describe("hash ports and protocol too, not only addresses"),
  M: z.coerce
    .number()
    .int()
    .min(2)
    .max(largest)
    .optional()
    .describe("Maglev table size, a prime (997 up to 32 targets, else 65537)"),
  N: z.coerce.number().int().min(1).max(1000).optional().describe("targets the table has room for (at least 32)"),
  hashSeed: z.coerce
    .number()
    .int()
    .min(0)
    .max(0xffffffff)
    .default(0)
    .describe("seed of the flow hash and of the table"),
  weights,
});

/** How these choose a target for a flow. */
export function tableChoice(given: Given & { hashSeed: number; ports: boolean }, targets: number): AssignSpec {
  const { M } = tableSizes(given, targets);
  const { hashSeed: seed, ports } = given;
  return given.scheduler === "modulo"
    ? { strategy: "modulo", seed, ports }
    : { strategy: "maglev", m: M, seed, ports, ...weightsPart(given.weights) };
}

interface Given {
  scheduler: "maglev" | "modulo";
  M?: number | undefined;
  N?: number | undefined;
  weights?: readonly number[] | undefined;
}

const NO_WEIGHTS = "scheduler=modulo gives each target the same share. Try scheduler=maglev.";

/** Why these take no other weights while they run; null: they do. */
export const reweighs = ({ scheduler }: Pick<Given, "scheduler">): string | null =>
  scheduler === "modulo" ? `Weights cannot change: ${NO_WEIGHTS}` : null;

/** How the programs take a target's weight: 1 is not said. */
export const weightWord = (weight: number): string => (weight === 1 ? "" : `@${weight}`);

/** Slots and room for targets. Throws UsageError when M is no prime or the targets do not fit. */
export function tableSizes(given: Given, targets: number): { M: number; N: number } {
  const M = given.M ?? (targets <= 32 ? 997 : 65_537);
  const N = given.N ?? Math.max(32, targets);
  if (!isPrime(M))
    throw new UsageError(`M must be a prime: ${M} is not. Try ${nearestPrime(M, -1)} or ${nearestPrime(M, 1)}.`);
  checkWeights(given.weights, targets);
  if (given.weights && given.scheduler === "modulo") throw new UsageError(`weights: ${NO_WEIGHTS}`);
  if (N < targets) throw new UsageError(`N=${N} has no room for ${targets} targets.`);
  if (given.scheduler === "maglev" && N > M) throw new UsageError(`N=${N} must not be above M=${M}.`);
  return { M, N };
}

function nearestPrime(n: number, step: 1 | -1): number {
  let at = n + step;
  while (at > 2 && !isPrime(at)) at += step;
  return at;
}

export type Stats = { [key: string]: number | string | null | Stats };

/** Nested counters as "a.b"; those in `drops` are packets lost to the user and are named as drops. */
export function flatCounters(
  stats: Stats,
  drops: ReadonlyMap<string, string>,
  prefix = "",
  flat: Record<string, number> = {},
): Record<string, number> {
  for (const [key, value] of Object.entries(stats)) {
    const name = drops.get(key) ?? `${prefix}${key}`;
    if (typeof value === "number") flat[name] = value;
    else if (value !== null && typeof value === "object") flatCounters(value, drops, `${prefix}${key}.`, flat);
  }
  return flat;
}

/** Counters that begin anew with each run of a program, added up over all of them. */
export class Totals {
  readonly #readNow: () => Promise<Record<string, number>>;
  #before: Record<string, number> = {};

  constructor(readNow: () => Promise<Record<string, number>>) {
    this.#readNow = readNow;
  }

  async read(): Promise<Record<string, number>> {
    const now = await this.#readNow();
    const sums = Object.entries(now).map(([name, n]) => [name, n + (this.#before[name] ?? 0)]);
    return { ...this.#before, ...Object.fromEntries(sums) };
  }

  /** The run has ended, and its counters begin anew. */
  async keep(): Promise<void> {
    this.#before = await this.read();
  }
}
