// SPDX-License-Identifier: Apache-2.0
import type { z } from "zod";
import {
  type Asked,
  type DefinedBackend,
  type Disruption,
  defineBackend,
  definedOptions,
  fabricAt,
  type Host,
  type Lab,
  type Lifecycle,
  type LinkNeeds,
  linkOn,
  type Machine,
  type OracleSpec,
  type Protocol,
  type Router,
  type RouterSide,
  TOOLS,
  type Topology,
  UsageError,
  VIP,
} from "../../harness/api/index.ts";
import { bothLive } from "../linux/direct.ts";
import { noRoute } from "../linux/no-route.ts";
import { sendSegments } from "../linux/one-segment.ts";
import { weightOf } from "../linux/options.ts";
import { HANDS_OVER, Running } from "../linux/running.ts";
import { flatCounters, reweighs, type Stats, tableChoice, weightWord } from "../linux/table.ts";
import { type PlaneOptions, type SomePlaneOptions, settle, tcOptions, userOptions, xdpOptions } from "./options.ts";

type Plane = "xdp" | "tc" | "user";
/** What a container has to be given: older engines know no CAP_BPF. Sockets of AF_XDP lock their memory. */
const CAPABILITIES = { xdp: ["SYS_ADMIN"], tc: ["SYS_ADMIN"], user: ["SYS_ADMIN", "IPC_LOCK"] } as const;

/** What a plane has no option for. */
const EVERY_PLANE = { mode: "generic", connections: 0, table: "shared", queues: 1, gso: false } as const;

/** In the kernel, before there is a socket buffer (native), or right after (generic). */
export const xdp = backendOf(
  "xdp",
  "xdp",
  "Maglev in an XDP program: MAC rewritten, direct return; stateless, or with a table of connections",
  xdpOptions,
);

export const tc = backendOf(
  "tc",
  "tc",
  "the same in a TC program (sched_cls on clsact), where XDP is the wrong choice",
  tcOptions,
);

export const xdpUser = backendOf(
  "xdp_user",
  "user",
  "the same in user space: an XDP program hands the VIP's frames to AF_XDP sockets; stateless",
  userOptions,
);

function backendOf<Options extends z.ZodObject & z.ZodType<SomePlaneOptions>>(
  name: string,
  plane: Plane,
  summary: string,
  options: Options,
): DefinedBackend<Options> {
  const whole = (given: SomePlaneOptions): PlaneOptions => ({ ...EVERY_PLANE, ...given });
  return defineBackend({
    name,
    summary,
    handles: ["icmp_errors"],
    cannot: {
      mssClamp: `${name} sends packets on below netfilter, and changes none. Lower the MTU of the targets' links.`,
    },
    options,
    aliases: { hash: "scheduler" },
    requires: () => ({
      programs: [{ name: "xdp-lb", from: "ours", takes: ["clang", "libbpf-dev"] }],
      tools: [TOOLS.ip],
      capabilities: { names: CAPABILITIES[plane], to: "load BPF programs" },
      check: (asked) => refusal(asked, plane),
    }),
    oracle: (given, targets) => oracleOf(whole(given), targets),
    reweighs,
    direct: () => bothLive,
    withoutTargets: () => "silence",
    lifecycle: { actions: ["reload", "upgrade"], of: (_, protocol) => lifecycleOf(plane, protocol) },
    effectiveOptions: (given, targets) => ({ ...definedOptions(given), ...settle(whole(given), targets) }),
    links: (given) => linksOf(plane, whole(given)),
    router: (router, given) => sideOf(router, plane, whole(given)),
  });
}

/**
 * A connection that is remembered stays where it is, until its target leaves; then it is chosen again, as one is that another router
 * carries on, or that was forgotten.
 */
function oracleOf(given: PlaneOptions, targets: number): OracleSpec {
  const assign = tableChoice(given, targets);
  if (given.connections === 0) return assign;
  const memory = { entries: given.connections, again: true, ...(given.table === "percpu" ? { perCpu: {} } : {}) };
  return { strategy: "stateful", flush: true, assign, marks: ["tcp", "udp"], memory };
}

/** A TC filter stays when its program's owner is killed; XDP's goes with its link, and then the stack has no route for the VIP. */
function lifecycleOf(plane: Plane, protocol: Protocol): Lifecycle {
  const gone: Disruption = { open: "silence", fresh: noRoute(protocol) };
  return {
    keeps: plane === "tc" ? "the filter and its maps in the kernel" : "nothing, but for a successor that takes over",
    balancer_stop: gone,
    balancer_kill: plane === "tc" ? { open: "served", fresh: "served" } : gone,
    // A queue's frames go to one socket, which its successor can have only when the one before has closed it.
    ...(plane === "user" ? { balancer_reload: gone, balancer_upgrade: gone } : HANDS_OVER),
  };
}

/** Whether the kernel takes the program is found out by loading it. */
async function refusal({ run, isHere }: Asked, plane: Plane): Promise<string[]> {
  const { code, stderr } = await run("xdp-lb", ["check", "--plane", plane, "--vip", VIP[4]]);
  const [said] = stderr.trim().split("\n");
  return code === 0 ? [] : [said || `'xdp-lb' does not run ${isHere ? "here" : "there"}: exit code ${code}.`];
}

