// SPDX-License-Identifier: Apache-2.0
import { access, constants } from "node:fs/promises";
import path from "node:path";
import type { z } from "zod";
import type { Backend, Balancer } from "../../harness/api/backend.ts";
import { runProgram } from "../../harness/host/program.ts";
import type { OracleSpec, TableSpec } from "../../harness/oracle/oracle.ts";
import { buildDir } from "../../harness/runtime/netns.ts";
import type { Host, Lab, Process, Runtime } from "../../harness/runtime/runtime.ts";
import { linkOn, type Machine, type Topology, VIP } from "../../harness/topology/topology.ts";
import { startProgram } from "../../harness/traffic/start-program.ts";
import { UsageError } from "../../harness/util/errors.ts";
import { flatCounters, type Stats } from "../linux/table.ts";
import { type PlaneOptions, settle, tcOptions, userOptions, xdpOptions } from "./options.ts";

type Plane = "xdp" | "tc" | "user";
const SIGTERM = 15;
/** What a container has to be given: older engines know no CAP_BPF. Sockets of AF_XDP lock their memory. */
const CAPABILITIES = { xdp: ["SYS_ADMIN"], tc: ["SYS_ADMIN"], user: ["SYS_ADMIN", "IPC_LOCK"] } as const;

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

function backendOf<Options extends z.ZodObject>(
  name: string,
  plane: Plane,
  summary: string,
  options: Options,
): Backend<Options> {
  const whole = (given: unknown): PlaneOptions => ({
    mode: "generic",
    connections: 0,
    queues: 1,
    ...(given as Omit<PlaneOptions, "mode" | "connections" | "queues">),
  });
  return {
    name,
    summary,
    keepsState: false,
    handles: ["icmp_errors"],
    options,
    missing: (runtime) => missing(runtime, plane),
    oracle: (given, targets) => oracleOf(whole(given), targets),
    effectiveOptions(given, targets) {
      const { broken, ...rest } = given as PlaneOptions;
      return { ...rest, ...settle(whole(given), targets), ...(broken ? { broken } : {}) };
    },
    deploy: (lab, given, active) => deploy(lab, plane, whole(given), active),
  };
}

/** A connection that is remembered stays where it is, until its target leaves; then it is chosen again. */
function oracleOf(given: PlaneOptions, targets: number): OracleSpec {
  const { M } = settle(given, targets);
  const { hashSeed: seed, ports } = given;
  const assign: TableSpec =
    given.hash === "modulo" ? { strategy: "modulo", seed, ports } : { strategy: "maglev", m: M, seed, ports };
  return given.connections > 0 ? { strategy: "stateful", flush: true, assign } : assign;
}

/** Whether the kernel takes the program is found out by loading it. */
async function missing(runtime: Runtime, plane: Plane): Promise<string[]> {
  if (runtime.name === "docker") {
    const takes = CAPABILITIES[plane];
    if (takes.every((name) => runtime.capabilities?.includes(name))) return [];
    const [names, flags] = [takes.map((name) => `CAP_${name}`), takes.map((name) => `--capability ${name}`)];
    return [`It takes ${names.join(" and ")}, which the lab's containers do not have. Try '${flags.join(" ")}'.`];
  }
  const program = path.join(buildDir, "xdp-lb");
  if (
    !(await access(program, constants.X_OK).then(
      () => true,
      () => false,
    ))
  )
    return ["'xdp-lb' is not built: that takes clang and libbpf-dev. Run './setup'."];
  const words = ["check", "--plane", plane, "--vip", VIP[4]];
  const { router } = runtime;
  if (router) {
    const { code, stderr } = await router.exec([router.program("xdp-lb"), ...words], { check: false });
    return code === 0 ? [] : [firstLine(stderr) || `'xdp-lb' does not run there: exit code ${code}.`];
  }
  if (runtime.name !== "netns") return [];
  if (process.geteuid?.() !== 0)
    return ["Only root may load BPF programs: a user namespace is not enough. Run as root."];
  const { code, stderr } = await runProgram([program, ...words], { timeoutMs: 10_000, check: false });
  return code === 0 ? [] : [firstLine(stderr) || `'xdp-lb' does not run here: exit code ${code}.`];
}

const firstLine = (text = "") => text.trim().split("\n")[0] ?? "";

