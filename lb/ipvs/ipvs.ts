// SPDX-License-Identifier: Apache-2.0
import {
  type AssignSpec,
  addressBytes,
  addressOf,
  type Direct,
  defineBackend,
  definedOptions,
  type EffectiveOptions,
  FAMILIES,
  type Lab,
  type Lifecycle,
  modprobe,
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
import { bothLive, oneTaken } from "../linux/direct.ts";
import { clampProbes } from "../linux/mss-clamp.ts";
import { memoryPart, timeoutsOf, weightsPart } from "../linux/options.ts";
import { roomOf } from "../linux/room.ts";
import { endsAs } from "../linux/running.ts";
import { snatCounters, snatOf } from "../linux/snat-ports.ts";
import { check, isHashing, looksAtWeights, type Options, options, weightless } from "./options.ts";
import { openDirectWay, openTunnels, TUNNELS } from "./paths.ts";
import { readStats, replyCheck } from "./stats.ts";
import { catchVip, changed, installed, needsMasquerade, reweighed, startSync } from "./table.ts";

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
  handles: ["icmp_errors"],
  protocols: ["tcp", "udp", "sctp"],
  servesVips: () => true,
  options,
  ...mtuTraits,
  environment: (env) => (env.xcluster_IPVS_SETUP ? { forward: env.xcluster_IPVS_SETUP } : {}),
  requires: ipvsRequirements,
  affinityOption: "persistence",
  oracle: ipvsOracle,
  leavesDead: ({ leave }) => leave === "dead",
  reweighs: ({ scheduler }) => (looksAtWeights(scheduler) ? null : weightless(scheduler)),
  room: ipvsRoom,
  reuse: ipvsReuse,
  snat: snatOf,
  direct: ipvsDirect,
  // ICMP port unreachable, at which a socket of either protocol ends.
  withoutTargets: () => "unreachable",
  lifecycle: { actions: ["reload"], of: ipvsLifecycle },
  effectiveOptions: ipvsFacts,
  prepare: prepareWays,
  router: (router, asked) => {
    let given = asked;
    const { host, machine, lab, topology, services } = router;
    let wasEmpty = false;
    // Line by line: a service is there before its first target.
    const written = (input: string) => {
      wasEmpty = true;
      return host.exec(["ipvsadm", "-R"], { input });
    };
    return {
      async install(first) {
        await catchVip(host, given, needsMasquerade(lab, given), {
          others: services,
          vips: topology.vips,
          isVirtual: lab.clock.isVirtual,
        });
        await host.exec(["ipvsadm", "-R"], { input: installed(topology, given, first, services) });
        if (given.sync) await startSync(host, machine);
      },
      control: {
        stop: () => host.exec(["ipvsadm", "-C"]),
        kill: () => host.exec(["ipvsadm", "-C"]),
        start: (active) => written(installed(topology, given, active, services)),
        reload: (active) => written(`-C\n${installed(topology, given, active, services)}`),
      },
      async change(next, before) {
        wasEmpty ||= next.length === 0;
        await host.exec(["ipvsadm", "-R"], { input: changed(topology, given, next, before) });
      },
      weigh(weights, active) {
        given = { ...given, weights: [...weights] };
        return host.exec(["ipvsadm", "-R"], { input: reweighed(topology, given, active) });
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
      sctp: lab.topology.sctp === true,
    });
    atFirst ??= elsewhere;
    check(stats);
    const more = masquerades ? { ...(await conntrackCounters(host)), ...(await snatCounters(host, given)) } : {};
    if (dropsSilently) return { ...stats, ...more, "drop.target_removed": elsewhere };
    // What it cannot schedule is answered by ICMP and dropped.
    return { ...stats, ...more, ...(wasEmpty() ? { "drop.no_destination": elsewhere - atFirst } : {}) };
  };
}

/**
 * Without a service IPVS sees no packet: the VIP is an address of the router's own where nobody listens, and who sends there is reset.
 * The others find their target again, as those that went with their service are kept for its connections.
 */
/**
 * With expire_nodest_conn the kernel forgets the connections of removed targets a tick later, all at once: those whose targets a reload
 * has written again by then are kept. Without it, who sends while there is no service is reset.
 */
export function ipvsLifecycle({ expireNodest }: Pick<Options, "expireNodest">): Lifecycle {
  const reload = { open: expireNodest ? "some_lost" : "reset", fresh: "refused" } as const;
  return {
    keeps: expireNodest ? "nothing: it forgets connections without a target" : "its table of connections in the kernel",
    ...endsAs({ open: expireNodest ? "lost" : "reset", fresh: "refused" }),
    balancer_reload: reload,
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
  const { udp } = timeoutsOf(given.timeouts);
  const memory = protocol === "udp" && udp > 0 ? { forgottenS: udp } : {};
  if (expireNodest && (leave === "remove" || protocol === "tcp")) return { after: "same", gone: "again", ...memory };
  return { after: "same", gone: leave === "drain" ? "same" : "lost", ...memory };
}

/** With NAT an answer is looked up by its addresses and ports alone, which are those of both connections. */
export function ipvsDirect({ forward }: Options): Direct {
  return forward === "masq" ? oneTaken : bothLive;
}

/** What IPVS does, whoever fills its table. */
export function ipvsOracle(given: Options, targets: number, protocol: Protocol): OracleSpec {
  const { scheduler, forward, leave } = given;
  const hashes = isHashing(scheduler) && given.persistence === 0;
  const eachPacket = given.ops && protocol === "udp";
  if (eachPacket && hashes) return hashOf(given, targets);
  const parts = looksAtWeights(scheduler) ? weightsPart(given.weights) : {};
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
const REMEMBERED = { fin: 120, udp: 300, timeWait: 120, sctp: 900 } as const;

/**
 * A template of persistence lives on for as long as IPVS remembers a connection made by it, and a minute more: only where those are
 * forgotten sooner is its time what counts. A hash of the source gives the same target anew.
 */
function affinityOf(given: Options, protocol: Protocol): number | "always" {
  const { fin, udp } = timeoutsOf(given.timeouts);
  const remembered = {
    tcp: given.forward === "masq" ? REMEMBERED.timeWait : fin || REMEMBERED.fin,
    udp: udp || REMEMBERED.udp,
    sctp: REMEMBERED.sctp,
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
        remedy: modprobe("ip_vs", `ip_vs_${scheduler}`),
      })),
      ...clampProbes(mssClamp),
    ],
  };
}
