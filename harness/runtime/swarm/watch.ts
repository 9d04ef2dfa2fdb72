// SPDX-License-Identifier: Apache-2.0
// Looks after the nodes of a lab while it is up: their clocks, whether they answer and belong to the swarm, and whether they reach each other.
import { setTimeout as delay } from "node:timers/promises";
import type { Topology } from "../../topology/topology.ts";
import { netsOf } from "../../topology/wiring.ts";
import { nowNs } from "../../util/clock.ts";
import { within } from "../../util/deadline.ts";
import type { Agent } from "../agent.ts";
import type { Engine } from "../docker/engine.ts";
import { type Crossing, crossings } from "./join.ts";
import type { NodeClock } from "./node-clock.ts";
import { listNodes, type Node, type SwarmNode } from "./nodes.ts";

const EVERY_MS = 1000;
const ANSWER_MS = 5000;
const FIRST_TRIPS = 10;
/** A way on which so many packets were sent, and none has arrived in so many looks, is broken. */
const LOOKS = 3;
const SENT = 10;
const SETTLING = 5;
const SETTLING_MS = 50;

export interface WatchedNode {
  node: Node;
  fabric: Agent;
  /** All that are on the node. */
  agents: readonly Agent[];
  clock: NodeClock;
}

/** The first round trips to a node. */
export async function relate(watched: WatchedNode): Promise<void> {
  for (let i = 0; i < FIRST_TRIPS; i++) await askClock(watched);
}

async function askClock(watched: WatchedNode): Promise<void> {
  const sentT = nowNs();
  const nodeT = await answer(watched, watched.fabric.clock());
  watched.clock.add({ sentT, answeredT: nowNs(), nodeT });
}

/** What a node was asked; or the error with its name, and once that is told, nobody waits for the node any more. */
function answer<T>({ node: { name }, agents }: WatchedNode, asked: Promise<T>): Promise<T> {
  return within(asked, ANSWER_MS, () => {
    setImmediate(() => {
      for (const agent of agents) agent.lost(`Node '${name}' does not answer.`);
    });
    return new Error(`node '${name}' does not answer`);
  });
}

/** Resolves with what has ended, as `Lab.ended`, or with null once the signal aborts. */
export async function watchNodes(
  { manager, nodes, topology }: { manager: Engine; nodes: readonly WatchedNode[]; topology: Topology },
  signal: AbortSignal,
): Promise<string | null> {
  let looks: Crossing[][] = [];
  while (!signal.aborted) {
    try {
      await Promise.all(nodes.map(askClock));
      looks = [...looks.slice(-LOOKS), await readCrossings(nodes, topology)];
    } catch (error) {
      return signal.aborted ? null : (error as Error).message;
    }
    // A swarm without a leader answers nobody; its containers run on.
    const listed = await within(listNodes(manager), ANSWER_MS, () => new Error()).catch(() => null);
    const why =
      (listed &&
        departed(
          nodes.map(({ node }) => node),
          listed,
        )) ??
      brokenWay(
        looks,
        nodes.map(({ node }) => node.name),
      );
    if (why !== null) return signal.aborted ? null : why;
    await delay(EVERY_MS, null, { signal, ref: false }).catch(() => {});
  }
  return null;
}

/** The first node that takes no part in the swarm any more, in a sentence without a full stop; null: all do. */
export function departed(nodes: readonly Pick<Node, "id" | "name">[], listed: readonly SwarmNode[]): string | null {
  for (const { id, name } of nodes) {
    const now = listed.find(({ ID }) => ID === id);
    if (!now) return `node '${name}' has left the swarm`;
    // A manager that has just become the leader knows no node's state: "unknown".
    if (now.Status.State === "down") return `node '${name}' is down, as the swarm's manager says`;
    if (now.Spec.Availability !== "active") return `node '${name}' was set to '${now.Spec.Availability}'`;
  }
  return null;
}

/** What was sent all the time and never arrived, in a sentence without a full stop; null: nothing. Packets under way are no matter. */
export function brokenWay(looks: readonly (readonly Crossing[])[], names: readonly string[]): string | null {
  const [first] = looks;
  const last = looks.at(-1);
  if (!first || !last || looks.length <= LOOKS) return null;
  for (const [i, { from, to, sent, received }] of last.entries()) {
    const before = first[i];
    if (before && sent - before.sent >= SENT && received === before.received)
      return `nothing that node '${names[from]}' sends arrives at node '${names[to]}'`;
  }
  return null;
}

/**
 * The same: what was sent before one look, and what of it has arrived at the next one, as nodes are not read at the same moment.
 * Looked at until all has arrived, or what is missing was lost.
 */
export async function settledCrossings(nodes: readonly WatchedNode[], topology: Topology): Promise<Crossing[]> {
  let before = await readCrossings(nodes, topology);
  for (let i = 1; ; i++) {
    await delay(SETTLING_MS);
    const now = await readCrossings(nodes, topology);
    const both = arrived(before, now);
    if (i === SETTLING || both.every(({ sent, received }) => sent === received)) return both;
    before = now;
  }
}

/** Of what was sent before one look, what had arrived at a later one. */
export const arrived = (before: readonly Crossing[], now: readonly Crossing[]): Crossing[] =>
  before.map((was, i) => ({ ...was, received: Math.min(was.sent, now[i]?.received ?? 0) }));

/** See LabNodes. */
export async function readNodes(nodes: readonly WatchedNode[], file: string): Promise<string[]> {
  const [kernels, texts] = await Promise.all(
    ["/proc/sys/kernel/random/boot_id", file].map((one) => Promise.all(nodes.map((node) => readOn(node, one)))),
  );
  return [...new Map(kernels?.map((kernel, i) => [kernel, texts?.[i] ?? ""])).values()];
}

const readOn = async (watched: WatchedNode, file: string): Promise<string> =>
  (await answer(watched, watched.fabric.host("").exec(["@read", file]))).stdout;

/** Packets between the nodes' fabrics so far. */
async function readCrossings(nodes: readonly WatchedNode[], topology: Topology): Promise<Crossing[]> {
  const tables = await Promise.all(nodes.map((watched) => readOn(watched, "/proc/net/dev")));
  return crossings(tables, netsOf(topology));
}
