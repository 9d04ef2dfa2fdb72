// SPDX-License-Identifier: Apache-2.0
// The servers on the targets.

import type { Protocol } from "../record/schema.ts";
import { startProgram } from "../runtime/daemon.ts";
import type { Host, Lab } from "../runtime/runtime.ts";
import { clientVips, linkOn, type Machine, type Topology } from "../topology/topology.ts";
import type { Liveness } from "./liveness.ts";

/** One process opens so many at most: where only the hard limit of open files holds (often 20,000), more need more processes. */
export const PART_CONNECTIONS = 19_000;
/** What one target may get of the connections, as a multiple of its share. */
const UNEVEN = 1.3;
const HEARTBEAT_MS = 250;
/** Of all servers together. */
const BEATS_PER_S = 200;
/** Where the targets serve: one connection for each request, streams, and datagrams in fragments. */
export const PORT = { connect: 5001, stream: { tcp: 5003, udp: 6003, sctp: 5003 }, fragments: 6001 } as const;

/** Ports of one protocol that are not the lab's: where clients find the VIP, and where each target (by index) listens. */
export interface ServedPorts {
  vip: number;
  targets: readonly number[];
  /** Further ports at which every target answers: to health checks, or to connections that are spread over several ports. */
  others?: readonly number[];
}

type Mode = "connect" | "stream" | "fragments";

export interface ServerSetup {
  processes?: number | undefined;
  /** What is asked for at other ports than the lab's; absent: nothing is. */
  at?: { mode: Mode; protocol: Protocol; ports: ServedPorts } | undefined;
  /** What is asked for at further ports. */
  more?: { mode: Mode; ports: readonly number[] };
}

/** The flags of the ports that a mode asks at: TCP and UDP are served alike, as health checks of UDP services are TCP. */
const ASKED = { connect: ["connect"], stream: ["stream", "udp"], fragments: ["echo"] } as const;
const FLAGS = { connect: PORT.connect, stream: PORT.stream.tcp, udp: PORT.stream.udp, echo: PORT.fragments } as const;

/** What listens at that port by default gives way. */
function portWords(at: ServerSetup["at"], target: number): string[] {
  const port = at?.ports.targets[target];
  if (!at || port === undefined) return [];
  const flags = ASKED[at.mode];
  const names = Object.keys(FLAGS) as (keyof typeof FLAGS)[];
  const other = names.find((name) => FLAGS[name] === port && !(flags as readonly string[]).includes(name));
  const own = FLAGS[at.mode === "stream" && at.protocol === "udp" ? "udp" : flags[0]];
  return [...flags.flatMap((flag) => [`--${flag}-port`, `${port}`]), ...(other ? [`--${other}-port`, `${own}`] : [])];
}

/**
 * Each VIP is a service of its own, unless they are to be paths of one: a peer takes all that it is told of for paths. So is the
 * target's own address, which translated packets have.
 */
function sctpWords(topology: Topology, target: Machine): string[] {
  if (!topology.sctp) return [];
  const { ipv4, ipv6 } = linkOn(target, "net1");
  return ([4, 6] as const).flatMap((family) => {
    const vips = clientVips(topology, family);
    const own = family === 4 ? ipv4 : ipv6;
    return [...(topology.paths ? [vips.join(",")] : vips), own].flatMap((address) => ["--sctp", address]);
  });
}

/** A server at one more port, the i-th; what it would serve besides is out of everybody's way. */
const sideWords = (port: number, i: number, mode: Mode = "stream") =>
  Object.keys(FLAGS).flatMap((flag, j) => [
    `--${flag}-port`,
    `${(ASKED[mode] as readonly string[]).includes(flag) ? port : 65_535 - 4 * i - j}`,
  ]);

/**
 * Processes that a server has to be, so that none opens more connections than one can, when only the `fewest` targets are left. What
 * was lost to another target is opened again, and the old target never hears of it: so at each of so many `events` all may come once more.
 */
export function serverProcesses(connections: number, fewest: number, events: number): number {
  return Math.ceil((connections * (1 + events) * UNEVEN) / fewest / PART_CONNECTIONS);
}

/**
 * Starts a server, of one process or several, on every target; resolves when all of them listen. `onTrouble` is told in a sentence
 * when one can take no more connections, or ends: what a target does wrong is no fault of the balancer's.
 */
export async function startServers(
  lab: Lab,
  { processes = 1, at, more }: ServerSetup = {},
  onTrouble: (sentence: string, target: string) => void = () => {},
  liveness: Liveness | null = null,
): Promise<void> {
  const fewMs = HEARTBEAT_MS * Math.ceil((lab.topology.targets.length * processes * 1000) / HEARTBEAT_MS / BEATS_PER_S);
  const everyMs = Math.max(fewMs, liveness?.leastMs ?? 0);
  const words = ["serve", "--processes", `${processes}`, ...(liveness ? ["--heartbeat", `${everyMs}ms`] : [])];
  const serve = (name: string, more: readonly string[], watched: boolean) =>
    startProgram(lab.host(name), [lab.program("traffic"), ...more, "--name", name], "listening", {
      ...(watched && liveness ? { onReport: beats(liveness, lab.host(name), everyMs) } : {}),
      onEnd: (how) => onTrouble(`The server on ${name} ${how}`, name),
      onSaid: (text) => onTrouble(`The server on ${name} said: ${text.trim()}`, name),
    });
  const others = at?.ports.others ?? [];
  // Health checks are TCP, which servers of fragments have not.
  const otherMode = at?.mode === "connect" ? "connect" : "stream";
  await Promise.all(
    lab.topology.targets.flatMap((target, i) => [
      serve(target.name, [...words, ...sctpWords(lab.topology, target), ...portWords(at, i)], true),
      ...others.map((port, n) =>
        serve(target.name, ["serve", ...sctpWords(lab.topology, target), ...sideWords(port, n, otherMode)], false),
      ),
      ...(more?.ports ?? []).map((port, n) =>
        serve(target.name, ["serve", ...sideWords(port, others.length + n, more?.mode)], false),
      ),
    ]),
  );
}

/** Each process of a server is watched by itself, from its first heartbeat on. */
function beats(
  liveness: Liveness,
  { name: of, labTime }: Host,
  everyMs: number,
): (line: Record<string, unknown>) => void {
  const pulses = new Map<unknown, ReturnType<Liveness["watch"]>>();
  const damaged = new Map<unknown, number>();
  liveness.corrupt.set(of, damaged);
  return ({ event, t, process, corrupt }) => {
    if (event !== "heartbeat") return;
    damaged.set(process, Number(corrupt));
    const pulse = pulses.get(process) ?? liveness.watch({ of, role: "server", everyNs: everyMs * 1e6 });
    pulses.set(process, pulse);
    pulse.beat(labTime?.(Number(t)) ?? Number(t));
  };
}
