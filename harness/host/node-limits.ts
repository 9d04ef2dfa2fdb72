// SPDX-License-Identifier: Apache-2.0
// What of the nodes that a lab is spread over very many connections come up against, and which node first.
import type { RuntimeNode } from "../runtime/runtime.ts";
import type { Role } from "../topology/topology.ts";
import { plural } from "../util/numbers.ts";
import { exceeded, type KernelLimits, needsOf } from "./limits.ts";

/** CPU time that a message and its echo take on the nodes of each role: measured with 150,000 connections, see docs/swarm.md. */
const MESSAGE_US: Record<Role, number> = { tester: 50, router: 49, target: 44 };
/** As many as one machine carries. */
const MESSAGES_PER_S = 12_000;

const UNLIMITED: KernelLimits = { availableMiB: null, openFiles: null, allFiles: null, trackedConnections: null };

/** Ends of connections that are on a node with these parts of the testers and targets, in connections. */
const endsOn = ({ share: { tester, target } }: Pick<RuntimeNode, "share">, connections: number) =>
  Math.ceil((connections * (tester + target)) / 2);

/** The sentences of `exceeded` for a node that has these parts of the testers, routers and targets. */
export function exceededOn(
  node: Pick<RuntimeNode, "name" | "limits" | "share">,
  connections: number,
  tracked: boolean,
): string[] {
  const { name, limits, share } = node;
  if (!limits) return [];
  const conntrack = { ...UNLIMITED, trackedConnections: limits.trackedConnections };
  const sentences = [
    ...exceeded(limits, endsOn(node, connections), false),
    ...(tracked ? exceeded(conntrack, Math.ceil(connections * share.router), true) : []),
  ];
  return sentences.map((sentence) => `On node '${name}': ${sentence}`);
}

/** Which node so many connections use up the most, and what of it; null where no node tells. */
export function limitOf(nodes: readonly RuntimeNode[], connections: number, tracked: boolean): string | null {
  const [most] = nodes.flatMap((node) => usesOn(node, connections, tracked)).sort((a, b) => b.part - a.part);
  if (!most) return null;
  const { name, what, part } = most;
  return `Of the nodes, '${name}' is the limit: ${plural(connections, "connection")} take ${Math.round(part * 100)} % of its ${what}.`;
}

function usesOn(node: RuntimeNode, connections: number, tracked: boolean) {
  const { name, cpus, limits, share } = node;
  if (!limits) return [];
  const { memoryMiB, files } = needsOf(endsOn(node, connections));
  const { entries } = needsOf(connections * share.router);
  const messageUs = (Object.keys(MESSAGE_US) as Role[]).reduce((sum, role) => sum + MESSAGE_US[role] * share[role], 0);
  const uses: [what: string, needed: number, there: number | null][] = [
    ["available memory", memoryMiB, limits.availableMiB],
    ["open files", files, limits.allFiles],
    ["conntrack entries", tracked ? entries : 0, limits.trackedConnections],
    ["CPU time", messageUs * MESSAGES_PER_S, cpus * 1e6],
  ];
  return uses.flatMap(([what, needed, there]) => (there ? [{ name, what, part: needed / there }] : []));
}
