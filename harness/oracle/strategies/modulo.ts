// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { flowKey, murmur3 } from "../hash.ts";
import { seed } from "../hashes/seed.ts";
import { defineStrategy } from "./define.ts";
import { pickSlot, type Slots, sharesOfSlots } from "./slots.ts";

/** The remainder of the hash by the number of active targets, as nfqueue-lb and xdp-lb can do it. */
export const modulo = defineStrategy({
  schema: z.strictObject({ strategy: z.literal("modulo"), seed, ports: z.boolean() }),
  hash: (spec, flow) => murmur3(flowKey(flow, spec.ports), spec.seed),
  state: (_, active): Slots => ({ active, slots: [...active].sort((a, b) => a - b) }),
  pick: pickSlot,
  shares: sharesOfSlots,
  affinityS: ({ ports }) => (ports ? 0 : Number.POSITIVE_INFINITY),
  simulation: { spec: (_, seed) => ({ strategy: "modulo" as const, seed, ports: true }), keys: "hashes" },
});
