// SPDX-License-Identifier: Apache-2.0
// What the proxies share: the VIP is the router's own address, and their programs end connections there and begin others.
import { availableParallelism } from "node:os";
import { z } from "zod";
import {
  addressOf,
  definedOptions,
  type EffectiveOptions,
  FAMILIES,
  type Host,
  ipBatch,
  LabError,
  type Lifecycle,
  PORT,
  type Router,
  type RouterSide,
  type StatefulSpec,
  setSysctls,
  type Topology,
  vipsOf,
} from "../../harness/api/index.ts";
import { checkWeights } from "../linux/options.ts";
import { endsAs, HANDS_OVER } from "../linux/running.ts";

/** Where they listen. */
export const PORTS = { tcp: [PORT.connect, PORT.stream.tcp], udp: [PORT.connect, PORT.stream.udp] } as const;

/** One process holds at most as many sockets as its hard limit says, often 20,000, and a connection takes two. */
export const workers = z.coerce
  .number()
  .int()
  .min(1)
  .max(64)
  .default(Math.max(2, availableParallelism()))
  .describe("processes on each router, which share the connections; one holds half as many as it may open files");

export const SIG = { kill: 9, term: 15 } as const;

/** Connections end with the process that has them; on a reload it keeps them, and new ones go to its successor. */
export const proxyLifecycle: Lifecycle = {
  keeps: "nothing: its sockets are the state",
  ...endsAs({ open: "lost", fresh: "refused" }),
  ...HANDS_OVER,
};

const DAY_S = 86_400;

export const idleTimeout = z.coerce
  .number()
  .int()
  .min(1)
  .max(40 * DAY_S)
  .default(DAY_S)
  .describe("seconds without data after which a connection is ended; keepalives of TCP do not count");

/** An oracle's part: what is silent for so long is ended. */
export const idlePart = (tcp: number): Pick<StatefulSpec, "memory"> => ({
  memory: { timeoutS: { tcp }, again: false, dataOnly: true },
});

/** The options as they are used. Throws UsageError when there is not one weight for each target. */
export function effectiveOptions(given: { weights?: number[] | undefined }, targets: number): EffectiveOptions {
  checkWeights(given.weights, targets);
  return definedOptions(given);
}

/** Any proxy's part on a router: the VIP is the router's own, and packets are counted at its devices. */
export function proxySide({ host, topology, services: asked }: Router, side: RouterSide, services = asked): RouterSide {
  return {
    ...side,
    async install(first) {
      await ownVips(host, services, topology.vips);
      await side.install(first);
    },
    counters: () => relayed(host),
  };
}

/** Ports for connections to targets: those that the VIP listens on are other addresses' business. */
async function ownVips(host: Host, services: number, vips: number | undefined): Promise<void> {
  await setSysctls(host, [
    "net/core/somaxconn=65535",
    "net/ipv4/tcp_max_syn_backlog=65535",
    "net/ipv4/ip_local_port_range=1024 65535",
  ]);
  await ipBatch(
    host,
    vipsOf(4, services, vips).map((vip) => `addr add ${vip}/32 dev lo`),
  );
  await ipBatch(
    host,
    vipsOf(6, services, vips).map((vip) => `addr add ${vip}/128 dev lo nodad`),
  );
}

/** Proxies make tables for all the files that they may open, so they are not given more than that, whatever the limit. */
const MOST_FILES = 65_536;

/** How many files one process in this machine may open. */
export async function openFiles(host: Host): Promise<number> {
  const { stdout } = await host.exec(["@read", "/proc/self/limits"]);
  const hard = Number(stdout.match(/^Max open files\s+\S+\s+(\d+)/m)?.[1] ?? MOST_FILES);
  return Math.min(hard, MOST_FILES);
}

/** Ends the connections to targets that left: processes of the old configuration would keep them as long as they live. */
export async function cut(host: Host, topology: Topology, gone: readonly number[]): Promise<void> {
  const addresses = topology.targets.flatMap((target, i) =>
    gone.includes(i) ? FAMILIES.map((family) => addressOf(target, family)) : [],
  );
  const filter = addresses.flatMap((address, i) => [
    ...(i > 0 ? ["or"] : []),
    "dst",
    address.includes(":") ? `[${address}]` : address,
  ]);
  await host.exec(["ss", "-H", "-K", "-t", "-n", ...filter]);
  const { stdout } = await host.exec(["ss", "-H", "-t", "-n", "state", "established", ...filter]);
  if (stdout.trim() !== "")
    throw new LabError(
      "This kernel does not end other programs' sockets (CONFIG_INET_DIAG_DESTROY). Try --set leave=drain, or another kernel.",
    );
}

const DEVICE = { in: "eth2", out: "eth1" } as const;
const COLUMN = { in: 1, out: 9 } as const;

/** Packets from the tester and to the targets, by the routers' devices; without multicast, as everywhere. */
async function relayed(host: Host): Promise<Record<string, number>> {
  const snmp6 = (device: string) => `/proc/net/dev_snmp6/${device}`;
  const { stdout } = await host.exec(["@read", "/proc/net/dev", snmp6(DEVICE.in), snmp6(DEVICE.out)]);
  const [, , ofIn = "", ofOut = ""] = stdout.split(/^==> .* <==\n/m).map((text, i) => (i === 1 ? "" : text));
  const packets = (way: "in" | "out") => {
    const line = stdout.split("\n").find((text) => text.trim().startsWith(`${DEVICE[way]}:`));
    return Number(line?.split(":")[1]?.trim().split(/\s+/)[COLUMN[way]] ?? 0);
  };
  const multicast = (text: string, name: string) => Number(text.match(new RegExp(`^${name}\\s+(\\d+)`, "m"))?.[1] ?? 0);
  return {
    "relay.in": packets("in") - multicast(ofIn, "Ip6InMcastPkts"),
    "relay.out": packets("out") - multicast(ofOut, "Ip6OutMcastPkts"),
  };
}
