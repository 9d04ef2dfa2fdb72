// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { isIpv4 } from "../hash.ts";
import { defineHash } from "./define.ts";
import { jhashWords } from "./lookup3.ts";
import { seed } from "./seed.ts";

/**
 * iptables' HMARK over addresses and ports. Both directions of a flow hash alike: the smaller address and the larger port come
 * first. IPv6 addresses are folded.
 */
export const hmark = defineHash({
  schema: z.strictObject({ kind: z.literal("hmark"), seed }),
  space: 2 ** 32,
  of({ seed }, flow) {
    const v4 = isIpv4(flow);
    const [a, b] = [fold(flow.src, v4), fold(flow.dst, v4)];
    const ports = (Math.max(flow.sport, flow.dport) << 16) | Math.min(flow.sport, flow.dport);
    return jhashWords([Math.min(a, b), Math.max(a, b), ports], 3, seed);
  },
  hashesSourcesOnly: () => false,
});

function fold(bytes: Uint8Array, v4: boolean): number {
  const view = new DataView(bytes.slice().buffer);
  let folded = 0;
  for (let at = v4 ? 12 : 0; at < 16; at += 4) folded ^= view.getUint32(at);
  return folded >>> 0;
}
