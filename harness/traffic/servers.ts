// SPDX-License-Identifier: Apache-2.0
// The servers on the targets.

import { startProgram } from "../runtime/daemon.ts";
import type { Lab } from "../runtime/runtime.ts";

/** One process opens so many at most: where only the hard limit of open files holds (often 20,000), more need more processes. */
export const PART_CONNECTIONS = 19_000;
/** What one target may get of the connections, as a multiple of its share. */
const UNEVEN = 1.3;
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
): Promise<void> {
  const words = ["serve", "--processes", `${processes}`];
  await Promise.all(
    lab.topology.targets.map(({ name }) =>
      startProgram(lab.host(name), [lab.program("traffic"), ...words, "--name", name], "listening", {
        onEnd: (how) => onTrouble(`The server on ${name} ${how}`),
        onSaid: (text) => onTrouble(`The server on ${name} said: ${text.trim()}`),
      }),
    ),
  );
}
