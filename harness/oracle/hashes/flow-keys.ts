// SPDX-License-Identifier: Apache-2.0
import { type Flow, isIpv4 } from "../hash.ts";
import { siphash32 } from "./siphash.ts";

/** Where struct flow_keys (include/net/flow_dissector.h) has what is hashed, counted from `basic`. */
const FLOW_KEYS = { protocol: 2, ports: 28, addresses: 36, bytes: { 4: 48, 6: 72 } } as const;

/**
 * The kernel lets both directions of a flow hash alike: the smaller comes first. IPv4 addresses and ports are compared as numbers
 * of the machine's own byte order, which is little endian here, IPv6 addresses byte by byte.
 */
export function outerHash(policy: "l3" | "fields", seed: number, flow: Flow): number {
  const v4 = isIpv4(flow);
  const keys = new Uint8Array(FLOW_KEYS.bytes[v4 ? 4 : 6]);
  const from = v4 ? 12 : 0;
  const swapped = v4 ? numberOf(flow.dst) < numberOf(flow.src) : Buffer.compare(flow.dst, flow.src) < 0;
  for (let i = from; i < 16; i++) {
    keys[FLOW_KEYS.addresses + i - from] = (swapped ? flow.dst : flow.src)[i] ?? 0;
    keys[FLOW_KEYS.addresses + 16 + i - 2 * from] = (swapped ? flow.src : flow.dst)[i] ?? 0;
  }
  if (policy === "fields") {
    const [sport, dport] = [swap16(flow.sport), swap16(flow.dport)];
    const [first, second] = dport < sport ? [dport, sport] : [sport, dport];
    keys[FLOW_KEYS.protocol] = flow.protocol;
    keys.set([first & 255, first >> 8, second & 255, second >> 8], FLOW_KEYS.ports);
  }
  // 0 is kept for "not hashed yet".
  return siphash32(keys, seed) || 1;
}

/** An IPv4 address, and a port, as a machine of little endian reads it from the packet. */
const numberOf = (ip: Uint8Array) =>
  ((ip[12] ?? 0) | ((ip[13] ?? 0) << 8) | ((ip[14] ?? 0) << 16) | ((ip[15] ?? 0) << 24)) >>> 0;
const swap16 = (port: number) => ((port & 255) << 8) | (port >> 8);
