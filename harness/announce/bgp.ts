// SPDX-License-Identifier: Apache-2.0
// BGP: each router announces the VIPs to the tester and a default route to the targets, and both share flows among those that do. BFD
// tells when one is dead.
import { FAMILIES, type IpFamily } from "../api/network.ts";
import type { Host, Lab } from "../runtime/runtime.ts";
import { linkOn, type Machine, type Net, shownAddress, VIP_PREFIX } from "../topology/topology.ts";
import { routesGone } from "../topology/wiring.ts";
import { type AnnouncerKind, type Announcing, choosers, netOf } from "./announcer.ts";
import { watchMachine } from "./monitor.ts";

/** One machine's end of a session with another. */
export interface Peer {
  family: IpFamily;
  net: Net;
  own: string;
  peer: string;
  peerAs: number;
  name: string;
}

export interface Speaker {
  machine: Machine;
  as: number;
  routerId: string;
  peers: readonly Peer[];
  /** What it announces to each net; empty: it only listens. */
  announces: Readonly<Partial<Record<Net, Readonly<Record<IpFamily, string>>>>>;
}

const AS = { router: 65001, tester: 65221, target: 65100 } as const;
const DEFAULT_ROUTE = { 4: "0.0.0.0/0", 6: "::/0" } as const;

/** Every machine's part. */
export function speakersOf({ topology }: Pick<Lab, "topology">): Speaker[] {
  const { routers } = topology;
  const ears = choosers({ topology });
  const session = (machine: Machine, other: Machine, net: Net): Peer[] =>
    FAMILIES.map((family) => ({
      family,
      net,
      own: addressOn(machine, net, family),
      peer: addressOn(other, net, family),
      peerAs: AS[other.role],
      name: `p${family}_${other.number}`,
    }));
  return [
    ...routers.map((machine) => ({
      machine,
      as: AS.router,
      routerId: linkOn(machine, "net1").ipv4,
      peers: ears.flatMap((other) => session(machine, other, netOf(other))),
      announces: { net1: DEFAULT_ROUTE, net2: VIP_PREFIX },
    })),
    ...ears.map((machine) => ({
      machine,
      as: AS[machine.role],
      routerId: linkOn(machine, netOf(machine)).ipv4,
      peers: routers.flatMap((router) => session(machine, router, netOf(machine))),
      announces: {},
    })),
  ];
}

const addressOn = (machine: Machine, net: Net, family: IpFamily) =>
  linkOn(machine, net)[family === 6 ? "ipv6" : "ipv4"];

/** Where the routes of a machine lead. */
const prefixOf = ({ role }: Machine, family: IpFamily) => (role === "tester" ? VIP_PREFIX : DEFAULT_ROUTE)[family];

/** `run` starts a speaker and resolves once its sessions and BFD are up; with what ends it, its routes left as they are. */
export async function startSpeakers(
  announcing: Announcing,
  run: (speaker: Speaker) => Promise<() => Promise<void>>,
): ReturnType<AnnouncerKind["start"]> {
  const { lab, views } = announcing;
  for (const machine of choosers(lab))
    await lab.wiring(machine.name).exec(["ip", "-batch", "-"], { input: routesGone(machine) });
  const watches = await Promise.all(
    choosers(lab).map((machine) => {
      const host = lab.wiring(machine.name);
      return watchMachine(host, views, "route", () => nextHopsOf(lab, host, machine));
    }),
  );
  const ends = await Promise.all(speakersOf(lab).map(run));
  return async () => {
    await Promise.all([...ends, ...watches].map((end) => end()));
  };
}

/** The routers that both families' routes lead to; null: they differ. */
async function nextHopsOf({ topology }: Lab, host: Host, machine: Machine): Promise<ReadonlySet<number> | null> {
  const net = netOf(machine);
  const sets = await Promise.all(
    FAMILIES.map(async (family) => {
      const { stdout } = await host.exec([
        "ip",
        `-${family}`,
        "-N",
        "route",
        "show",
        "exact",
        prefixOf(machine, family),
      ]);
      const hops = new Set([...stdout.matchAll(/\bvia (?:inet6 )?(\S+)/g)].map(([, hop]) => hop));
      const isBy = (router: Machine) =>
        hops.has(shownAddress(addressOn(router, net, family))) || hops.has(linkLocal(linkOn(router, net).mac));
      return topology.routers.flatMap((router, i) => (isBy(router) ? [i] : []));
    }),
  );
  const [one = [], other = []] = sets;
  return one.join() === other.join() ? new Set(one) : null;
}

/** The address that the kernel makes of a MAC (RFC 4291, appendix A), as ip(8) writes it: FRR leads IPv6 there. */
export function linkLocal(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(":").map((byte) => Number.parseInt(byte, 16));
  const words = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  return `fe80::${words.map((word) => word.toString(16)).join(":")}`;
}