function sideOf({ host, lab, topology, start }: Router, plane: Plane, given: PlaneOptions): RouterSide {
  const program = lab.program("xdp-lb");
  let { weights } = given;
  const running = new Running<readonly number[]>(async (active, ...more) => {
    const daemon = start([
      program,
      "run",
      ...planeWords(topology, plane, given, members(topology, active, weights)),
      ...more,
    ]);
    await daemon.ready("ready");
    return daemon;
  });
  const takeOver = (active: readonly number[]) => running.replace(active, "--take-over");
  const set = async (active: readonly number[]): Promise<number> => {
    const { stdout } = await host.exec([program, "set", "--active", members(topology, active, weights)]);
    return (JSON.parse(stdout) as { publishedT: number }).publishedT;
  };
  return {
    install: (active) => running.begin(active),
    control: { ...running.control, reload: takeOver, upgrade: takeOver },
    change: set,
    weigh(next, active) {
      weights = [...next];
      return set(active);
    },
    async counters() {
      const { stdout } = await host.exec([program, "stats"]);
      const { t: _, queues: __, program: ___, ...stats } = JSON.parse(stdout) as Stats;
      return flatCounters(stats, plane === "user" ? USER_DROPS : DROPS);
    },
  };
}

/** Names of xdp-lb's counters for frames that it, or its sockets, dropped. */
const DROPS = new Map(
  ["no_target", "malformed", "short", "socket_no_buffer", "socket_ring_full", "socket_invalid"].map((name) => [
    name,
    `drop.xdp_${name}`,
  ]),
);
/** What user space cannot give back to the stack. */
const USER_DROPS = new Map([...DROPS, ["unmatched", "drop.xdp_unmatched"]]);

function planeWords(topology: Topology, plane: Plane, given: PlaneOptions, active: string): string[] {
  const { M, N } = settle(given, topology.targets.length);
  const flags: Record<string, string | number | undefined> = {
    plane,
    mode: plane === "tc" ? undefined : given.mode,
    dev: "eth2",
    egress: "eth1",
    vip: `${VIP[4]},${VIP[6]}`,
    hash: given.scheduler,
    M,
    N,
    seed: given.hashSeed,
    connections: given.connections || undefined,
    queues: plane === "user" ? given.queues : undefined,
    active,
  };
  const argv = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, `${value}`]));
  return [
    ...(given.ports ? ["--ports"] : []),
    ...(given.gso ? ["--gso"] : []),
    ...(given.table === "percpu" ? ["--per-cpu"] : []),
    ...argv,
  ];
}

const members = (topology: Topology, active: readonly number[], weights: readonly number[] | undefined) =>
  active
    .flatMap((index) => {
      const target = topology.targets[index];
      return target ? [`${index}=${linkOn(target, "net1").mac}${weightWord(weightOf(weights, index))}`] : [];
    })
    .join(",");

function linksOf(plane: Plane, given: PlaneOptions): LinkNeeds | null {
  if ((plane === "tc" || given.gso) && given.queues === 1) return null;
  return {
    words: plane === "tc" ? `${given.queues} queues` : "no offloads",
    set: (lab) => prepareLinks(lab, plane, given),
  };
}

/**
 * What veth senders leave to the receiver, an XDP program would pass on unfinished: checksums, and the cutting of large
 * packets. So the fabric's ports towards the routers finish both. Native redirects arrive only at peers that have GRO on.
 * Several queues are fed only if all links on the way have as many.
 */
async function prepareLinks(lab: Lab, plane: Plane, given: PlaneOptions): Promise<void> {
  const { routers, testers } = lab.topology;
  const program = lab.program("xdp-lb");
  const set = (host: Host, device: string, ...features: string[]) =>
    host.exec([program, "features", "--dev", device, ...features]);
  const port = (machine: Machine, net: 1 | 2) => `${machine.name}.${net}`;
  if (given.queues > 1) {
    const wide = ["--queues", `${given.queues}`];
    const ends: [Host, string][] = [
      ...routers.flatMap((router): [Host, string][] => [
        [fabricAt(lab, router), port(router, 1)],
        [fabricAt(lab, router), port(router, 2)],
        [lab.wiring(router.name), "eth1"],
        [lab.wiring(router.name), "eth2"],
      ]),
      ...testers.flatMap((tester): [Host, string][] => [
        [fabricAt(lab, tester), port(tester, 2)],
        [lab.wiring(tester.name), "eth2"],
      ]),
    ];
    for (const [host, device] of ends)
      await set(host, device, ...wide).catch((error: Error) => {
        throw new UsageError(`queues=${given.queues} cannot be had here: ${error.message}`);
      });
  }
  if (plane === "tc") return;
  await Promise.all([
    sendSegments(lab),
    ...routers.flatMap((router) => [
      set(fabricAt(lab, router), port(router, 2), "--tx-checksum", "off", "--tso", "off"),
      ...(plane === "xdp" && given.mode === "native"
        ? [set(fabricAt(lab, router), port(router, 1), "--gro", "on")]
        : []),
    ]),
  ]);
}
