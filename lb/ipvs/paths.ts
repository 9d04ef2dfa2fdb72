// SPDX-License-Identifier: Apache-2.0
// The way back that does not pass the routers: through the fabric, from the targets' net to the tester's. And tunnels.
import {
  fabricsOf,
  ipBatch,
  type Lab,
  type Link,
  linkOn,
  type Net,
  routesToSources,
  SOURCES,
  setSysctls,
} from "../../harness/api/index.ts";
import { mssOf } from "../linux/mss-clamp.ts";

/** How the names of the tunnels on targets begin. */
export const TUNNELS = "lbtun";

/** Of the fabric on the targets' net. The addresses exist nowhere else; the MAC is what counts. */
const GATE = { mac: "00:00:00:01:01:fe", ipv4: "192.168.254.1", ipv6: "1000::fe:1" } as const;

/** `announceMtu`: the MSS that targets announce fits it. */
export async function openDirectWay(lab: Lab, announceMtu?: number): Promise<void> {
  const advertise = (family: 4 | 6) => (announceMtu === undefined ? "" : ` advmss ${mssOf(announceMtu, family)}`);
  const { testers, targets, squeeze } = lab.topology;
  const to = (squeeze ? [squeeze.machine] : testers).map((machine) => linkOn(machine, "net2"));
  await Promise.all(fabricsOf(lab).map((part) => openGate(lab, part, to)));
  await Promise.all(
    targets.map((target) =>
      ipBatch(lab.wiring(target.name), [
        ...[GATE.ipv4, GATE.ipv6].map((ip) => `neigh replace ${ip} lladdr ${GATE.mac} dev eth1 nud permanent`),
        `route replace ${SOURCES[4]} via ${GATE.ipv4} dev eth1 onlink${advertise(4)}`,
        `route replace ${SOURCES[6]} via ${GATE.ipv6} dev eth1 onlink${advertise(6)}`,
      ]),
    ),
  );
}

/** Each part of the fabric has one, with the same address: the way of a packet to the next. */
async function openGate(lab: Lab, part: string, to: readonly Link[]): Promise<void> {
  const fabric = lab.wiring(part);
  const nets: Net[] = ["net1", "net2"];
  await setSysctls(fabric, [
    "net/ipv4/ip_forward=1",
    "net/ipv6/conf/all/forwarding=1",
    "net/ipv4/conf/all/rp_filter=0",
    "net/ipv4/conf/all/send_redirects=0",
    ...nets.flatMap((net) => [
      `net/ipv4/conf/${net}/rp_filter=0`,
      `net/ipv6/conf/${net}/accept_dad=0`,
      `net/ipv6/conf/${net}/disable_ipv6=0`,
    ]),
  ]);
  await ipBatch(fabric, [
    `link set net1 address ${GATE.mac}`,
    ...to.flatMap(({ ipv4, ipv6, mac }) =>
      [ipv4, ipv6].map((ip) => `neigh replace ${ip} lladdr ${mac} dev net2 nud permanent`),
    ),
    ...routesToSources(lab.topology, "replace", " dev net2 onlink"),
  ]);
}

/** On every target the other end of a tunnel from each router. */
export async function openTunnels(lab: Lab): Promise<void> {
  const { routers, targets } = lab.topology;
  await Promise.all(
    targets.map((target) => {
      const own = linkOn(target, "net1");
      const lines = routers.flatMap((router, i) => {
        const other = linkOn(router, "net1");
        return [
          `link add name ${TUNNELS}${i} type ipip local ${own.ipv4} remote ${other.ipv4}`,
          `link add name ${TUNNELS}6${i} type ip6tnl mode ip6ip6 local ${own.ipv6} remote ${other.ipv6}`,
          `link set ${TUNNELS}${i} up`,
          `link set ${TUNNELS}6${i} up`,
        ];
      });
      return ipBatch(lab.wiring(target.name), lines);
    }),
  );
}
