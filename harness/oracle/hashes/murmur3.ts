// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { flowKey, murmur3 as murmur3Of } from "../hash.ts";
import { defineHash } from "./define.ts";
import { seed } from "./seed.ts";

/** MurmurHash3 over the flow key of lb/common/README.md; without `ports`, over the addresses alone. */
export const murmur3 = defineHash({
  schema: z.strictObject({ kind: z.literal("murmur3"), seed, ports: z.boolean() }),
  space: 2 ** 32,
  of: (spec, flow) => murmur3Of(flowKey(flow, spec.ports), spec.seed),
  hashesSourcesOnly: ({ ports }) => !ports,
});
