// SPDX-License-Identifier: Apache-2.0
// The servers on the targets.

import { startProgram } from "../runtime/daemon.ts";
import type { Lab } from "../runtime/runtime.ts";
import type { Liveness } from "./liveness.ts";

/** One process opens so many at most: where only the hard limit of open files holds (often 20,000), more need more processes. */
export const PART_CONNECTIONS = 19_000;
/** What one target may get of the connections, as a multiple of its share. */
const UNEVEN = 1.3;
const HEARTBEAT_MS = 250;
/** Of all servers together. */
const BEATS_PER_S = 200;
/** Where the targets serve: one connection for each request, streams, and datagrams in fragments. */
export const PORT = { connect: 5001, stream: { tcp: 5003, udp: 6003 }, fragments: 6001 } as const;

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
  processes = 1,
  onTrouble: (sentence: string) => void = () => {},
  liveness: Liveness | null = null,
): Promise<void> {
  const fewMs = HEARTBEAT_MS * Math.ceil((lab.topology.targets.length * processes * 1000) / HEARTBEAT_MS / BEATS_PER_S);
  const everyMs = Math.max(fewMs, liveness?.leastMs ?? 0);
  const words = ["serve", "--processes", `${processes}`, ...(liveness ? ["--heartbeat", `${everyMs}ms`] : [])];
  await Promise.all(
    lab.topology.targets.map(({ name }) =>
      startProgram(lab.host(name), [lab.program("traffic"), ...words, "--name", name], "listening", {
        ...(liveness ? { onReport: beats(liveness, name, everyMs) } : {}),
        onEnd: (how) => onTrouble(`The server on ${name} ${how}`),
        onSaid: (text) => onTrouble(`The server on ${name} said: ${text.trim()}`),
      }),
    ),
  );
}

/** Each process of a server is watched by itself, from its first heartbeat on. */
function beats(liveness: Liveness, of: string, everyMs: number): (line: Record<string, unknown>) => void {
  const pulses = new Map<unknown, ReturnType<Liveness["watch"]>>();
  return ({ event, t, process }) => {
    if (event !== "heartbeat") return;
    const pulse = pulses.get(process) ?? liveness.watch({ of, role: "server", everyNs: everyMs * 1e6 });
    pulses.set(process, pulse);
    pulse.beat(Number(t));
  };
}
