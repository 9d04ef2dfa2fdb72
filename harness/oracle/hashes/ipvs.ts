// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { isIpv4 } from "../hash.ts";
import { defineHash } from "./define.ts";

/**
 * What IPVS' schedulers hash, and of which service, packed into one number. The lowest 32 bits are address and port, added up; above
 * them come one bit of the family (1: IPv6) and 16 bits of the service's port, which is 0 with a firewall mark.
 */
export const ipvs = defineHash({
  schema: z.strictObject({
    kind: z.literal("ipvs"),
    address: z.enum(["source", "destination"]),
    ports: z.boolean(),
    fwmark: z.boolean(),
  }),
  space: 2 ** 49,
  of({ address, ports, fwmark }, flow) {
    const v4 = isIpv4(flow);
    const hashed = address === "destination" ? flow.dst : flow.src;
    const sum = (foldWords(v4 ? hashed.subarray(12) : hashed) + (ports ? flow.sport : 0)) >>> 0;
    return sum + (Number(!v4) + 2 * (fwmark ? 0 : flow.dport)) * 2 ** 32;
  },
  hashesSourcesOnly: ({ ports }) => !ports,
});

/** An address as one number; of IPv6 the four words of 32 bits xored. */
export function foldWords(bytes: ArrayLike<number>): number {
  let folded = 0;
  for (let i = 0; i < bytes.length; i++) folded ^= (bytes[i] ?? 0) << (8 * (3 - (i % 4)));
  return folded >>> 0;
}
