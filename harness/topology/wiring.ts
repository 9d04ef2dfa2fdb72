// SPDX-License-Identifier: Apache-2.0
// What makes a planned machine real, as text for ip(8) in batch mode and for the agent's @sysctl. Pure, and the same in every runtime.
import { sourceRoutes } from "./shares.ts";
import { clientVips, linkOn, type Machine, type Net, SOURCES, SPOOFED, type Topology, VIP_PREFIX } from "./topology.ts";

/** Those that this lab has. */
export const netsOf = ({ squeeze, paths }: Topology): readonly Net[] => [
  "net1",
  "net2",
  ...(squeeze ? (["net3"] as const) : []),
  ...(paths ? (["net4", "net5"] as const) : []),
];

/** The bridges and a veth to each machine. `netnsOf` names a machine's namespace for ip(8): a name or a pid. */
export function fabricBatch(topology: Topology, netnsOf: (machine: Machine) => string): string {
  const lines = ["link set lo up"];
  const mtu = topology.mtu === undefined ? "" : ` mtu ${topology.mtu}`;
  for (const net of netsOf(topology))
    lines.push(`link add name ${net}${mtu} type bridge mcast_snooping 0`, `link set ${net} up`);
  for (const m of topology.machines) {
    for (const link of m.links) {
      const port = `${m.name}.${link.net.slice(-1)}`;
      lines.push(
        `link add name ${port}${mtu} type veth peer name ${link.device} address ${link.mac}${mtu} netns ${netnsOf(m)}`,
        `link set ${port} master ${link.net} up`,
      );
    }
  }
  return text(lines);
}

/**
 * Which port leads to which machine, for bridge(8) in batch mode. A bridge learns from what a machine sends: without this,
 * what goes to one that only receives would be carried to all of them.
 */
export function bridgeBatch({ machines }: Topology): string {
  return text(
    machines.flatMap(({ name, links }) =>
      links.map(({ mac, net }) => `fdb replace ${mac} dev ${name}.${net.slice(-1)} master static`),
    ),
  );
}

/** bridge-nf-call is per namespace and on by default: without this, conntrack and iptables there would see bridged frames. */
export const fabricSysctls = text([
  "?net/bridge/bridge-nf-call-iptables=0",
  "?net/bridge/bridge-nf-call-ip6tables=0",
  "?net/bridge/bridge-nf-call-arptables=0",
  ...quietIpv6(),
  "net/ipv6/conf/default/disable_ipv6=1",
]);

/** To be set before the machine has any link but lo. */
export function machineSysctls(machine: Machine): string {
  // A new namespace takes IPv4's settings from the host, and hosts with containers forward.
  const forward = Number(machine.role === "router");
  const lines = [
    // Container engines switch IPv6 off where they set up no network.
    "net/ipv6/conf/all/disable_ipv6=0",
    "net/ipv6/conf/default/disable_ipv6=0",
    ...quietIpv6(),
    "net/ipv6/ip_nonlocal_bind=1",
    `net/ipv4/ip_forward=${forward}`,
    `net/ipv6/conf/all/forwarding=${forward}`,
    "net/ipv4/conf/all/rp_filter=0",
    "net/ipv4/conf/default/rp_filter=0",
    "net/ipv4/conf/all/accept_redirects=0",
    // A killed run's sockets have nobody left to acknowledge their last packets: for the minutes in which the kernel tries again, they hold their namespace.
    "net/ipv4/tcp_orphan_retries=1",
    // A socket whose route was replaced takes the MTU of a device that is gone, 68, until its next packet: not 29 segments for each message.
    `?net/ipv4/tcp_min_snd_mss=${LEAST_MSS}`,
  ];
  switch (machine.role) {
    case "router":
      lines.push("net/ipv4/conf/all/send_redirects=0");
      break;
    case "target":
      lines.push("net/ipv4/conf/all/arp_ignore=1", "net/ipv4/conf/all/arp_announce=2", ...busyServer());
      // What never becomes whole must not fill the memory that others need.
      lines.push("?net/ipv4/ipfrag_time=2", "?net/ipv6/ip6frag_time=2");
      break;
    case "tester":
      lines.push("net/ipv4/fib_multipath_hash_policy=1", "net/ipv6/fib_multipath_hash_policy=1");
      break;
  }
  return text(lines);
}

/** Addresses, neighbours and routes of one machine, once its links exist. Routes to the VIP on the routers are the backend's. */
export function machineBatch(topology: Topology, machine: Machine): string {
  const lines = ["link set lo up"];
  for (const link of machine.links) {
    const prefix = topology.prefix[link.net];
    lines.push(
      `link set ${link.device} up`,
      `addr add ${link.ipv4}/${prefix.v4} dev ${link.device}`,
      `addr add ${link.ipv6}/${prefix.v6} dev ${link.device} nodad`,
    );
  }
  lines.push(...neighbours(topology, machine));
  if (machine === topology.squeeze?.machine) return text([...lines, ...squeezeRoutes(topology, topology.squeeze.mtu)]);
  switch (machine.role) {
    case "target":
      lines.push(...clientVips(topology, 4).map((vip) => `addr add ${vip}/32 dev lo`));
      lines.push(...clientVips(topology, 6).map((vip) => `addr add ${vip}/128 dev lo nodad`));
      lines.push(...viaRouters("add", DEFAULTS, topology.routers, "net1"));
      break;
    case "router":
      lines.push(...routesToSources(topology));
      break;
    case "tester":
      lines.push(`route add local ${SOURCES[4]} dev lo`, `route add local ${SOURCES[6]} dev lo`);
      lines.push(...testerRoutes(topology));
      break;
  }
  return text(lines);
}

