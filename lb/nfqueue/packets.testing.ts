// SPDX-License-Identifier: Apache-2.0
// Random IP packets, each with the flow key that the definition in lb/common/README.md gives it.
import { addressBytes } from "../../harness/api/index.ts";
import { flowKey, PROTOCOL } from "../../harness/testing/lab.ts";

export interface TestPacket {
  bytes: Buffer;
  description: string;
  expected: (ports: boolean) => Uint8Array;
}

export type Random = () => number;

/** mulberry32: small, seeded, good enough to vary packets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Ends {
  family: 4 | 6;
  src: Uint8Array;
  dst: Uint8Array;
}

const below = (random: Random, n: number) => Math.floor(random() * n);
const bytes = (random: Random, n: number) => Buffer.from(Array.from({ length: n }, () => below(random, 256)));
const UDP_LIKE = [PROTOCOL.tcp, PROTOCOL.udp, 132, 136, 33];

export function randomPacket(random: Random): TestPacket {
  const ends = randomEnds(random);
  const kinds = [flowPacket, flowPacket, flowPacket, echoPacket, errorPacket, fragmentPacket, otherPacket];
  const make = kinds[below(random, kinds.length)] ?? flowPacket;
  return make(random, ends);
}

function randomEnds(random: Random): Ends {
  if (random() < 0.5)
    return {
      family: 4,
      src: addressBytes(`50.0.${below(random, 256)}.${below(random, 256)}`),
      dst: addressBytes("10.0.0.0"),
    };
  return { family: 6, src: addressBytes(`2000::${below(random, 65536).toString(16)}`), dst: addressBytes("1000::") };
}

function flowPacket(random: Random, ends: Ends): TestPacket {
  const protocol = UDP_LIKE[below(random, UDP_LIKE.length)] ?? PROTOCOL.tcp;
  const [sport, dport] = [below(random, 65536), below(random, 65536)];
  const body = Buffer.concat([ports(sport, dport), bytes(random, 16 + below(random, 40))]);
  return {
    bytes: ip(random, ends, { protocol, body }),
    description: `IPv${ends.family} protocol ${protocol} ${sport} -> ${dport}`,
    expected: (hashed) => flowKey({ ...ends, sport, dport, protocol }, hashed),
  };
}

function echoPacket(random: Random, ends: Ends): TestPacket {
  const [protocol, type] = ends.family === 4 ? [PROTOCOL.icmp, 8] : [PROTOCOL.icmpv6, 128];
  const id = below(random, 65536);
  const body = Buffer.concat([Buffer.from([type, 0, 0, 0, id >> 8, id & 255, 0, 1]), bytes(random, 8)]);
  return {
    bytes: ip(random, ends, { protocol, body }),
    description: `IPv${ends.family} echo request ${id}`,
    expected: (hashed) => flowKey({ ...ends, sport: id, dport: 0, protocol }, hashed),
  };
}

/** An error about a packet that the VIP sent: it must follow the flow that packet answered. */
function errorPacket(random: Random, ends: Ends): TestPacket {
  const types = ends.family === 4 ? [3, 4, 5, 11, 12] : [1, 2, 3, 4];
  const type = types[below(random, types.length)] ?? 3;
  const protocol = random() < 0.5 ? PROTOCOL.tcp : PROTOCOL.udp;
  const [sport, dport] = [below(random, 65536), below(random, 65536)];
  const quoted = { protocol, body: Buffer.concat([ports(dport, sport), bytes(random, 8)]), extras: false };
  const inner = ip(random, { family: ends.family, src: ends.dst, dst: ends.src }, quoted);
  const body = Buffer.concat([Buffer.from([type, 0, 0, 0, 0, 0, 0, 0]), inner]);
  const router = addressBytes(ends.family === 4 ? "192.168.9.9" : "fd00::9");
  return {
    bytes: ip(
      random,
      { ...ends, src: router },
      { protocol: ends.family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6, body },
    ),
    description: `IPv${ends.family} ICMP error ${type} about ${sport} -> ${dport}`,
    expected: (hashed) => flowKey({ ...ends, sport, dport, protocol }, hashed),
  };
}

