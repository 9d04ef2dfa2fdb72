// SPDX-License-Identifier: Apache-2.0
// Strategies that cut the hash into regions, one for each active target, in order: ECMP, HMARK, nftables' jhash and symhash.
import { type Pools, poolInUse, sharesByWeight, weightsOf } from "./pools.ts";

/** The state of such a strategy. */
export interface Regions {
  regions: readonly Region[];
  shares: ReadonlyMap<number, number>;
}

export interface Region {
  index: number;
  from: number;
  /** The first hash behind it. */
  to: number;
}

/** Regions of sizes in proportion to the weights, at the kernel's hash-threshold bounds (RFC 2992). */
export function thresholdRegions(
  active: readonly number[],
  weight: (index: number) => number,
  space: number,
): Region[] {
  return cut(active, weight, (sum, total) => {
    const exact = (BigInt(space) * BigInt(sum) + BigInt(total) / 2n) / BigInt(total);
    return Number(exact);
  });
}

/** Regions of a hash that is multiplied down to the sum of the weights: bounds are rounded up. */
export function scaledRegions(active: readonly number[], weight: (index: number) => number, space: number): Region[] {
  return cut(active, weight, (sum, total) =>
    Number((BigInt(space) * BigInt(sum) + BigInt(total) - 1n) / BigInt(total)),
  );
}

export function regionsOf(
  cutter: typeof thresholdRegions,
  spec: Pools,
  active: readonly number[],
  space: number,
): Regions {
  const pool = poolInUse(spec, active);
  const weight = weightsOf(spec);
  return { regions: cutter(pool, weight, space), shares: sharesByWeight(pool, weight) };
}

function cut(
  active: readonly number[],
  weight: (index: number) => number,
  bound: (sum: number, total: number) => number,
): Region[] {
  const ordered = [...active].sort((a, b) => a - b);
  const total = ordered.reduce((sum, index) => sum + weight(index), 0);
  let [sum, from] = [0, 0];
  return ordered.map((index) => {
    sum += weight(index);
    const region = { index, from, to: bound(sum, total) };
    from = region.to;
    return region;
  });
}

export function regionOf(regions: readonly Region[], hash: number): number | null {
  let [low, high] = [0, regions.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (hash < (regions[middle]?.to ?? 0)) high = middle;
    else low = middle + 1;
  }
  return regions[low]?.index ?? null;
}

/**
 * A flow whose hash is unknown was on target `index` through all of `lived`, so its hash lies where those regions of the target
 * overlap: the share of that overlap which is not the target's in `after`.
 */
export function shareMoved(lived: readonly (readonly Region[])[], after: readonly Region[], index: number): number {
  const own = (regions: readonly Region[]) => regions.find((r) => r.index === index) ?? { from: 0, to: 0 };
  const from = Math.max(...lived.map((regions) => own(regions).from));
  const to = Math.min(...lived.map((regions) => own(regions).to));
  if (to <= from) return 0;
  const then = own(after);
  return 1 - Math.max(0, Math.min(to, then.to) - Math.max(from, then.from)) / (to - from);
}
