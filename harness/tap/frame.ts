// SPDX-License-Identifier: Apache-2.0
// What an Ethernet frame says about a connection: addresses, ports, TCP, ICMP errors and the packets that they quote.
import { PROTOCOL } from "../oracle/hash.ts";

const ETHERNET = 14;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const IPV6_HEADER = 40;
const ICMP_HEADER = 8;
const [IPIP, IPV6_IN_IP, ICMP, ICMPV6] = [4, 41, 1, 58];
/** Errors quote the packet that they are about. */
const ERRORS: Readonly<Record<number, readonly number[]>> = { [ICMP]: [3, 4, 5, 11, 12], [ICMPV6]: [1, 2, 3, 4] };

export interface Ends {
  /** IPv4 as ::ffff:a.b.c.d, 16 bytes. */
  src: Uint8Array;
  dst: Uint8Array;
  sport: number;
  dport: number;
  protocol: number;
}

export interface Frame extends Ends {
  /** Number of the machine that it goes to, from its MAC; null: no machine of the lab. */
  toMachine: number | null;
  tcp: { flags: number; seq: number; ack: number; payload: number } | null;
  /** Then the ends are those of the packet that it is about. */
  icmp: { family: 4 | 6; type: number; code: number } | null;
}

export const TCP_FLAGS = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const;

/** null: no packet of a connection, or too short. `length` is that of the whole frame, of which `data` may be the beginning. */
export function readFrame(data: Buffer, length: number): Frame | null {
  try {
    return parse(data, length);
  } catch (error) {
    // Buffers throw where a header is cut.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function parse(data: Buffer, length: number): Frame | null {
  const type = data.readUInt16BE(12);
  if (type !== IPV4 && type !== IPV6) return null;
  const ip = readIp(data, ETHERNET);
  if (!ip) return null;
  const toMachine = machineOf(data.subarray(0, 6));
  const own = ip.protocol === IPIP || ip.protocol === IPV6_IN_IP ? readIp(data, ip.at) : ip;
  if (!own) return null;
  if (own.protocol === ICMP || own.protocol === ICMPV6) {
    const error = { type: data.readUInt8(own.at), code: data.readUInt8(own.at + 1) };
    if (!ERRORS[own.protocol]?.includes(error.type)) return null;
    const quoted = readIp(data, own.at + ICMP_HEADER);
    if (!quoted) return null;
    const icmp = { family: own.protocol === ICMP ? (4 as const) : (6 as const), ...error };
    return { ...endsOf(data, quoted), toMachine, tcp: null, icmp };
  }
  return { ...endsOf(data, own), toMachine, tcp: readTcp(data, own, length), icmp: null };
}

interface Ip extends Pick<Ends, "src" | "dst" | "protocol"> {
  /** Where its payload begins. */
  at: number;
}

function readIp(data: Buffer, at: number): Ip | null {
  const version = data.readUInt8(at) >> 4;
  if (version === 6) {
    const [src, dst] = [data.subarray(at + 8, at + 24), data.subarray(at + 24, at + 40)];
    return dst.length < 16 ? null : { src, dst, protocol: data.readUInt8(at + 6), at: at + IPV6_HEADER };
  }
  if (version !== 4) return null;
  const [src, dst] = [mapped(data, at + 12), mapped(data, at + 16)];
  return { src, dst, protocol: data.readUInt8(at + 9), at: at + (data.readUInt8(at) & 15) * 4 };
}

function mapped(data: Buffer, at: number): Uint8Array {
  const address = new Uint8Array(16).fill(0xff, 10, 12);
  for (let i = 0; i < 4; i++) address[12 + i] = data.readUInt8(at + i);
  return address;
}

function endsOf(data: Buffer, { src, dst, protocol, at }: Ip): Ends {
  return { src, dst, protocol, sport: data.readUInt16BE(at), dport: data.readUInt16BE(at + 2) };
}

function readTcp(data: Buffer, { protocol, at }: Ip, length: number): Frame["tcp"] {
  if (protocol !== PROTOCOL.tcp) return null;
  const header = (data.readUInt8(at + 12) >> 4) * 4;
  return {
    flags: data.readUInt8(at + 13),
    seq: data.readUInt32BE(at + 4),
    ack: data.readUInt32BE(at + 8),
    payload: Math.max(0, length - at - header),
  };
}

/** MACs of a lab hold the machine's number (topology.ts): 00:00:00:high+1:0net:low. */
function machineOf(mac: Buffer): number | null {
  if (mac.readUIntBE(0, 3) !== 0) return null;
  const high = mac.readUInt8(3) - 1;
  return high < 0 ? null : high * 256 + mac.readUInt8(5);
}
