// SPDX-License-Identifier: Apache-2.0
// The size of a Maglev table, for the balancers that have one.
import { UsageError } from "../../harness/util/errors.ts";

interface Given {
  mode: "maglev" | "modulo";
  M?: number | undefined;
  N?: number | undefined;
}

/** Slots and room for targets. Throws UsageError when M is no prime or the targets do not fit. */
export function tableSizes(given: Given, targets: number): { M: number; N: number } {
  const M = given.M ?? (targets <= 32 ? 997 : 65_537);
  const N = given.N ?? Math.max(32, targets);
  if (!isPrime(M))
    throw new UsageError(`M must be a prime: ${M} is not. Try ${nearestPrime(M, -1)} or ${nearestPrime(M, 1)}.`);
  if (N < targets) throw new UsageError(`N=${N} has no room for ${targets} targets.`);
  if (given.mode === "maglev" && N > M) throw new UsageError(`N=${N} must not be above M=${M}.`);
  return { M, N };
}

function isPrime(n: number): boolean {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return n > 1;
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
