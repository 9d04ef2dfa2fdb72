// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { isIpv4 } from "../hash.ts";
import { defineHash } from "./define.ts";

/** nginx' "hash $binary_remote_addr$remote_port": 15 bits of a CRC. */
export const nginx = defineHash({
  schema: z.strictObject({ kind: z.literal("nginx") }),
  space: 2 ** 15,
  of(_, flow) {
    const address = isIpv4(flow) ? flow.src.subarray(12) : flow.src;
    return (crc32(Buffer.concat([address, Buffer.from(`${flow.sport}`)])) >>> 16) & 0x7fff;
  },
  hashesSourcesOnly: () => false,
});

/** The reflected CRC of IEEE 802.3. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
