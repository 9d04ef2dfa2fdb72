// SPDX-License-Identifier: Apache-2.0
// The plan of a lab: machines, links, addresses. Pure; how it becomes real is the runtimes' business.
import type { FlowRule } from "../oracle/oracle.ts";

export type Role = "target" | "router" | "tester";
/** net4 and net5 are those of a second way between targets, routers and tester. */
export type Net = "net1" | "net2" | "net3" | "net4" | "net5";

export interface Link {
  net: Net;
  device: string;
  mac: string;
  ipv4: string;
  ipv6: string;
}

export interface Machine {
  name: string;
  role: Role;
  number: number;
  links: Link[];
  /** Device files that it needs, where machines have only those that are asked for. */
  devices?: readonly string[];
}

export interface Topology {
  targets: Machine[];
  routers: Machine[];
  /** The first one. */
  tester: Machine;
  /** Each has its share of the sources. */
  testers: Machine[];
  /** Addresses of each family that connections come from. */
  sources: number;
  /** Between routers and tester, where packets to the tester must not be larger than `mtu`; null: it only chooses routers. */
  squeeze: { machine: Machine; mtu: number | null } | null;
  /** How the names of a balancer's tunnels on targets begin. */
  tunnels?: string;
  /** How many VIPs clients connect to; absent: one. */
  vips?: number;
  /** Services that balancers tell apart, each with targets of its own; absent: the VIP's has all. */
  flows?: readonly FlowRule[];
  /** Routers tell each other what they know of connections. */
  sharesState?: true;
  /** Of all links; absent: Ethernet's 1500. */
  mtu?: number;
  /** Targets serve SCTP too. */
  sctp?: true;
  /** Ways between tester and targets, each with a VIP and networks of its own; absent: one. */
  paths?: 2;
  /** All of the above, targets first. */
  machines: Machine[];
  prefix: Record<Net, { v4: number; v6: number }>;
}

export const VIP = { 4: "10.0.0.0", 6: "1000::" } as const;
/** The VIPs lie in it, however many there are. */
export const VIP_PREFIX = { 4: "10.0.0.0/29", 6: "1000::/125" } as const;
export const MAX_VIPS = 8;
/** Those that clients connect to, the VIP first. */
export function clientVips({ vips = 1 }: Pick<Topology, "vips">, family: 4 | 6): string[] {
  const next = (i: number) => (family === 4 ? `10.0.0.${i}` : `1000::${i}`);
  return Array.from({ length: vips }, (_, i) => (i === 0 ? VIP[family] : next(i)));
}
/** Addresses of services that nobody asks for, from 1 to 65,535. */
export function otherVip(i: number, family: 4 | 6): string {
  return family === 4 ? `10.1.${i >> 8}.${i & 255}` : `1000::2:${i.toString(16)}`;
}
/** The VIP behind further ones that clients connect to, and those behind the addresses of so many further services. */
export function vipsOf(family: 4 | 6, services: number, vips = 1): string[] {
  const others = Array.from({ length: services }, (_, i) => otherVip(i + 1, family));
  return [...others, ...clientVips({ vips }, family).reverse()];
}
export const SOURCES = { 4: "50.0.0.0/16", 6: "2000::/112" } as const;
/** Addresses of each of them: without the first and the last one. */
export const MAX_SOURCES = 65_534;
/** Of an address of either, those that tell sources apart. */
export const HOST_BITS = 16;
/** Networks of sources that there are none of: what is sent to them ends, in silence, where it would come from. */
export const SPOOFED = { 4: "50.1.0.0/16", 6: "2000::1:0/112" } as const;
export const MAX_TARGETS = 1000;
export const MAX_ROUTERS = 9;
export const MAX_TESTERS = 8;
const FIRST_ROUTER = 201;
const TESTER = 221;
export const TESTER_NAME = `vm-${TESTER}`;
const EVIL = 222;
export const EVIL_NAME = `vm-${EVIL}`;
/** Testers count 221, 223, 224, ..: the machine between them and the routers is 222. */
const testerNumber = (i: number) => (i === 0 ? TESTER : EVIL + i);
const TESTER_NAMES: ReadonlySet<string> = new Set(count(MAX_TESTERS, (i) => `vm-${testerNumber(i)}`));
export const isTester = (name: string): boolean => TESTER_NAMES.has(name);
const SMALL = 200;

interface Size {
  targets: number;
  routers: number;
  testers?: number;
  sources?: number | undefined;
  squeezeMtu?: number;
  /** A router in front of the routers chooses among them. */
  front?: boolean;
  devices?: readonly string[];
  tunnels?: string;
  vips?: number;
  flows?: readonly FlowRule[] | undefined;
  sharesState?: boolean;
  mtu?: number | undefined;
  sctp?: boolean;
  paths?: 2 | undefined;
}