async function deploy(lab: Lab, plane: Plane, given: PlaneOptions, active: readonly number[]): Promise<Balancer> {
  const routers = lab.topology.routers.map((router) => ({ name: router.name, host: lab.host(router.name) }));
  const program = lab.program("xdp-lb");
  let onFault: (sentence: string) => void = () => {};
  let stopping = false;
  await prepareLinks(lab, plane, given);
  const processes = await Promise.all(
    routers.map(({ host }) =>
      startPlane(lab, host, plane, given, active, (sentence) => {
        if (!stopping) onFault(sentence);
      }),
    ),
  );
  return {
    set onFault(report: (sentence: string) => void) {
      onFault = report;
    },
    async setTargets(next: readonly number[], only?: ReadonlySet<string>) {
      const argv = [program, "set", "--active", members(lab.topology, next)];
      const chosen = routers.filter(({ name }) => only?.has(name) ?? true);
      const answers = await Promise.all(chosen.map(({ host }) => host.exec(argv)));
      return Math.max(...answers.map(({ stdout }) => (JSON.parse(stdout) as { publishedT: number }).publishedT));
    },
    async counters(name: string) {
      const router = routers.find((r) => r.name === name);
      if (!router) return {};
      const { stdout } = await router.host.exec([program, "stats"]);
      const { t: _, queues: __, program: ___, ...stats } = JSON.parse(stdout) as Stats;
      return flatCounters(stats, plane === "user" ? USER_DROPS : DROPS);
    },
    async [Symbol.asyncDispose]() {
      stopping = true;
      for (const process of processes) process.signal(SIGTERM);
      await Promise.all(processes.map((process) => process.exited));
    },
  } as Balancer;
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

async function startPlane(
  lab: Lab,
  host: Host,
  plane: Plane,
  given: PlaneOptions,
  active: readonly number[],
  onFault: (sentence: string) => void,
): Promise<Process> {
  const { M, N } = settle(given, lab.topology.targets.length);
  const flags: Record<string, string | number | undefined> = {
    plane,
    mode: plane === "tc" ? undefined : given.mode,
    dev: "eth2",
    egress: "eth1",
    vip: `${VIP[4]},${VIP[6]}`,
    hash: given.hash,
    M,
    N,
    seed: given.hashSeed,
    connections: given.connections || undefined,
    queues: plane === "user" ? given.queues : undefined,
    broken: given.broken,
    active: members(lab.topology, active),
  };
  const argv = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, `${value}`]));
  return startProgram(host, [lab.program("xdp-lb"), "run", ...(given.ports ? ["--ports"] : []), ...argv], "ready", {
    onEnd: (how) => onFault(`The balancer on ${host.name} ${how}`),
  });
}

const members = (topology: Topology, active: readonly number[]) =>
  active
    .flatMap((index) => {
      const target = topology.targets[index];
      return target ? [`${index}=${linkOn(target, "net1").mac}`] : [];
    })
    .join(",");

/**
 * What veth senders leave to the receiver, an XDP program would pass on unfinished: checksums, and the cutting of large
 * packets. So the fabric's ports towards the routers finish both. Native redirects arrive only at peers that have GRO on.
 * Several queues are fed only if all links on the way have as many.
 */
async function prepareLinks(lab: Lab, plane: Plane, given: PlaneOptions): Promise<void> {
  const { routers, tester } = lab.topology;
  const program = lab.program("xdp-lb");
  const set = (host: Host, device: string, ...features: string[]) =>
    host.exec([program, "features", "--dev", device, ...features]);
  const port = (machine: Machine, net: 1 | 2) => `${machine.name}.${net}`;
  const fabric = lab.wiring("fabric");
  if (given.queues > 1) {
    const wide = ["--queues", `${given.queues}`];
    const ends: [Host, string][] = [
      ...routers.flatMap((router): [Host, string][] => [
        [fabric, port(router, 1)],
        [fabric, port(router, 2)],
        [lab.wiring(router.name), "eth1"],
        [lab.wiring(router.name), "eth2"],
      ]),
      [fabric, port(tester, 2)],
      [lab.wiring(tester.name), "eth2"],
    ];
    for (const [host, device] of ends)
      await set(host, device, ...wide).catch((error: Error) => {
        throw new UsageError(`queues=${given.queues} cannot be had here: ${error.message}`);
      });
  }
  if (plane === "tc") return;
  await Promise.all([
    // The tester counts a large packet as one, and the targets would count its parts.
    lab
      .wiring(tester.name)
      .exec(["ip", "link", "set", "dev", lab.topology.squeeze ? "eth3" : "eth2", "gso_max_segs", "1"]),
    ...routers.flatMap((router) => [
      set(fabric, port(router, 2), "--tx-checksum", "off", "--tso", "off"),
      ...(plane === "xdp" && given.mode === "native" ? [set(fabric, port(router, 1), "--gro", "on")] : []),
    ]),
  ]);
}
