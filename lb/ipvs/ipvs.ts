// SPDX-License-Identifier: Apache-2.0
import {
  type AssignSpec,
  addressBytes,
  addressOf,
  defineBackend,
  definedOptions,
  type EffectiveOptions,
  FAMILIES,
  type Lab,
  type OracleSpec,
  type Protocol,
  planTopology,
  type Requirements,
  type Reuse,
  type Room,
  type Router,
  TOOLS,
} from "../../harness/api/index.ts";
import { conntrackCounters } from "../linux/conntrack.ts";
import { clampProbes } from "../linux/mss-clamp.ts";
import { memoryPart, timeoutsOf, weightsPart } from "../linux/options.ts";
import { roomOf } from "../linux/room.ts";
import { snatCounters, snatOf } from "../linux/snat-ports.ts";
import { check, isHashing, type Options, options } from "./options.ts";
import { openDirectWay, openTunnels, TUNNELS } from "./paths.ts";
import { readStats, replyCheck } from "./stats.ts";
import { catchVip, changed, installed, needsMasquerade, startSync } from "./table.ts";

/** CONFIG_IP_VS_MH_TAB_INDEX 12, the default, in every distribution's kernel. */
const MH_SLOTS = 4093;

/** Of IPIP, and of IPv6 in IPv6. */
const TUNNEL_BYTES = { 4: 20, 6: 40 } as const;

/** What it does about packets that are too large. */
export const mtuTraits = {
  clampMtu: ({ mssClamp }: Options) => mssClamp ?? null,
  tunnelled: ({ forward, announceMtu }: Options) =>
    forward === "tun" ? { bytes: TUNNEL_BYTES, announceMtu: announceMtu ?? null } : null,
};

/** The kernel's own layer-4 balancer. */
export const ipvs = defineBackend({
  name: "ipvs",
  summary: "IPVS: direct routing, NAT or tunnel; nine schedulers; the kernel remembers connections",
  tunnels: TUNNELS,
  service: "an address, or a mark, with virtual servers in IPVS' table",
  servesVips: () => true,
  options,
  ...mtuTraits,
  environment: (env) => (env.xcluster_IPVS_SETUP ? { forward: env.xcluster_IPVS_SETUP } : {}),
  requires: ipvsRequirements,
  affinityOption: "persistence",
  oracle: ipvsOracle,
  leavesDead: ({ leave }) => leave === "dead",
  room: ipvsRoom,
  reuse: ipvsReuse,
  snat: snatOf,
  // ICMP port unreachable, at which a socket of either protocol ends.
  withoutTargets: () => "unreachable",
  effectiveOptions: ipvsFacts,
  prepare: prepareWays,
  router: (router, given) => {
    const { host, machine, lab, topology, services } = router;
    let wasEmpty = false;
    return {
      async install(first) {
        await catchVip(host, given, needsMasquerade(lab, given), { others: services, vips: topology.vips });
        await host.exec(["ipvsadm", "-R"], { input: installed(topology, given, first, services) });
        if (given.sync) await startSync(host, machine);
      },
      async change(next, before) {
        wasEmpty ||= next.length === 0;
        await host.exec(["ipvsadm", "-R"], { input: changed(topology, given, next, before) });
      },
      counters: checkedStats(router, given, { wasEmpty: () => wasEmpty }),
    };
  },
});

/** IPVS' counters; replies that go the wrong way are a fault. */
export function checkedStats(
  { host, lab, fault }: Router,
  given: Options,
  { checksHealth = false, wasEmpty = () => false }: { checksHealth?: boolean; wasEmpty?: () => boolean } = {},
): () => Promise<Record<string, number>> {
  const masquerades = needsMasquerade(lab, given);
  const check = replyCheck(host.name, given.forward, fault);
  const dropsSilently = !given.expireNodest && !given.sync;
  let atFirst: number | null = null;
  return async () => {
    const { "drop.target_removed": elsewhere = 0, ...stats } = await readStats(host, {
      dropsSilently: true,
      checksHealth,
    });
    atFirst ??= elsewhere;
    check(stats);
    const more = masquerades ? { ...(await conntrackCounters(host)), ...(await snatCounters(host, given)) } : {};
    if (dropsSilently) return { ...stats, ...more, "drop.target_removed": elsewhere };
    // What it cannot schedule is answered by ICMP and dropped.
    return { ...stats, ...more, ...(wasEmpty() ? { "drop.no_destination": elsewhere - atFirst } : {}) };
  };
}

const laterOf = (scheduler: Options["scheduler"]) => (scheduler === "lc" || scheduler === "wlc" ? "fewest" : "shares");

/** Ports of the router's own address: a connection keeps its target, whatever it finds there. */
export function ipvsRoom(given: Options): Room | null {
  return roomOf(given, given.scheduler === "rr" && given.persistence === 0);
}

/**
 * A new SYN for a connection that IPVS remembers. With NAT it has seen both FINs (TIME_WAIT), without only the client's (FIN_WAIT). Over
 * UDP there is no first packet, so that only a target that is gone matters.
 */
