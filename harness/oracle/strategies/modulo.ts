// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { seed } from "../hashes/seed.ts";
import { defineStrategy } from "./define.ts";
import { keyHash, sctp } from "./key-hash.ts";
import { pickSlot, type Slots, sharesOfSlots, slotCells, slotText } from "./slots.ts";

/** The remainder of the hash by the number of active targets, as nfqueue-lb and xdp-lb can do it. */
export const modulo = defineStrategy({
  schema: z.strictObject({ strategy: z.literal("modulo"), seed, ports: z.boolean(), sctp }),
  hash: keyHash,
  state: (_, active): Slots => ({ active, slots: [...active].sort((a, b) => a - b) }),
  pick: pickSlot,
  slot: slotText,
  cells: (_, states) => slotCells(states),
  shares: sharesOfSlots,
  affinityS: ({ ports }) => (ports ? 0 : Number.POSITIVE_INFINITY),
  simulation: { spec: (_, seed) => ({ strategy: "modulo" as const, seed, ports: true }), keys: "hashes" },
});
