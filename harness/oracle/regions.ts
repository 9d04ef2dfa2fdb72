// Strategies that cut the hash into regions, one for each active target, in order: ECMP, HMARK, nftables' jhash and symhash.

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

/** Share of target `index`'s region that is not its own any more. */
export function shareMoved(before: readonly Region[], after: readonly Region[], index: number): number {
  const own = before.find((r) => r.index === index);
  const then = after.find((r) => r.index === index);
  if (!own || own.to === own.from) return 0;
  const kept = then ? Math.max(0, Math.min(own.to, then.to) - Math.max(own.from, then.from)) : 0;
  return 1 - kept / (own.to - own.from);
}
