// SPDX-License-Identifier: Apache-2.0
// What the packets of one connection did on their way between machines.
import { type Client, clientOf } from "./client-key.ts";
import { type Frame, readFrame, TCP_FLAGS } from "./frame.ts";
import { type KernelDrop, readTap, type TapPacket } from "./records.ts";

/** One packet on one hop. */
export interface Hop {
  /** Monotonic ns. */
  t: number;
  from: string;
  /** null: no machine of the lab has that MAC. */
  to: string | null;
  net: string;
  /** The client sent it; of an ICMP error: the client sent what it is about. */
  isRequest: boolean;
  tcp: Frame["tcp"];
  icmp: Frame["icmp"];
  packet: TapPacket;
}

/** Packets by the client's end, each in the order of time. */
export type Journeys = ReadonlyMap<string, readonly Hop[]>;

/** `keys`: of these connections alone; null: of all. */
export function journeysIn(packets: readonly TapPacket[], keys: ReadonlySet<string> | null = null): Journeys {
  const journeys = new Map<string, Hop[]>();
  if (keys?.size === 0) return journeys;
  for (const packet of packets) {
    const { client, hop } = hopOf(packet) ?? {};
    if (!client || !hop || (keys && !keys.has(client.key))) continue;
    const known = journeys.get(client.key);
    if (known) known.push(hop);
    else journeys.set(client.key, [hop]);
  }
  return journeys;
}

/** What packets.bin holds, by the client's end. */
export interface Tapped {
  journeys: Journeys;
  drops: ReadonlyMap<string, readonly KernelDrop[]>;
}

export function tappedIn(bytes: Buffer): Tapped {
  const { packets, drops } = readTap(bytes);
  const byClient = new Map<string, KernelDrop[]>();
  for (const drop of drops.sort((a, b) => a.t - b.t)) {
    const frame = readFrame(drop.data, drop.length);
    const key = frame && clientOf(frame)?.key;
    if (key) byClient.set(key, [...(byClient.get(key) ?? []), drop]);
  }
  return { journeys: journeysIn(packets), drops: byClient };
}

/** How many of these targets the packets of one connection came to, or sent answers of it, before that time. */
export function targetsMet(hops: readonly Hop[], targets: readonly string[], untilT: number): number {
  const known = hops.filter(({ t, icmp }) => t < untilT && icmp === null);
  const ends = known.map(({ isRequest, from, to }) => (isRequest ? to : from));
  return targets.filter((target) => ends.includes(target)).length;
}

/** null: it is no packet of a client's connection. */
export function hopOf(packet: TapPacket): { client: Client; hop: Hop } | null {
  const frame = readFrame(packet.data, packet.length);
  const client = frame && clientOf(frame);
  if (!frame || !client) return null;
  const { toMachine, tcp, icmp } = frame;
  const to = toMachine === null ? null : `vm-${String(toMachine).padStart(3, "0")}`;
  const { t, machine: from, net } = packet;
  return { client, hop: { t, from, to, net, isRequest: client.isSource, tcp, icmp, packet } };
}

/** "SYN", "SYN ACK", "RST", "64 bytes", "ICMP 3/1", "datagram". */
export function hopText({ tcp, icmp }: Pick<Hop, "tcp" | "icmp">): string {
  if (icmp) return `ICMP${icmp.family === 6 ? "v6" : ""} ${icmp.type}/${icmp.code}`;
  if (!tcp) return "datagram";
  const flags = (["SYN", "FIN", "RST"] as const).filter((name) => tcp.flags & TCP_FLAGS[name]);
  const data = tcp.payload > 0 ? [`${tcp.payload} bytes`] : [];
  const ack = tcp.flags & TCP_FLAGS.ACK && (flags.length > 0 || data.length === 0) ? ["ACK"] : [];
  return [...flags, ...ack, ...data].join(" ") || "segment";
}

export const isReset = ({ tcp }: Pick<Hop, "tcp">): boolean => tcp !== null && (tcp.flags & TCP_FLAGS.RST) !== 0;

/** Whether the hops are of one packet: the same numbers, in the same direction. */
export const isSamePacket = (a: Hop, b: Hop): boolean =>
  a.isRequest === b.isRequest &&
  a.tcp?.seq === b.tcp?.seq &&
  a.tcp?.flags === b.tcp?.flags &&
  a.tcp?.payload === b.tcp?.payload &&
  a.icmp?.type === b.icmp?.type;
