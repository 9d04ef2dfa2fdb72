// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { murmur3 } from "../hash.ts";
import { seed } from "../hashes/seed.ts";
import { defineStrategy } from "./define.ts";
import { keyHash } from "./key-hash.ts";
import { sharesByWeight } from "./pools.ts";

interface Nodes {
  seed: number;
  /** A power of two: 1 for each place whose target is active. */
  states: Uint8Array;
  active: readonly number[];
}

/**
 * DxHash (Dong and Wang, arXiv 2107.07930): places are tried in a pseudo-random order of the flow's own, and the first one whose
 * target is active is taken. No backend here works so.
 */
export const dx = defineStrategy({
  schema: z.strictObject({
    strategy: z.literal("dx"),
    seed,
    ports: z.boolean(),
    /** Places; a power of two. */
    size: z
      .int()
      .min(1)
      .refine((n) => Number.isInteger(Math.log2(n)), "expected a power of two"),
  }),
  hash: keyHash,
  state({ seed, size }, active): Nodes {
    const states = new Uint8Array(size);
    for (const index of active) states[index] = 1;
    return { seed, states, active };
  },
  pick({ seed, states, active }, hash) {
    if (active.length === 0) return null;
    words[0] = hash;
    for (let step = 0; ; step++) {
      words[1] = step;
      const place = murmur3(bytes, seed) % states.length;
      if (states[place] === 1) return place;
    }
  },
  shares: ({ active }) => sharesByWeight(active, () => 1),
  affinityS: ({ ports }) => (ports ? 0 : Number.POSITIVE_INFINITY),
  simulation: {
    spec: (_, seed, targets) => ({
      strategy: "dx" as const,
      seed,
      ports: true,
      size: 2 ** Math.ceil(Math.log2(2 * targets)),
    }),
    keys: "hashes",
  },
});

const words = new Uint32Array(2);
const bytes = new Uint8Array(words.buffer);
