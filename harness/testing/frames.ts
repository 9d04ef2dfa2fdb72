// SPDX-License-Identifier: Apache-2.0
// Frames that never were on a wire.
import type { Flow } from "../oracle/hash.ts";

/** An Ethernet frame of IPv4 and TCP with these flags and no payload. */
export function tcpFrame({ src, dst, sport, dport }: Flow, flags: number): { data: Buffer; length: number } {
  const data = Buffer.alloc(54);
  data.writeUInt16BE(0x0800, 12);
  data.writeUInt8(0x45, 14);
  data.writeUInt8(6, 23);
  data.set(src.subarray(12), 26);
  data.set(dst.subarray(12), 30);
  data.writeUInt16BE(sport, 34);
  data.writeUInt16BE(dport, 36);
  data.writeUInt8(0x50, 46);
  data.writeUInt8(flags, 47);
  return { length: 54, data };
}

/** An Ethernet frame of IPv4 with an ICMP error about a packet. */
export function icmpFrame(about: Buffer, type: number, code: number): { data: Buffer; length: number } {
  const outer = Buffer.from(about.subarray(0, 34));
  outer.writeUInt8(1, 23);
  const data = Buffer.concat([outer, Buffer.from([type, code, 0, 0, 0, 0, 0, 0]), about.subarray(14)]);
  return { length: data.length, data };
}
