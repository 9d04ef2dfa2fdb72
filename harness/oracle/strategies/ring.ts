// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { murmur3 } from "../hash.ts";
import { seed } from "../hashes/seed.ts";
import { type Cells, defineStrategy } from "./define.ts";
import { keyHash } from "./key-hash.ts";

/** Points in rising order, each with the target that it belongs to. */
export interface Ring {
  active: readonly number[];
  points: Uint32Array;
  owners: Uint16Array;
}

const SPACE = 2 ** 32;
const TARGETS = 2 ** 16;

/**
 * The ring of Karger et al. (Consistent hashing and random trees, STOC 1997), with so many virtual nodes for each target: a flow
 * goes to the first point at or behind its hash. No backend here works so.
 */
export const ring = defineStrategy({
  schema: z.strictObject({
    strategy: z.literal("ring"),
    seed,
    ports: z.boolean(),
    /** Virtual nodes of each target. */
    replicas: z.int().min(1),
  }),
  hash: keyHash,
  state: ({ seed, replicas }, active): Ring => ringOf(active, replicas, seed),
  pick: ({ points, owners }, hash) => owners[placeOf(points, hash)] ?? null,
  cells: (_, states) => ringCells(states),
  shares: sharesOf,
  affinityS: ({ ports }) => (ports ? 0 : Number.POSITIVE_INFINITY),
  simulation: {
    spec: (slots, seed, targets) => ({
      strategy: "ring" as const,
      seed,
      ports: true,
      replicas: Math.max(1, Math.round(slots / targets)),
    }),
    keys: "hashes",
  },
});

/** A point and its target as one number, so that they are sorted without objects. */
export function ringOf(active: readonly number[], replicas: number, seed: number): Ring {
  const word = new Uint32Array(2);
  const bytes = new Uint8Array(word.buffer);
  const all = new Float64Array(active.length * replicas);
  for (const [i, index] of active.entries())
    for (let replica = 0; replica < replicas; replica++) {
      word[0] = index;
      word[1] = replica;
      all[i * replicas + replica] = murmur3(bytes, seed) * TARGETS + index;
    }
  all.sort();
  const points = Uint32Array.from(all, (key) => Math.floor(key / TARGETS));
  return { active, points, owners: Uint16Array.from(all, (key) => key % TARGETS) };
}

/** The first point that is not below the hash; behind the last one comes the first. */
export function placeOf(points: ArrayLike<number>, hash: number): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle] as number) < hash) low = middle + 1;
    else high = middle;
  }
  return low === points.length ? 0 : low;
}

function sharesOf({ active, points, owners }: Ring): Map<number, number> {
  const shares = new Map(active.map((index) => [index, 0]));
  for (const [i, point] of points.entries()) {
    const before = i === 0 ? (points.at(-1) ?? 0) - SPACE : (points[i - 1] ?? 0);
    const owner = owners[i] ?? 0;
    shares.set(owner, (shares.get(owner) ?? 0) + (point - before) / SPACE);
  }
  return shares;
}

/** Between two points of any of the rings. */
function ringCells(rings: readonly Ring[]): Cells {
  const all = new Uint32Array(rings.reduce((sum, ring) => sum + ring.points.length, 0));
  let at = 0;
  for (const ring of rings) {
    all.set(ring.points, at);
    at += ring.points.length;
  }
  const points = all.sort().filter((point, i) => i === 0 || point !== all[i - 1]);
  return {
    count: Math.max(1, points.length),
    of: (hash) => placeOf(points, hash),
    sample: (cell) => points[cell] ?? 0,
  };
}
