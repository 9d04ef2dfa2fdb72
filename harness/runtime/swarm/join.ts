// SPDX-License-Identifier: Apache-2.0
// The parts of a fabric, one on each node, joined by a VXLAN for each net and pair of nodes. Pure text for ip(8) and bridge(8).
import type { Machine, Net, Topology } from "../../topology/topology.ts";
import { netsOf } from "../../topology/wiring.ts";
import { LabError } from "../runtime.ts";

/** Outer and inner headers: IPv4, UDP, VXLAN and Ethernet. IPv6 has 20 more. */
const OVERHEAD = { 4: 50, 6: 70 } as const;
/** Enough for receivers to spread flows by, and few enough that the nodes' conntrack does not see one for each. */
const SOURCE_PORTS = "49152 49216";
const PAIRS_BITS = 11;
const NET_BITS = 3;
const ETHERNET_MTU = 1500;
/** Linux takes IPv6 from links with less. */
const LEAST_MTU = 1280;

/** What a node's fabric knows of the way to another node. */
export interface Way {
  /** Index of the other node. */
  to: number;
  local: string;
  remote: string;
  /** Of the link between the nodes. */
  mtu: number;
}

/** The identifiers of one lab: above all of Docker's own, and others than those of other labs. */
export const vniBase = (random: number): number => 0x80_00_00 | ((random & 0x1ff) << (PAIRS_BITS + NET_BITS));

/** `pair`: indices of two nodes. */
function vniOf(base: number, pair: readonly [number, number], net: Net): number {
  const [low, high] = [Math.min(...pair), Math.max(...pair)];
  return base + (((high * (high - 1)) / 2 + low) << NET_BITS) + Number(net.slice(-1));
}

/** The fabric's end of the way to a node, in a bridge. */
const portTo = (net: Net, node: number): string => `${net}-n${node + 1}`;

/** What fits through all of these ways, in bytes of an IP packet. */
function roomOf(ways: readonly Way[]): number {
  return Math.min(...ways.map(({ mtu, remote }) => mtu - OVERHEAD[remote.includes(":") ? 6 : 4]));
}

/** Of all links of the lab, where this one is asked for, or none. Throws LabError where that does not fit. */
export function fittingMtu(asked: number | undefined, ways: readonly Way[], note: (text: string) => void): number {
  const room = roomOf(ways);
  const between = `through the network between the nodes: ${room} bytes do`;
  if (asked !== undefined && asked > room)
    throw new LabError(
      `Links of ${asked} bytes do not fit ${between}. Raise the MTU of the nodes' links, or lower that of the lab's.`,
    );
  if (room < LEAST_MTU)
    throw new LabError(
      `IPv6 needs links of ${LEAST_MTU} bytes, which do not fit ${between}. Raise the MTU of the nodes' links by ${LEAST_MTU - room}.`,
    );
  if (asked === undefined && room < ETHERNET_MTU)
    note(`links have an MTU of ${room}: more does not fit between the nodes`);
  return asked ?? Math.min(ETHERNET_MTU, room);
}

/** For ip(8) in the node's own network, from where the packets go; the devices are made in the fabric's namespace, and end with it. */
export function tunnelBatch(
  topology: Topology,
  { node, ways, base, port, netns }: { node: number; ways: readonly Way[]; base: number; port: number; netns: string },
): string {
  return text(
    ways.flatMap(({ to, local, remote }) =>
      netsOf(topology).map(
        (net) =>
          `link add name ${portTo(net, to)} mtu ${topology.mtu} netns ${netns} type vxlan id ${vniOf(base, [node, to], net)} local ${local} remote ${remote} dstport ${port} srcport ${SOURCE_PORTS} nolearning`,
      ),
    ),
  );
}

/** For ip(8) in the fabric: what comes from other nodes is counted, and goes nowhere yet. */
export const upBatch = (topology: Topology, ways: readonly Way[]): string =>
  text(ways.flatMap(({ to }) => netsOf(topology).map((net) => `link set ${portTo(net, to)} up`)));

/**
 * For ip(8) in the fabric. What came from one node goes to no other again: isolated ports do not hand on to each other. That a port
 * of the bridge which is isolated by an event reaches none of another node follows.
 */
export function portsBatch(topology: Topology, ways: readonly Way[]): string {
  return text(
    ways.flatMap(({ to }) =>
      netsOf(topology).flatMap((net) => [
        `link set ${portTo(net, to)} master ${net}`,
        `link set dev ${portTo(net, to)} type bridge_slave isolated on`,
      ]),
    ),
  );
}

/** For bridge(8) in the fabric: which machines are behind which port. `elsewhere` are those of other nodes, with their node's index. */
export function neighboursBatch(elsewhere: readonly (readonly [Machine, number])[]): string {
  return text(
    elsewhere.flatMap(([{ links }, node]) =>
      links.map(({ mac, net }) => `fdb replace ${mac} dev ${portTo(net, node)} master static`),
    ),
  );
}

export interface Crossing {
  from: number;
  to: number;
  sent: number;
  received: number;
}

/** Packets from each node to each other one. `tables` are /proc/net/dev of the nodes' fabrics. */
export function crossings(tables: readonly string[], nets: readonly Net[]): Crossing[] {
  const counts = tables.map(portCounts);
  const all = [...tables.keys()];
  const sum = (node: number, other: number, column: "in" | "out") =>
    nets.reduce((total, net) => total + (counts[node]?.get(portTo(net, other))?.[column] ?? 0), 0);
  return all.flatMap((from) =>
    all
      .filter((to) => to !== from)
      .map((to) => ({ from, to, sent: sum(from, to, "out"), received: sum(to, from, "in") })),
  );
}

function portCounts(table: string): Map<string, { in: number; out: number }> {
  return new Map(
    [...table.matchAll(/^\s*(\S+):\s*(.*)$/gm)].map(([, name = "", numbers = ""]) => {
      const columns = numbers.trim().split(/\s+/).map(Number);
      return [name, { in: columns[1] ?? 0, out: columns[9] ?? 0 }];
    }),
  );
}

const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join("");
