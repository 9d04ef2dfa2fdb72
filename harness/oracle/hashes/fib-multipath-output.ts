// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { defineHash } from "./define.ts";
import { outerHash } from "./flow-keys.ts";
import { seed } from "./seed.ts";

/** fib_multipath with policy 3, for flows that the machine sends itself instead of forwarding them. */
export const fibMultipathOutput = defineHash({
  schema: z.strictObject({ kind: z.literal("fib_multipath_output"), seed }),
  space: 2 ** 31,
  of: (spec, flow) => outerHash("fields", spec.seed, flow) >>> 1,
  hashesSourcesOnly: () => false,
});
