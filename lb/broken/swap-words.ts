// SPDX-License-Identifier: Apache-2.0
// A change of content that no checksum sees: two 16-bit words change places.
import { VIP } from "../../harness/api/index.ts";

/** Of the message, with its mark: what follows is the same in all messages (images/traffic/integrity.c). */
const CONTENT_AT = 96;
/** TCP with time stamps. */
const TCP_BYTES = 32;
const MASK = (1n << 64n) - 1n;

/** Rules for nft: of the packets with this fwmark that hold a message's start, one of 20 has two words of its content swapped. */
export function swapWords(fwmark: number): string {
  const [first, second] = contentWords();
  const at = (TCP_BYTES + CONTENT_AT) * 8;
  const swapped = `@th,${at},32 set 0x${second}${first}`;
  const match = `meta mark ${fwmark} tcp dport 5003 tcp doff 8 @th,${at},32 0x${first}${second} numgen inc mod 20 0`;
  return [
    "table inet broken-flips {",
    "  chain forward {",
    "    type filter hook forward priority 0;",
    `    ip daddr ${VIP[4]} ${match} ${swapped}`,
    `    ip6 daddr ${VIP[6]} ${match} ${swapped}`,
    "  }",
    "}",
    "",
  ].join("\n");
}

/** The first two 16-bit words of the content, as hexadecimal digits in the order of the bytes. */
function contentWords(): [string, string] {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(mix(BigInt(CONTENT_AT + 1)));
  return [bytes.toString("hex", 0, 2), bytes.toString("hex", 2, 4)];
}

function mix(seed: bigint): bigint {
  let x = seed;
  x = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  x = ((x ^ (x >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return x ^ (x >> 31n);
}
