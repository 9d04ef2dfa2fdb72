// SPDX-License-Identifier: Apache-2.0
// The flow key and its hash, written from the definition in lb/common/README.md and not from the C: the two must agree.

/** One flow as the balancer sees it; addresses as 16 bytes, IPv4 as ::ffff:a.b.c.d. */
export interface Flow {
  src: Uint8Array;
  sport: number;
  dst: Uint8Array;
  dport: number;
  protocol: number;
}

/** By the destination: source and destination are of one family. */
export function isIpv4({ dst }: Pick<Flow, "dst">): boolean {
  for (let i = 0; i < 10; i++) if (dst[i] !== 0) return false;
  return dst[10] === 0xff && dst[11] === 0xff;
}

export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;

/** 16 bytes; IPv4 as ::ffff:a.b.c.d. Throws on anything that is no address. */
export function addressBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  if (!text.includes(":")) {
    bytes.set([0xff, 0xff, ...quad(text)], 10);
    return bytes;
  }
  const dotted = text.match(/^(.*:)(\d+\.\d+\.\d+\.\d+)$/);
  if (dotted) {
    const [a = 0, b = 0, c = 0, d = 0] = quad(dotted[2] ?? "");
    return addressBytes(`${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  }
  const halves = text.split("::");
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const groups = halves.length === 2 ? [...head, ...Array(8 - head.length - tail.length).fill("0"), ...tail] : head;
  if (halves.length > 2 || groups.length !== 8 || !groups.every((g) => /^[0-9a-f]{1,4}$/i.test(g)))
    throw new Error(`'${text}' is not an IP address.`);
  groups.forEach((group, i) => {
    bytes.set([Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255], i * 2);
  });
  return bytes;
}

function quad(text: string): number[] {
  const parts = text.split(".").map(Number);
  if (parts.length !== 4 || !parts.every((p) => Number.isInteger(p) && p >= 0 && p <= 255))
    throw new Error(`'${text}' is not an IP address.`);
  return parts;
}

/** The 40-byte key: source, destination, source port, destination port, protocol, three zero bytes. */
export function flowKey(flow: Flow, ports: boolean): Uint8Array {
  const key = new Uint8Array(40);
  key.set(flow.src, 0);
  key.set(flow.dst, 16);
  if (ports) key.set([flow.sport >> 8, flow.sport & 255, flow.dport >> 8, flow.dport & 255, flow.protocol], 32);
  return key;
}

/** MurmurHash3, x86, 32 bits. */
export function murmur3(data: Uint8Array, seed: number): number {
  const whole = data.length & ~3;
  let h = seed | 0;
  for (let i = 0; i < whole; i += 4) {
    const k = byte(data, i) | (byte(data, i + 1) << 8) | (byte(data, i + 2) << 16) | (byte(data, i + 3) << 24);
    h = (Math.imul(rotate(h ^ mix(k), 13), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let i = data.length - 1; i >= whole; i--) rest = (rest << 8) | byte(data, i);
  if (whole < data.length) h ^= mix(rest);
  h ^= data.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const byte = (data: Uint8Array, i: number) => data[i] ?? 0;
/** Not made anew in each call: hashes are what simulations spend their time on. */
const mix = (k: number) => Math.imul(rotate(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593);
const rotate = (x: number, bits: number) => (x << bits) | (x >>> (32 - bits));
