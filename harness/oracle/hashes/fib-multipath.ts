// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { isIpv4 } from "../hash.ts";
import { defineHash } from "./define.ts";
import { outerHash } from "./flow-keys.ts";
import { jhashWords } from "./lookup3.ts";
import { seed } from "./seed.ts";

/**
 * fib_multipath_hash() and rt6_multipath_hash(), with net.ipv4.fib_multipath_hash_seed and _policy: "l3" is 0, "l4" 1, "fields" 3
 * with addresses, ports and protocol. Policy 1 takes the hash that the packet brought along from its sender's socket where it has
 * one, and policy 0 hashes IPv6's flow label: neither is known from the 5-tuple.
 */
export const fibMultipath = defineHash({
  schema: z.strictObject({ kind: z.literal("fib_multipath"), seed, policy: z.enum(["l3", "l4", "fields"]) }),
  space: 2 ** 31,
  of({ policy, seed }, flow) {
    if (policy === "l4" || (policy === "l3" && !isIpv4(flow))) return null;
    const outer = outerHash(policy, seed, flow);
    // Policy 3 mixes in the hash of an inner packet, which is 0 without encapsulation.
    return (policy === "fields" ? jhashWords([outer, 0, 0], 2, 0) : outer) >>> 1;
  },
  // Over IPv6 this policy hashes the flow label, which every connection has for itself.
  hashesSourcesOnly: ({ policy }, family) => policy === "l3" && family === 4,
});