/** The way back, as every router has it; `more` is what each route ends with. */
export function routesToSources(topology: Topology, verb = "add", more = ""): string[] {
  const between = topology.squeeze?.machine;
  const whole = between ? { ...topology, testers: [between] } : topology;
  return sourceRoutes(whole, verb, (tester) => linkOn(tester, "net2"), more);
}

/** Of every path (RFC 9293, 3.7.1). */
const LEAST_MSS = 536;

const DEFAULTS = ["0.0.0.0/0", "::/0"];
const VIPS = [VIP_PREFIX[4], VIP_PREFIX[6]];

function testerRoutes({ squeeze, routers }: Topology): string[] {
  return squeeze ? viaRouters("add", VIPS, [squeeze.machine], "net3") : viaRouters("add", VIPS, routers, "net2");
}

/** A locked MTU holds for forwarded packets too; that of the links stays, so that nobody knows before an ICMP error tells. */
function squeezeRoutes(topology: Topology, mtu: number | null): string[] {
  const narrow = mtu === null ? "" : ` mtu lock ${mtu}`;
  return [
    ...sourceRoutes(topology, "add", (tester) => linkOn(tester, "net3"), narrow),
    ...viaRouters("add", VIPS, topology.routers, "net2"),
  ];
}

/** Multipath routes by a hash of addresses, ports and protocol that depends on this seed alone. */
export function hashSysctls(seed: number): string {
  return text([
    `net/ipv4/fib_multipath_hash_seed=${seed}`,
    ...[4, 6].flatMap((family) => [
      `net/ipv${family}/fib_multipath_hash_policy=3`,
      `net/ipv${family}/fib_multipath_hash_fields=0x37`,
    ]),
  ]);
}

/** Points a target's or the tester's route over exactly these routers. */
export function rerouteBatch(machine: Machine, routers: readonly Machine[]): string {
  return text(viaRouters("replace", chosenBy(machine), routers, machine.role === "tester" ? "net2" : "net1"));
}

const chosenBy = ({ role }: Machine) => (role === "tester" ? VIPS : DEFAULTS);

/** The same by these addresses, which share the flows of their family. */
export function routesBy(machine: Machine, addresses: readonly string[]): string {
  return text(
    chosenBy(machine).map((prefix) => {
      const hops = addresses.filter((address) => address.includes(":") === prefix.includes(":"));
      return `route replace ${prefix} ${hops.map((hop) => `nexthop via ${hop}`).join(" ")}`;
    }),
  );
}

/** Takes that route away, for who brings his own. */
export function routesGone(machine: Machine): string {
  return text(chosenBy(machine).map((prefix) => `route del ${prefix}`));
}

/** The tester's routes to the own addresses of these targets, for both families. */
export function directBatch(targets: readonly Machine[], routers: readonly Machine[]): string {
  const addresses = targets.flatMap((target) => [linkOn(target, "net1").ipv4, linkOn(target, "net1").ipv6]);
  return text(viaRouters("add", addresses, routers, "net2"));
}

/** The way of answers to spoofed sources: through a router to the tester, and no further. */
export function spoofedBatch({ tester }: Topology, { role }: Machine): string {
  const { ipv4, ipv6 } = linkOn(tester, "net2");
  return text(
    ([4, 6] as const).map((family) =>
      role === "tester"
        ? `route add blackhole ${SPOOFED[family]}`
        : `route add ${SPOOFED[family]} via ${family === 4 ? ipv4 : ipv6}`,
    ),
  );
}

function viaRouters(verb: string, prefixes: string[], routers: readonly Machine[], net: Net): string[] {
  return prefixes.map((prefix) => {
    const hops = routers.map((r) => `nexthop via ${linkOn(r, net)[prefix.includes(":") ? "ipv6" : "ipv4"]}`);
    return `route ${verb} ${prefix} ${hops.join(" ")}`;
  });
}

/** Permanent neighbours: MACs are fixed by plan, so no packet of a run waits for, or is lost to, address resolution. */
function neighbours(topology: Topology, machine: Machine): string[] {
  const { targets, routers, testers, squeeze } = topology;
  const between = squeeze ? [squeeze.machine] : null;
  const others = {
    target: routers,
    router: between?.includes(machine) ? [...routers, ...testers] : [...targets, ...(between ?? testers)],
    tester: between ?? routers,
  }[machine.role];
  return machine.links.flatMap((own) =>
    others.flatMap((other) =>
      other.links
        .filter((link) => link.net === own.net)
        .flatMap((link) =>
          [link.ipv4, link.ipv6].map((ip) => `neigh add ${ip} lladdr ${link.mac} dev ${own.device} nud permanent`),
        ),
    ),
  );
}

/** Duplicate address detection would hold back the first IPv6 connection for 2 s; nobody here sends router advertisements. */
function quietIpv6(): string[] {
  return ["all", "default"].flatMap((which) =>
    ["accept_dad=0", "accept_ra=0", "autoconf=0", "router_solicitations=0"].map((s) => `net/ipv6/conf/${which}/${s}`),
  );
}

function busyServer(): string[] {
  return ["net/core/somaxconn=65535", "net/ipv4/tcp_max_syn_backlog=65535"];
}

function text(lines: string[]): string {
  return `${lines.join("\n")}\n`;
}
