// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { flowHash, hashesSourcesOnly, hashOf, hashSpace } from "../hashes/index.ts";
import { defineStrategy } from "./define.ts";
import { poolInUse, pools, weightsOf } from "./pools.ts";
import { pickSlot, sharesOfSlots } from "./slots.ts";

/** A resilient next-hop group of Linux: the hash chooses a bucket, and only buckets of targets that leave move. */
export const resilient = defineStrategy({
  schema: z.strictObject({
    strategy: z.literal("resilient"),
    hash: flowHash.nullable(),
    buckets: z.number().int().positive(),
    ...pools,
  }),
  hash: ({ hash }, flow) => hash && hashOf(hash, flow),
  space: ({ hash }) => hashSpace(hash),
  state(spec, all, before: Buckets | null): Buckets {
    const active = poolInUse(spec, all);
    return { active, slots: resilientBuckets(active, spec.buckets, weightsOf(spec), before?.slots ?? null) };
  },
  pick: pickSlot,
  shares: sharesOfSlots,
  moved(lived: readonly Buckets[], after: Buckets, target) {
    const own = [...after.slots.keys()].filter((i) => lived.every(({ slots }) => slots[i] === target));
    return own.filter((i) => after.slots[i] !== target).length / Math.max(1, own.length);
  },
  affinityS: ({ hash }, family) => (hash && hashesSourcesOnly(hash, family) ? Number.POSITIVE_INFINITY : 0),
  simulation: {
    spec: (buckets) => ({ strategy: "resilient" as const, hash: null, buckets }),
    keys: "slots",
  },
});

interface Buckets {
  active: readonly number[];
  slots: Int32Array;
}

/**
 * Buckets of a resilient next-hop group after its members became `active`, with every bucket in use: bucket -> index. Buckets
 * of members that stay are kept; free ones go to the members that have too few, the last in the list first. Without
 * `before` all buckets are free.
 */
export function resilientBuckets(
  active: readonly number[],
  buckets: number,
  weight: (index: number) => number,
  before: Int32Array | null,
): Int32Array {
  if (active.length === 0) return new Int32Array(0);
  const ordered = [...active].sort((a, b) => a - b);
  const member = new Set(ordered);
  const table = new Int32Array(buckets).map((_, i) => {
    const owner = before?.[i] ?? -1;
    return member.has(owner) ? owner : -1;
  });
  const lacking = wanted(ordered, buckets, weight).map(({ index, wants }) => ({
    index,
    lacks: wants - table.reduce((n, owner) => n + (owner === index ? 1 : 0), 0),
  }));
  const queue = lacking.filter(({ lacks }) => lacks > 0).reverse();
  for (let i = 0; i < buckets; i++) {
    const [first] = queue;
    if (table[i] !== -1 || !first) continue;
    table[i] = first.index;
    if (--first.lacks === 0) queue.shift();
  }
  return table;
}

function wanted(ordered: readonly number[], buckets: number, weight: (index: number) => number) {
  const total = ordered.reduce((sum, index) => sum + weight(index), 0);
  let [sum, from] = [0, 0];
  return ordered.map((index) => {
    sum += weight(index);
    const to = Math.floor((buckets * sum + Math.floor(total / 2)) / total);
    const wants = to - from;
    from = to;
    return { index, wants };
  });
}
