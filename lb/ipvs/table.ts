// SPDX-License-Identifier: Apache-2.0
// IPVS' table as ipvsadm -R reads it, and how packets for the VIP come to it.
import {
  addressOf,
  FAMILIES,
  type Host,
  ipBatch,
  type Lab,
  linkOn,
  type Machine,
  setSysctls,
  type Topology,
  vipsOf,
} from "../../harness/api/index.ts";
import { returnPath } from "../linux/conntrack.ts";
import { clampByIptables } from "../linux/mss-clamp.ts";
import { weightOf } from "../linux/options.ts";
import { masqueradeRules, wantsMasquerade } from "../linux/room.ts";
import type { Options } from "./options.ts";

type Family = (typeof FAMILIES)[number];

/** The lab's servers: one connection each, streams, fragments. */
export const SERVICES = [
  ["-t", 5001],
  ["-u", 5001],
  ["-t", 5003],
  ["-u", 6001],
  ["-u", 6003],
] as const;
const SCTP_SERVICES = [
  ["--sctp-service", 5001],
  ["--sctp-service", 5003],
] as const;
const FORWARD = { dsr: "-g", masq: "-m", tun: "-i" } as const;
const MARK_TABLE = 100;
/** The low bits of a mark are the family. */
const MARK_FAMILY = 0xf;
export const markOf = (family: Family, n: number) => 16 * n + family;

interface Service {
  family: Family;
  /** "-t 10.0.0.0:5001", "-f 4". */
  words: string;
  /** Behind a target's address. */
  port: string;
}

/** Those of the VIP behind those of so many other addresses. */
function services({ fwmark }: Options, { vips, sctp }: Topology, others = 0): Service[] {
  const all = [...SERVICES, ...(sctp ? SCTP_SERVICES : [])];
  return FAMILIES.flatMap((family) =>
    vipsOf(family, others, vips).flatMap((vip, i, addresses) =>
      fwmark
        ? [{ family, words: `-f ${markOf(family, addresses.length - 1 - i)}`, port: ":0" }]
        : all.map(([kind, port]) => ({ family, words: `${kind} ${bracketed(vip)}:${port}`, port: `:${port}` })),
    ),
  );
}

const takesUdp = ({ words }: Service) => !/^-(t|-sctp)/.test(words);
const bracketed = (address: string) => (address.includes(":") ? `[${address}]` : address);
/** ipvsadm cannot tell the family of a mark. */
const familyWord = ({ family, words }: Service) => (family === 6 && words.startsWith("-f") ? " -6" : "");

export function installed(topology: Topology, given: Options, active: readonly number[], others = 0): string {
  const flags = [given.port ? `${given.scheduler}-port` : "", given.fallback ? `${given.scheduler}-fallback` : ""];
  const named = flags.filter((name) => name !== "").join(",");
  const all = services(given, topology, others);
  const add = all.map(
    (service) =>
      `-A ${service.words}${familyWord(service)} -s ${given.scheduler}${named ? ` -b ${named}` : ""}${given.persistence > 0 ? ` -p ${given.persistence}` : ""}${given.ops && takesUdp(service) ? " -o" : ""}`,
  );
  return lines([...add, ...destinations(topology, given, active, { verb: "-a", of: all })]);
}

export function changed(
  topology: Topology,
  given: Options,
  next: readonly number[],
  before: readonly number[],
): string {
  const gone = before.filter((index) => !next.includes(index));
  const come = next.filter((index) => !before.includes(index));
  if (given.leave === "remove")
    return lines([
      ...destinations(topology, given, gone, { verb: "-d" }),
      ...destinations(topology, given, come, { verb: "-a" }),
    ]);
  // A target that was out from the start is not there yet, and one that was drained is: -R stops at neither.
  return lines([
    ...destinations(topology, given, gone, { verb: "-e", weight: 0 }),
    ...destinations(topology, given, come, { verb: "-e" }),
  ]);
}

/** Drained targets stay at 0. */
export const reweighed = (topology: Topology, given: Options, active: readonly number[]): string =>
  lines(destinations(topology, given, active, { verb: "-e" }));

