// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { murmur3 } from "../hash.ts";
import { seed } from "../hashes/seed.ts";
import { defineStrategy } from "./define.ts";
import { keyHash } from "./key-hash.ts";
import { sharesByWeight } from "./pools.ts";

/** With the names of the paper. Buckets that work are 0 in `A`; of the others it is how many worked when they were removed. */
interface Anchor {
  seed: number;
  A: Int32Array;
  K: Int32Array;
  L: Int32Array;
  W: Int32Array;
  /** Buckets that were removed, the last one at the end. */
  R: readonly number[];
  working: number;
  /** Bucket -> target. */
  targets: ReadonlyMap<number, number>;
}

/**
 * AnchorHash (Mendelson et al., AnchorHash: A Scalable Consistent Hash, arXiv 1812.09674, algorithm 3): only flows of targets that
 * leave move, and to targets that join. Who joins gets the bucket that was removed last. No backend here works so.
 */
export const anchor = defineStrategy({
  schema: z.strictObject({
    strategy: z.literal("anchor"),
    seed,
    ports: z.boolean(),
    /** Buckets: no more targets than these can ever be active. */
    capacity: z.int().min(1),
  }),
  hash: keyHash,
  state({ seed, capacity }, active, before: Anchor | null): Anchor {
    const ordered = [...active].sort((a, b) => a - b);
    if (!before || before.working === 0 || ordered.length === 0) return begun(ordered, capacity, seed);
    const wanted = new Set(ordered);
    const present = new Set(before.targets.values());
    const leaving = [...before.targets].filter(([, target]) => !wanted.has(target)).sort(([, a], [, b]) => a - b);
    const joining = ordered.filter((target) => !present.has(target)).reverse();
    // Who joins comes first where nobody else would be left.
    const joined = leaving.length === before.working ? joining.reduce(added, before) : before;
    const left = leaving.reduce((state, [bucket]) => removed(state, bucket), joined);
    return joined === before ? joining.reduce(added, left) : left;
  },
  pick: (state, hash) => (state.working === 0 ? null : (state.targets.get(bucketOf(state, hash)) ?? null)),
  shares: ({ targets }) => sharesByWeight([...targets.values()], () => 1),
  affinityS: ({ ports }) => (ports ? 0 : Number.POSITIVE_INFINITY),
  simulation: {
    spec: (_, seed, targets) => ({ strategy: "anchor" as const, seed, ports: true, capacity: 2 * targets }),
    keys: "hashes",
  },
});

function begun(targets: readonly number[], capacity: number, seed: number): Anchor {
  const size = Math.max(capacity, targets.length);
  const each = Int32Array.from({ length: size }, (_, b) => b);
  const unused = [...each].slice(targets.length).reverse();
  const A = new Int32Array(size);
  for (const bucket of unused) A[bucket] = bucket;
  const bound = new Map(targets.map((target, bucket) => [bucket, target]));
  return { seed, A, K: each, L: each.slice(), W: each.slice(), R: unused, working: targets.length, targets: bound };
}

function copyOf(state: Anchor) {
  const { A, K, L, W, targets } = state;
  return { ...state, A: A.slice(), K: K.slice(), L: L.slice(), W: W.slice(), targets: new Map(targets) };
}

function removed(state: Anchor, bucket: number): Anchor {
  const next = copyOf(state);
  const working = state.working - 1;
  const last = next.W[working] as number;
  next.A[bucket] = working;
  next.K[bucket] = last;
  next.W[next.L[bucket] as number] = last;
  next.L[last] = next.L[bucket] as number;
  next.targets.delete(bucket);
  return { ...next, working, R: [...state.R, bucket] };
}

function added(state: Anchor, target: number): Anchor {
  const bucket = state.R.at(-1);
  if (bucket === undefined) throw new Error(`AnchorHash has ${state.A.length} buckets, and all of them work.`);
  const next = copyOf(state);
  next.A[bucket] = 0;
  next.L[next.W[state.working] as number] = state.working;
  next.W[next.L[bucket] as number] = bucket;
  next.K[bucket] = bucket;
  next.targets.set(bucket, target);
  return { ...next, working: state.working + 1, R: state.R.slice(0, -1) };
}

function bucketOf({ seed, A, K }: Anchor, hash: number): number {
  let bucket = rehashed(hash, 0, seed) % A.length;
  while ((A[bucket] as number) > 0) {
    let next = rehashed(hash, bucket + 1, seed) % (A[bucket] as number);
    while ((A[next] as number) >= (A[bucket] as number)) next = K[next] as number;
    bucket = next;
  }
  return bucket;
}

const words = new Uint32Array(2);
const bytes = new Uint8Array(words.buffer);
function rehashed(hash: number, salt: number, seed: number): number {
  words[0] = hash;
  words[1] = salt;
  return murmur3(bytes, seed);
}
