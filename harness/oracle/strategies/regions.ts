// SPDX-License-Identifier: Apache-2.0
// Strategies that cut the hash into regions, one for each active target, in order: ECMP, HMARK, nftables' jhash and symhash.
import type { Cells } from "./define.ts";
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
  return cut(active, weight, (sum, total) => scaledBound(space, sum, total));
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

/**
 * The same with a slot for each unit of weight, in `order`; the last slots take the places of those whose targets get no new flows
 * (lb/nftables/farms/memory.ts).
 */
export function filledRegions(
  spec: Pools,
  order: readonly number[],
  active: readonly number[],
  space: number,
): Regions {
  const pool = poolInUse(spec, active);
  const weight = weightsOf(spec);
  const unit = order.reduce((common, index) => greatestDivisor(common, weight(index)), 0);
  const places = order.flatMap((index) => Array.from({ length: weight(index) / unit }, () => index));
  const used = new Set(pool);
  const size = places.filter((index) => used.has(index)).length;
  const spare = places.slice(size).filter((index) => used.has(index));
  const slots = places.slice(0, size).map((index) => (used.has(index) ? index : (spare.pop() ?? index)));
  const regions: Region[] = [];
  for (const [i, index] of slots.entries()) {
    const last = regions.at(-1);
    const to = scaledBound(space, i + 1, size);
    if (last?.index === index) last.to = to;
    else regions.push({ index, from: last?.to ?? 0, to });
  }
  return { regions, shares: sharesByWeight(pool, weight) };
}

const scaledBound = (space: number, sum: number, total: number): number =>
  Number((BigInt(space) * BigInt(sum) + BigInt(total) - 1n) / BigInt(total));

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));

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

/** Between any two bounds of a course of states the target stays the same. */
export function regionCells(states: readonly Regions[]): Cells {
  const all = states.flatMap(({ regions }) => regions.flatMap(({ from, to }) => [from, to]));
  const bounds = Float64Array.from(new Set([0, ...all])).sort();
  const of = (hash: number) => {
    let [first, last] = [0, bounds.length - 1];
    while (first < last) {
      const middle = (first + last + 1) >> 1;
      if (hash >= (bounds[middle] as number)) first = middle;
      else last = middle - 1;
    }
    return first;
  };
  return { count: bounds.length, of, sample: (cell) => bounds[cell] as number };
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
  const own = (regions: readonly Region[]) => regions.filter((region) => region.index === index);
  const [first = [], ...others] = lived.map(own);
  const was = others.reduce(overlap, first);
  const size = sizeOf(was);
  return size === 0 ? 0 : 1 - sizeOf(overlap(was, own(after))) / size;
}

const sizeOf = (regions: readonly Region[]) => regions.reduce((sum, { from, to }) => sum + to - from, 0);

const overlap = (some: readonly Region[], others: readonly Region[]): Region[] =>
  some.flatMap(({ index, from, to }) =>
    others.flatMap((other) => {
      const region = { index, from: Math.max(from, other.from), to: Math.min(to, other.to) };
      return region.to > region.from ? [region] : [];
    }),
  );
