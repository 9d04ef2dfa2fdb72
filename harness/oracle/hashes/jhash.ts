// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { type Flow, isIpv4 } from "../hash.ts";
import { defineHash } from "./define.ts";
import { jhash as lookup3 } from "./lookup3.ts";
import { seed } from "./seed.ts";

const keys = z.enum(["srcip", "dstip", "srcport", "dstport"]);

/** nftables' jhash over these parts of the packet, in this order. */
export const jhash = defineHash({
  schema: z.strictObject({ kind: z.literal("jhash"), seed, keys: z.array(keys).readonly() }),
  space: 2 ** 32,
  of: (spec, flow) => lookup3(Buffer.concat(spec.keys.map((key) => register(key, flow))), spec.seed),
  hashesSourcesOnly: (spec) => spec.keys.every((key) => key.endsWith("ip")),
});

/** nftables gives every part of a concatenation whole 32-bit registers, in network order. */
function register(key: z.infer<typeof keys>, flow: Flow): Uint8Array {
  const address = (bytes: Uint8Array) => (isIpv4(flow) ? bytes.subarray(12) : bytes);
  const port = (n: number) => Uint8Array.of(n >> 8, n & 255, 0, 0);
  switch (key) {
    case "srcip":
      return address(flow.src);
    case "dstip":
      return address(flow.dst);
    case "srcport":
      return port(flow.sport);
    case "dstport":
      return port(flow.dport);
  }
}