export function ipvsReuse(given: Options, protocol: Protocol): Reuse | null {
  const { forward, connReuseMode: mode, persistence, leave, expireNodest, ops } = given;
  if (ops && protocol === "udp") return null;
  const isNew = protocol === "tcp" && persistence === 0 && (forward === "masq" ? mode > 0 : (mode & 2) > 0);
  if (isNew) return { after: "again", gone: "again" };
  if (persistence > 0) return null;
  if (expireNodest && (leave === "remove" || protocol === "tcp")) return { after: "same", gone: "again" };
  return { after: "same", gone: leave === "drain" ? "same" : "lost" };
}

/** What IPVS does, whoever fills its table. */
export function ipvsOracle(given: Options, targets: number, protocol: Protocol): OracleSpec {
  const { scheduler, forward, leave } = given;
  const hashes = isHashing(scheduler) && given.persistence === 0;
  const eachPacket = given.ops && protocol === "udp";
  if (eachPacket && hashes) return hashOf(given, targets);
  const parts = ["wrr", "wlc", "sh", "mh", "sed", "nq"].includes(scheduler) ? weightsPart(given.weights) : {};
  return {
    strategy: "stateful",
    flush: leave === "remove",
    // A template of persistence is made of the source alone and outlives the connection: then the hash says nothing.
    assign: hashes ? hashOf(given, targets) : null,
    // With NAT the other router knows neither the address nor the state.
    midstream: given.sloppyTcp && forward !== "masq",
    shared: given.sync && forward !== "masq",
    ...(hashes ? {} : { later: laterOf(scheduler) }),
    uneven: scheduler === "sed" || scheduler === "nq" || given.persistence > 0,
    ...(given.persistence > 0 ? { affinityS: affinityOf(given, protocol) } : {}),
    ...(eachPacket
      ? { memory: { timeoutS: { udp: 0 } } }
      : memoryPart(given.timeouts, given.sloppyTcp, { of: "ipvs" })),
    ...parts,
  };
}

/** The kernel's own time-outs, in seconds. */
const REMEMBERED = { fin: 120, udp: 300, timeWait: 120 } as const;

/**
 * A template of persistence lives on for as long as IPVS remembers a connection made by it, and a minute more: only where those are
 * forgotten sooner is its time what counts. A hash of the source gives the same target anew.
 */
function affinityOf(given: Options, protocol: Protocol): number | "always" {
  const { fin, udp } = timeoutsOf(given.timeouts);
  const remembered = {
    tcp: given.forward === "masq" ? REMEMBERED.timeWait : fin || REMEMBERED.fin,
    udp: udp || REMEMBERED.udp,
  };
  const again = isHashing(given.scheduler) && !given.port;
  return again || remembered[protocol] >= given.persistence ? "always" : given.persistence;
}

export function ipvsFacts(given: Options, targets: number): EffectiveOptions {
  check(given, targets);
  const { weights, masquerade, snatPorts, randomFully, mssClamp, announceMtu, ...rest } = given;
  return {
    ...rest,
    ...definedOptions({ snatPorts, randomFully, mssClamp, announceMtu }),
    ...(weights ? { weights: weights.join(",") } : {}),
    ...(masquerade === undefined ? {} : { masquerade }),
  };
}

/** The ways of packets outside of the routers. */
export async function prepareWays(lab: Lab, { forward, announceMtu }: Options): Promise<void> {
  if (forward !== "masq") await openDirectWay(lab, announceMtu);
  if (forward === "tun") await openTunnels(lab);
}

function hashOf(given: Options, targets: number): AssignSpec {
  const { targets: machines } = planTopology({ targets, routers: 1 });
  return {
    strategy: "ipvs",
    scheduler: isHashing(given.scheduler) ? given.scheduler : "sh",
    ports: given.port,
    fallback: given.fallback,
    drain: given.leave !== "remove",
    fwmark: given.fwmark,
    size: MH_SLOTS,
    addresses: machines.map((machine) => {
      const [v4 = [], v6 = []] = FAMILIES.map((family) => [...addressBytes(addressOf(machine, family))]);
      return { 4: v4.slice(12), 6: v6 };
    }),
    ...weightsPart(given.weights),
  };
}

export function ipvsRequirements(
  { scheduler: given, forward, mssClamp }: Options,
  schedulers: readonly string[] = [given],
): Requirements {
  return {
    tools: [TOOLS.ipvsadm, TOOLS.iptables, ...(forward === "masq" ? [TOOLS.conntrack] : [])],
    modules: ["ip_vs", ...schedulers.map((scheduler) => `ip_vs_${scheduler}`)],
    kernel: [
      ...schedulers.map((scheduler) => ({
        what: `IPVS with the scheduler '${scheduler}'`,
        argv: ["ipvsadm", "-A", "-t", "192.0.2.1:80", "-s", scheduler],
        input: "",
        remedy: `Load ip_vs and ip_vs_${scheduler}, or use another kernel: '--runtime vm'.`,
      })),
      ...clampProbes(mssClamp),
    ],
  };
}