/** In rising order: the kernel's list, which the hashing schedulers go by, is built of it. */
function destinations(
  topology: Topology,
  given: Options,
  indices: readonly number[],
  {
    verb,
    of = services(given, topology),
    weight,
  }: { verb: "-a" | "-d" | "-e"; of?: readonly Service[]; weight?: number },
): string[] {
  const ordered = [...indices].sort((a, b) => a - b);
  return of.flatMap((service) =>
    ordered.flatMap((index) => {
      const target = topology.targets[index];
      if (!target) return [];
      const words = `${verb} ${service.words}${familyWord(service)} -r ${bracketed(addressOf(target, service.family))}${service.port}`;
      return [
        verb === "-d" ? words : `${words} ${FORWARD[given.forward]} -w ${weight ?? weightOf(given.weights, index)}`,
      ];
    }),
  );
}

const lines = (all: readonly string[]) => all.map((line) => `${line}\n`).join("");

/** Since Linux 6.2 rates are estimated 25 times a second (connections to come do not depend on them): half of what an idle guest costs. */
const restEstimators = (host: Host) =>
  host.exec(["sh", "-c", "f=/proc/sys/net/ipv4/vs/run_estimation; [ ! -e $f ] || echo 0 >$f"]);

/** IPVS sees what is for the router itself: the VIP is its own, or marked packets are taken for its own. */
export async function catchVip(
  host: Host,
  given: Options,
  masquerade: boolean,
  { others = 0, vips, isVirtual }: { others?: number; vips?: number | undefined; isVirtual: boolean },
): Promise<void> {
  await host.exec(["ipvsadm", "-C"]);
  if (isVirtual) await restEstimators(host);
  await setSysctls(host, [
    // A reply of a target that passes the router has the VIP, its own address, as its source.
    "net/ipv4/conf/all/accept_local=1",
    "net/ipv4/conf/all/arp_ignore=1",
    `net/ipv4/vs/sloppy_tcp=${Number(given.sloppyTcp)}`,
    `net/ipv4/vs/conn_reuse_mode=${given.connReuseMode}`,
    `net/ipv4/vs/expire_nodest_conn=${Number(given.expireNodest)}`,
    `net/ipv4/vs/expire_quiescent_template=${Number(given.expireQuiescent)}`,
    `net/ipv4/vs/conntrack=${Number(masquerade)}`,
  ]);
  // What is the router's own is not forwarded.
  await clampByIptables(host, given.mssClamp, "PREROUTING");
  await host.exec(["ipvsadm", "--set", ...given.timeouts.split(",")]);
  for (const family of FAMILIES) {
    const all = vipsOf(family, others, vips);
    if (given.fwmark) {
      const tool = family === 4 ? "iptables-restore" : "ip6tables-restore";
      const rules = all.map(
        (vip, i) => `-A PREROUTING -d ${vip} -j MARK --set-mark ${markOf(family, all.length - 1 - i)}`,
      );
      await host.exec([tool, "--noflush"], { input: lines(["*mangle", ...rules, "COMMIT"]) });
      const local = family === 4 ? "0.0.0.0/0" : "::/0";
      const marked = [
        `rule add fwmark ${family}/${MARK_FAMILY} lookup ${MARK_TABLE}`,
        `route add local ${local} dev lo table ${MARK_TABLE}`,
      ];
      await ipBatch(host, marked, family);
    } else {
      const added = all.map(
        (vip) => `addr add ${vip}/${family === 4 ? 32 : 128} dev lo${family === 6 ? " nodad" : ""}`,
      );
      await ipBatch(host, added);
    }
    if (masquerade) {
      const tool = family === 4 ? "iptables-restore" : "ip6tables-restore";
      await host.exec([tool, "--noflush"], { input: lines(["*nat", ...masqueradeRules("-o eth1", given), "COMMIT"]) });
    }
  }
}

/** With NAT and several routers a reply must come back to the one that knows the connection: its own address sees to that. */
export function needsMasquerade({ topology }: Lab, { forward, masquerade, ...given }: Options): boolean {
  return forward === "masq" && returnPath(topology, masquerade ?? wantsMasquerade(given)) === "masquerade";
}

/** Every router is master and backup: what it tells goes over the tester's net, which targets do not count. */
export async function startSync(host: Host, router: Machine): Promise<void> {
  // Every packet of an established connection tells: those who send seldom would be told too late.
  await setSysctls(host, ["net/ipv4/vs/sync_threshold=0 1"]);
  for (const state of ["master", "backup"])
    await host.exec([
      "ipvsadm",
      "--start-daemon",
      state,
      "--mcast-interface",
      linkOn(router, "net2").device,
      "--syncid",
      "1",
    ]);
}