function fragmentPacket(random: Random, ends: Ends): TestPacket {
  const first = random() < 0.5;
  const body = bytes(random, 24);
  const offset = first ? 0 : 1 + below(random, 1000);
  const more = first || random() < 0.5;
  const packet =
    ends.family === 4
      ? ipv4(ends, { protocol: PROTOCOL.udp, body }, (more ? 0x2000 : 0) | offset, below(random, 11))
      : ipv6(ends, [{ type: 44, bytes: fragmentHeader(PROTOCOL.udp, offset, more) }], PROTOCOL.udp, body);
  return {
    bytes: packet,
    description: `IPv${ends.family} fragment at ${offset}`,
    expected: () => flowKey({ ...ends, sport: 0, dport: 0, protocol: 0 }, false),
  };
}

function otherPacket(random: Random, ends: Ends): TestPacket {
  const protocol = [47, 50, 115][below(random, 3)] ?? 47;
  return {
    bytes: ip(random, ends, { protocol, body: bytes(random, 24) }),
    description: `IPv${ends.family} protocol ${protocol}`,
    expected: (hashed) => flowKey({ ...ends, sport: 0, dport: 0, protocol }, hashed),
  };
}

const ports = (sport: number, dport: number) => Buffer.from([sport >> 8, sport & 255, dport >> 8, dport & 255]);

/** With random IPv4 options or IPv6 extension headers, unless `extras` is false. */
function ip(random: Random, ends: Ends, { extras = true, ...content }: Content & { extras?: boolean }): Buffer {
  if (ends.family === 6) return ipv6(ends, extras ? randomExtensions(random) : [], content.protocol, content.body);
  const fragment = random() < 0.5 ? 0x4000 : 0;
  return ipv4(ends, content, fragment, extras ? below(random, 11) : 0);
}

interface Content {
  protocol: number;
  body: Buffer;
}

/** `options`: words of 4 bytes. */
function ipv4({ src, dst }: Ends, { protocol, body }: Content, fragment: number, options: number): Buffer {
  const header = Buffer.alloc(20 + options * 4, 1);
  header.writeUInt8(0x40 | (5 + options), 0);
  header.writeUInt8(0, 1);
  header.writeUInt16BE(header.length + body.length, 2);
  header.writeUInt16BE(fragment, 6);
  header.writeUInt8(64, 8);
  header.writeUInt8(protocol, 9);
  header.set(src.subarray(12), 12);
  header.set(dst.subarray(12), 16);
  return Buffer.concat([header, body]);
}

interface Extension {
  type: number;
  /** Its first byte, the next header, is filled in later. */
  bytes: Buffer;
}

function ipv6({ src, dst }: Ends, extensions: Extension[], protocol: number, body: Buffer): Buffer {
  const types = [...extensions.map((e) => e.type), protocol];
  extensions.forEach((extension, i) => {
    extension.bytes.writeUInt8(types[i + 1] ?? 59, 0);
  });
  const payload = Buffer.concat([...extensions.map((e) => e.bytes), body]);
  const header = Buffer.alloc(8);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(payload.length, 4);
  header.writeUInt8(types[0] ?? 59, 6);
  header.writeUInt8(64, 7);
  return Buffer.concat([header, src, dst, payload]);
}

function fragmentHeader(next: number, offset: number, more: boolean): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(next, 0);
  header.writeUInt16BE((offset << 3) | (more ? 1 : 0), 2);
  return header;
}

function randomExtensions(random: Random): Extension[] {
  return Array.from({ length: below(random, 4) }, () => {
    const type = [0, 43, 44, 51, 60, 135, 139, 140][below(random, 8)] ?? 60;
    if (type === 44) return { type, bytes: fragmentHeader(59, 0, false) };
    const units = below(random, 3);
    // The authentication header counts in 4 bytes less 2, all others in 8 bytes less 1.
    const extension = bytes(random, type === 51 ? 16 + units * 8 : 8 + units * 8);
    extension.writeUInt8(type === 51 ? extension.length / 4 - 2 : units, 1);
    return { type, bytes: extension };
  });
}