/** `devices` are the routers' device files; `tunnels` is how the names of the balancer's tunnels begin. */
export function planTopology(size: Size): Topology {
  const big = size.targets > SMALL;
  const second = (...nets: Net[]) => (size.paths ? nets : []);
  const targets = count(size.targets, (i) => machine("target", targetNumber(i + 1), ["net1", ...second("net4")], big));
  const { devices = [] } = size;
  const routers = count(size.routers, (i) => ({
    ...machine("router", FIRST_ROUTER + i, ["net1", "net2", ...second("net4", "net5")], big),
    ...(devices.length > 0 ? { devices } : {}),
  }));
  const mtu = size.squeezeMtu ?? null;
  const isBetween = mtu !== null || size.front === true;
  const testers = count(size.testers ?? 1, (i) =>
    machine("tester", testerNumber(i), [isBetween ? "net3" : "net2", ...second("net5")], big),
  );
  const squeeze = isBetween ? { machine: machine("router", EVIL, ["net2", "net3"], big), mtu } : null;
  return {
    targets,
    routers,
    tester: testers[0] as Machine,
    testers,
    sources: size.sources ?? MAX_SOURCES,
    squeeze,
    ...asGiven(size),
    machines: [...targets, ...routers, ...(squeeze ? [squeeze.machine] : []), ...testers],
    prefix: {
      net1: big ? { v4: 16, v6: 112 } : { v4: 24, v6: 120 },
      net2: { v4: 24, v6: 120 },
      net3: { v4: 24, v6: 120 },
      net4: { v4: 24, v6: 120 },
      net5: { v4: 24, v6: 120 },
    },
  };
}

type Given = "tunnels" | "vips" | "flows" | "sharesState" | "mtu" | "sctp" | "paths";

const asGiven = ({ tunnels, vips, flows, sharesState, mtu, sctp, paths }: Size): Pick<Topology, Given> => ({
  ...(tunnels === undefined ? {} : { tunnels }),
  ...(vips === undefined ? {} : { vips }),
  ...(flows === undefined ? {} : { flows }),
  ...(sharesState ? { sharesState: true as const } : {}),
  ...(mtu === undefined ? {} : { mtu }),
  ...(sctp ? { sctp: true as const } : {}),
  ...(paths ? { paths } : {}),
});

/** An address of a machine as ip(8) writes it: 1000::1:c0a8:2c9. */
export function shownAddress(address: string): string {
  const [, a, b, c, d] = /^1000::1:(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address) ?? [];
  const pair = (high = "0", low = "0") => ((Number(high) << 8) | Number(low)).toString(16);
  return a === undefined ? address : `1000::1:${pair(a, b)}:${pair(c, d)}`;
}

/** Targets count 1, 2, .. 200, then go on at 301: 201 to 300 belong to routers and testers. */
function targetNumber(ordinal: number): number {
  return ordinal <= SMALL ? ordinal : ordinal + 100;
}

export function linkOn(machine: Machine, net: Net): Link {
  const link = machine.links.find((l) => l.net === net);
  if (!link) throw new Error(`Machine '${machine.name}' is not on ${net}.`);
  return link;
}

function machine(role: Role, number: number, nets: Net[], big: boolean): Machine {
  const links = nets.map((net): Link => {
    const n = Number(net.slice(-1));
    const [high, low] = [number >> 8, number & 255];
    // net1 of a big lab is 172.16.0.0/16: 192.168.x is never left.
    const ipv4 = net === "net1" && big ? `172.16.${high}.${low}` : `192.168.${n}.${number}`;
    const mac = ["00", "00", "00", hex(high + 1), `0${n}`, hex(low)].join(":");
    return { net, device: `eth${n}`, mac, ipv4, ipv6: `1000::1:${ipv4}` };
  });
  return { name: `vm-${String(number).padStart(3, "0")}`, role, number, links };
}

/** Networks that connections come from: load is drawn from the sources, programs by hand use a tester's own addresses. */
export const clientNetworks = (): string[] => [
  ...Object.values(SOURCES),
  ...count(MAX_TESTERS, (i) => machine("tester", testerNumber(i), ["net2", "net3"], false))
    .flatMap(({ links }) => links)
    .flatMap(({ ipv4, ipv6 }) => [`${ipv4}/32`, `${ipv6}/128`]),
];

const hex = (byte: number) => byte.toString(16).padStart(2, "0");

function count<T>(n: number, make: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i));
}
