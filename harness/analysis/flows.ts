// SPDX-License-Identifier: Apache-2.0
import { addressBytes, type Flow, PROTOCOL } from "../oracle/hash.ts";
import type { Connection, StreamStart } from "../record/schema.ts";

/** Turns rows of one stream into flows: the row only holds the offset of its source in the stream's network. */
export function flowReader(
  stream: Pick<StreamStart, "srcCidr" | "dst" | "dport" | "protocol">,
): (row: Pick<Connection, "srcOffset" | "sport">) => Flow {
  const base = addressBytes(stream.srcCidr.split("/")[0] ?? "");
  const dst = addressBytes(stream.dst);
  const protocol = PROTOCOL[stream.protocol];
  return ({ srcOffset, sport }) => {
    const src = base.slice();
    let carry = srcOffset;
    for (let i = 15; carry > 0 && i >= 0; i--) {
      carry += src[i] ?? 0;
      src[i] = carry & 255;
      carry = Math.floor(carry / 256);
    }
    return { src, sport, dst, dport: stream.dport, protocol };
  };
}

/** "50.0.12.7" or "2000::c07". */
export function addressText(bytes: Uint8Array): string {
  if (bytes.subarray(0, 10).every((b) => b === 0) && bytes[10] === 0xff && bytes[11] === 0xff)
    return bytes.subarray(12).join(".");
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  const zeros = groups.join(":").match(/(?:^|:)(?:0(?::|$)){2,}/g) ?? [];
  const longest = zeros.sort((a, b) => b.length - a.length)[0];
  return longest ? groups.join(":").replace(longest, "::") : groups.join(":");
}
