// SPDX-License-Identifier: Apache-2.0
// The hashes that Linux' own strategies use, written from their definitions: what a run sets (seeds) is all they depend on.
import { type Flow, flowKey, murmur3 } from "./hash.ts";
import { jhash, jhashWords } from "./jhash.ts";
import { siphash32 } from "./siphash.ts";

export type FlowHash =
  | { kind: "murmur3"; seed: number; ports: boolean }
  /** net.ipv4.fib_multipath_hash_seed and _policy: "l3" is 0, "l4" 1, "fields" 3 with addresses, ports and protocol. 31 bits. */
  | { kind: "fib_multipath"; seed: number; policy: "l3" | "l4" | "fields" }
  /** The same with policy 3, for flows that the machine sends itself instead of forwarding them. */
  | { kind: "fib_multipath_output"; seed: number }
  /** iptables' HMARK over addresses and ports. */
  | { kind: "hmark"; seed: number }
  /** nftables' jhash over these parts of the packet, in this order. */
  | { kind: "jhash"; seed: number; keys: readonly FlowField[] }
  /** nginx' "hash $binary_remote_addr$remote_port": 15 bits. */
  | { kind: "nginx" };

type FlowField = "srcip" | "dstip" | "srcport" | "dstport";

/** null: what this packet hashes to depends on something that the record does not hold. */
export function hashOf(spec: FlowHash, flow: Flow): number | null {
  switch (spec.kind) {
    case "murmur3":
      return murmur3(flowKey(flow, spec.ports), spec.seed);
    case "fib_multipath":
      return fibMultipath(spec.policy, spec.seed, flow);
    case "fib_multipath_output":
      return outerHash("fields", spec.seed, flow) >>> 1;
    case "hmark":
      return hmark(spec.seed, flow);
    case "jhash":
      return jhash(Buffer.concat(spec.keys.map((key) => register(key, flow))), spec.seed);
    case "nginx":
      return (crc32(Buffer.concat([address(flow.src, isIpv4(flow)), Buffer.from(`${flow.sport}`)])) >>> 16) & 0x7fff;
  }
}

/** The reflected CRC of IEEE 802.3. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** Number of values the hash can take. */
export function hashSpace(spec: FlowHash | null): number {
  if (spec?.kind === "nginx") return 2 ** 15;
  return spec?.kind.startsWith("fib_multipath") ? 2 ** 31 : 2 ** 32;
}

function isIpv4({ dst }: Flow): boolean {
  for (let i = 0; i < 10; i++) if (dst[i] !== 0) return false;
  return dst[10] === 0xff && dst[11] === 0xff;
}
const address = (bytes: Uint8Array, v4: boolean) => (v4 ? bytes.subarray(12) : bytes);

/** Where struct flow_keys (include/net/flow_dissector.h) has what is hashed, counted from `basic`. */
const FLOW_KEYS = { protocol: 2, ports: 28, addresses: 36, bytes: { 4: 48, 6: 72 } } as const;

/**
 * fib_multipath_hash() and rt6_multipath_hash(). Policy 1 takes the hash that the packet brought along from its sender's socket
 * where it has one, and policy 0 hashes IPv6's flow label: neither is known from the 5-tuple.
 */
function fibMultipath(policy: "l3" | "l4" | "fields", seed: number, flow: Flow): number | null {
  const v4 = isIpv4(flow);
  if (policy === "l4" || (policy === "l3" && !v4)) return null;
  const outer = outerHash(policy, seed, flow);
  // Policy 3 mixes in the hash of an inner packet, which is 0 without encapsulation.
  return (policy === "fields" ? jhashWords(outer, 0, 0, 2, 0) : outer) >>> 1;
}

/**
 * The kernel lets both directions of a flow hash alike: the smaller comes first. IPv4 addresses and ports are compared as numbers
 * of the machine's own byte order, which is little endian here, IPv6 addresses byte by byte.
 */
function outerHash(policy: "l3" | "fields", seed: number, flow: Flow): number {
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

/** Both directions of a flow hash alike here too: the smaller address and the larger port come first. IPv6 addresses are folded. */
function hmark(seed: number, flow: Flow): number {
  const v4 = isIpv4(flow);
  const fold = (bytes: Uint8Array) => {
    const view = new DataView(bytes.slice().buffer);
    let folded = 0;
    for (let at = v4 ? 12 : 0; at < 16; at += 4) folded ^= view.getUint32(at);
    return folded >>> 0;
  };
  const [a, b] = [fold(flow.src), fold(flow.dst)];
  const ports = (Math.max(flow.sport, flow.dport) << 16) | Math.min(flow.sport, flow.dport);
  return jhashWords(Math.min(a, b), Math.max(a, b), ports, 3, seed);
}

/** nftables gives every part of a concatenation whole 32-bit registers, in network order. */
function register(key: FlowField, flow: Flow): Uint8Array {
  const v4 = isIpv4(flow);
  const port = (n: number) => Uint8Array.of(n >> 8, n & 255, 0, 0);
  switch (key) {
    case "srcip":
      return address(flow.src, v4);
    case "dstip":
      return address(flow.dst, v4);
    case "srcport":
      return port(flow.sport);
    case "dstport":
      return port(flow.dport);
  }
}
