// SPDX-License-Identifier: Apache-2.0
// What a change of targets moves, by simulation: strategies with made-up keys and no lab.
import { murmur3 } from "./hash.ts";
import type { Oracle } from "./strategies/define.ts";
import "./strategies/index.ts";
import { hashValues, makeOracle, simulationOf } from "./strategies/registry.ts";

export { simulations } from "./strategies/registry.ts";

export interface SimulationRequest {
  strategy: string;
  /** Slots, or keys. */
  M: number;
  /** Targets, and of those the ones that leave. */
  N: number;
  removed: number;
  seed: number;
  loops: number;
}

export interface Simulated extends Omit<SimulationRequest, "seed"> {
  idealPercent: number;
  /** Slots that another target gets when random targets leave, and when they return: means over the loops. */
  outPercent: number;
  backPercent: number;
  /** Of the full table: slots of the target with the most, as a multiple of the mean. */
  maxOverMean: number;
}

/** Each loop takes the next seed and other targets away. */
export function simulateLoss({ strategy, M, N, removed, seed, loops }: SimulationRequest): Simulated {
  const simulation = simulationOf(strategy);
  const all = Array.from({ length: N }, (_, i) => i);
  let [out, back, most] = [0, 0, 0];
  for (let loop = 0; loop < loops; loop++) {
    const loopSeed = (seed + loop) >>> 0;
    const spec = simulation.spec(M, loopSeed, N, {});
    const keys = simulation.keys === "slots" ? Array.from({ length: M }, (_, i) => i) : hashes(spec, M, loopSeed);
    const targetsOf = (oracle: Oracle) => keys.map((key) => oracle.pick(key));
    const full = makeOracle(spec, all);
    const gone = leaving(all, removed, loopSeed);
    const less = makeOracle(
      spec,
      all.filter((i) => !gone.has(i)),
      full,
    );
    const [before, between] = [targetsOf(full), targetsOf(less)];
    out += changed(before, between);
    back += changed(between, targetsOf(makeOracle(spec, all, less)));
    most += (busiest(before) * N) / M;
  }
  const percent = (sum: number) => (100 * (sum / loops)) / M;
  return {
    strategy,
    M,
    N,
    removed,
    loops,
    idealPercent: (100 * removed) / N,
    outPercent: percent(out),
    backPercent: percent(back),
    maxOverMean: most / loops,
  };
}

function hashes(spec: { strategy: string }, count: number, seed: number): number[] {
  const divisor = 2 ** 32 / hashValues(spec);
  return Array.from({ length: count }, (_, key) =>
    Math.floor(murmur3(Uint8Array.of(key, key >> 8, key >> 16, 0), seed) / divisor),
  );
}

function leaving(all: readonly number[], count: number, seed: number): Set<number> {
  const place = (index: number) => murmur3(Uint8Array.of(index, index >> 8), seed);
  return new Set([...all].sort((a, b) => place(a) - place(b)).slice(0, count));
}

function changed<T>(a: readonly T[], b: readonly T[]): number {
  return a.filter((target, i) => target !== b[i]).length;
}

/** Keys of the target that has the most. */
function busiest(targets: readonly (number | null)[]): number {
  const counts = new Map<number | null, number>();
  for (const index of targets) counts.set(index, (counts.get(index) ?? 0) + 1);
  return Math.max(...counts.values());
}
