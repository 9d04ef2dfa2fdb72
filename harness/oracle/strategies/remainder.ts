// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { flowHash, hashesSourcesOnly, hashOf, hashSpace } from "../hashes/index.ts";
import { defineStrategy } from "./define.ts";
import { poolInUse, pools, weightsOf } from "./pools.ts";
import { pickSlot, type Slots, sharesOfSlots, slotCells } from "./slots.ts";

/** The remainder of the hash by the sum of all weights, as nginx does it. */
export const remainder = defineStrategy({
  schema: z.strictObject({ strategy: z.literal("remainder"), hash: flowHash, ...pools }),
  hash: ({ hash }, flow) => hashOf(hash, flow),
  space: ({ hash }) => hashSpace(hash),
  state(spec, all): Slots {
    const active = poolInUse(spec, all);
    const ordered = [...active].sort((a, b) => a - b);
    return { active, slots: ordered.flatMap((index) => Array<number>(weightsOf(spec)(index)).fill(index)) };
  },
  pick: pickSlot,
  cells: (_, states) => slotCells(states),
  shares: sharesOfSlots,
  affinityS: ({ hash }, family) => (hashesSourcesOnly(hash, family) ? Number.POSITIVE_INFINITY : 0),
  simulation: {
    spec: (_, seed) => ({ strategy: "remainder" as const, hash: { kind: "murmur3" as const, seed, ports: true } }),
    keys: "hashes",
  },
});
