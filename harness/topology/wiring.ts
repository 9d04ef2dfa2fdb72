// SPDX-License-Identifier: Apache-2.0
// What makes a planned machine real, as text for ip(8) in batch mode and for the agent's @sysctl. Pure, and the same in every runtime.
import { clientVips, linkOn, type Machine, type Net, SOURCES, type Topology, VIP_PREFIX } from "./topology.ts";

const NETS: readonly Net[] = ["net1", "net2", "net3"];

/** The bridges and a veth to each machine. `netnsOf` names a machine's namespace for ip(8): a name or a pid. */
export function fabricBatch(topology: Topology, netnsOf: (machine: Machine) => string): string {
  const lines = ["link set lo up"];
  for (const net of topology.squeeze ? NETS : NETS.slice(0, 2))
    lines.push(`link add name ${net} type bridge mcast_snooping 0`, `link set ${net} up`);
  for (const m of topology.machines) {
    for (const link of m.links) {
      const port = `${m.name}.${link.net.slice(-1)}`;
      lines.push(
        `link add name ${port} type veth peer name ${link.device} address ${link.mac} netns ${netnsOf(m)}`,
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
      lines.push(...viaRouters("add", ["0.0.0.0/0", "::/0"], topology.routers, "net1"));
      break;
    case "router": {
      const tester = linkOn(topology.squeeze?.machine ?? topology.tester, "net2");
      lines.push(`route add ${SOURCES[4]} via ${tester.ipv4}`, `route add ${SOURCES[6]} via ${tester.ipv6}`);
      break;
    }
    case "tester":
      lines.push(`route add local ${SOURCES[4]} dev lo`, `route add local ${SOURCES[6]} dev lo`);
      lines.push(...testerRoutes(topology));
      break;
  }
  return text(lines);
}

const VIPS = [VIP_PREFIX[4], VIP_PREFIX[6]];

function testerRoutes({ squeeze, routers }: Topology): string[] {
  return squeeze ? viaRouters("add", VIPS, [squeeze.machine], "net3") : viaRouters("add", VIPS, routers, "net2");
}

/** A locked MTU holds for forwarded packets too; that of the links stays, so that nobody knows before an ICMP error tells. */
function squeezeRoutes({ tester, routers }: Topology, mtu: number | null): string[] {
  const { ipv4, ipv6 } = linkOn(tester, "net3");
  const narrow = mtu === null ? "" : ` mtu lock ${mtu}`;
  return [
    `route add ${SOURCES[4]} via ${ipv4}${narrow}`,
    `route add ${SOURCES[6]} via ${ipv6}${narrow}`,
    ...viaRouters("add", VIPS, routers, "net2"),
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
  if (machine.role === "tester") return text(viaRouters("replace", VIPS, routers, "net2"));
  return text(viaRouters("replace", ["0.0.0.0/0", "::/0"], routers, "net1"));
}

function viaRouters(verb: string, prefixes: string[], routers: readonly Machine[], net: Net): string[] {
  return prefixes.map((prefix) => {
    const hops = routers.map((r) => `nexthop via ${linkOn(r, net)[prefix.includes(":") ? "ipv6" : "ipv4"]}`);
    return `route ${verb} ${prefix} ${hops.join(" ")}`;
  });
}

/** Permanent neighbours: MACs are fixed by plan, so no packet of a run waits for, or is lost to, address resolution. */
function neighbours(topology: Topology, machine: Machine): string[] {
  const { targets, routers, tester, squeeze } = topology;
  const between = squeeze ? [squeeze.machine] : null;
  const others = {
    target: routers,
    router: between?.includes(machine) ? [...routers, tester] : [...targets, ...(between ?? [tester])],
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
