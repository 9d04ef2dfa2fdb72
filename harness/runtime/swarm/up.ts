// SPDX-License-Identifier: Apache-2.0
// A lab over the nodes of a swarm: containers as in the docker runtime, a fabric on each node, and the fabrics joined.

import { randomBytes, randomInt } from "node:crypto";
import { z } from "zod";
import type { Role, Topology } from "../../topology/topology.ts";
import { abortable } from "../../util/abortable.ts";
import { nowNs, Related } from "../../util/clock.ts";
import { within } from "../../util/deadline.ts";
import { PROGRAM } from "../../util/typed.ts";
import type { RunningContainer } from "../docker/container.ts";
import { containerLab, find, pooled, STARTS_AT_ONCE, startMachine, stopContainers } from "../docker/docker.ts";
import { engineError } from "../docker/engine.ts";
import { removeOrphans, removeRun } from "../docker/owner.ts";
import { type Host, type Images, type Lab, LabError, type LabNodes, type Traits } from "../runtime.ts";
import { wire } from "../wire.ts";
import { shareImages } from "./images.ts";
import { fittingMtu, neighboursBatch, portsBatch, tunnelBatch, upBatch, vniBase, type Way } from "./join.ts";
import { NodeClock } from "./node-clock.ts";
import { connectSwarm, type Node, type Swarm } from "./nodes.ts";
import { type Part, partsOf, type Rules } from "./place.ts";
import { readNodes, relate, settledCrossings, type WatchedNode, watchNodes } from "./watch.ts";

/** What a node that does not answer any more may hold up. */
const STOP_MS = 15_000;

export interface Given {
  images: Images;
  capabilities: readonly string[];
  rules: Rules;
  traits: Traits;
}

/** Throws UsageError where no node fits a rule, LabError when the lab cannot be built; then nothing is left on any node that answers. */
export async function swarmUp(
  topology: Topology,
  given: Given,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<Lab> {
  signal.throwIfAborted();
  const swarm = await connectSwarm();
  const parts = partsOf(topology, swarm.nodes, given.rules);
  const run = randomBytes(4).toString("hex");
  try {
    const { running, images } = await startAll(parts, { ...given, run }, signal, note);
    const nodes = parts.map(
      (part): WatchedNode => ({
        node: part.node,
        fabric: find(running, part.name).agent,
        agents: containersOf(part, running).map(({ agent }) => agent),
        clock: new NodeClock(),
      }),
    );
    await onEach(nodes, relate);
    relateMachines(parts, nodes, running);
    const own = { ...topology };
    const down = new AbortController();
    const broken = (): Promise<string> =>
      watchNodes({ manager: swarm.manager, nodes, topology: own }, down.signal).then(
        (why) => why ?? new Promise(() => {}),
      );
    const lab = containerLab(running, {
      runtime: "swarm",
      traits: given.traits,
      topology: own,
      images,
      clock: new Related(() => Math.max(...nodes.map(({ clock }) => clock.relation(nowNs()).errorNs))),
      fabricOf: (machine) =>
        parts.find(({ machines }) => machines.some(({ name }) => name === machine))?.name ?? "fabric",
      nodes: labNodes(parts, nodes, own),
      async stop() {
        down.abort();
        await onEach(parts, (part) => stopPart(part, run, running));
      },
    });
    await connect(lab, { swarm, parts, running, note });
    signal.throwIfAborted();
    lab.ended = Promise.race([lab.ended, broken()]);
    return lab;
  } catch (cause) {
    await onEach(parts, ({ node }) => removeRun(node.engine.docker, run)).catch(() => {});
    signal.throwIfAborted();
    throw engineError("bring the lab up", cause);
  }
}

/** Removes what labs of dead processes left on any node. */
export async function swarmClean(): Promise<string[]> {
  const { nodes } = await connectSwarm();
  const removed = await Promise.all(
    nodes.map(async ({ name, engine }) =>
      (await removeOrphans(engine.docker)).map(
        (container) => `Removed container '${container}' of an ended lab from node '${name}'.`,
      ),
    ),
  );
  return removed.flat();
}

function labNodes(parts: readonly Part<Node>[], nodes: readonly WatchedNode[], topology: Topology): LabNodes {
  const nameOf = (i: number) => nodes[i]?.node.name ?? "";
  return {
    byMachine: Object.fromEntries(parts.flatMap(({ node, machines }) => machines.map(({ name }) => [name, node.name]))),
    clocks: () => Object.fromEntries(nodes.map(({ node, clock }) => [node.name, clock.relation(nowNs())])),
    read: (file) => readNodes(nodes, file),
    crossed: async () =>
      (await settledCrossings(nodes, topology)).map(({ from, to, ...counts }) => ({
        from: nameOf(from),
        to: nameOf(to),
        ...counts,
      })),
  };
}

/** What programs of a machine tell by the clock of its node becomes the lab's time. */
function relateMachines(parts: readonly Part<Node>[], nodes: readonly WatchedNode[], running: Running): void {
  for (const [i, { machines }] of parts.entries())
    for (const { name } of machines)
      find(running, name).agent.labTime = (t) => t - (nodes[i]?.clock.relation(nowNs()).offsetNs ?? 0);
}

type Running = Map<string, RunningContainer>;

async function startAll(
  parts: readonly Part<Node>[],
  { run, images: own, capabilities }: Given & { run: string },
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<{ running: Running; images: Record<Role | "fabric", string> }> {
  await onEach(parts, ({ node }) => removeOrphans(node.engine.docker));
  const nodes = parts.map(({ node }) => node);
  const images = await abortable(shareImages(nodes, own, note), signal);
  const running: Running = new Map();
  await onEach(parts, ({ node, name: fabric, machines }) => {
    const all = [{ name: fabric, role: "fabric" as const }, ...machines];
    return pooled(STARTS_AT_ONCE, all, async (machine) => {
      signal.throwIfAborted();
      const made = { run, images, own, capabilities };
      running.set(machine.name, await startMachine(node.engine, { ...machine, node: node.name }, made));
    });
  });
  signal.throwIfAborted();
  return { running, images };
}

interface Started {
  swarm: Swarm;
  parts: readonly Part<Node>[];
  running: Running;
  note: (text: string) => void;
}

/** Wires the machines of each node, and joins the nodes' fabrics. */
async function connect(lab: Lab, { swarm, parts, running, note }: Started): Promise<void> {
  const outside = await Promise.all(parts.map(({ name }) => nodesNetwork(find(running, name))));
  const ways = await Promise.all(parts.map((_, i) => waysFrom(parts, i, outside[i] as Host)));
  const { topology } = lab;
  topology.mtu = fittingMtu(topology.mtu, ways.flat(), note);
  const wired = (name: string) => ({ host: lab.wiring(name), netns: `${find(running, name).pid}` });
  await onEach(parts, ({ name, machines }) => wire({ ...topology, machines: [...machines] }, lab.wiring(name), wired));
  const base = vniBase(randomInt(2 ** 16));
  const batch = (host: Host, tool: string, input: string) => host.exec([tool, "-batch", "-"], { input });
  await Promise.all(
    parts.map(async ({ name }, i) => {
      const at = { node: i, ways: ways[i] ?? [], base, port: swarm.dataPort, netns: `${find(running, name).pid}` };
      await batch(outside[i] as Host, "ip", tunnelBatch(topology, at));
      await batch(lab.wiring(name), "ip", upBatch(topology, at.ways));
    }),
  );
  // Not before all tunnels have both ends: what machines say at once would get lost.
  await Promise.all(
    parts.map(async ({ name }, i) => {
      await batch(lab.wiring(name), "ip", portsBatch(topology, ways[i] ?? []));
      const elsewhere = parts.flatMap(({ machines }, j) => (j === i ? [] : machines.map((one) => [one, j] as const)));
      await batch(lab.wiring(name), "bridge", neighboursBatch(elsewhere));
    }),
  );
}

/**
 * The network of the node itself, as its containers' runtime has it, which is the fabric's parent: tunnels are made from there, as
 * their packets go by the node's own addresses, but the devices belong to the fabric and end with it.
 */
async function nodesNetwork({ agent, pid, label }: RunningContainer): Promise<Host> {
  const { stdout } = await agent.host("").exec(["@read", `/proc/${pid}/status`]);
  const parent = /^PPid:\s*(\d+)$/m.exec(stdout)?.[1];
  if (parent === undefined || parent === "0")
    throw new LabError(`${label} does not see the processes of its node, by which its network is found.`);
  return agent.host(`/proc/${parent}/ns/net`, label);
}

const routesSchema = z.tuple([z.object({ dev: z.string(), prefsrc: z.string() })]);
const linksSchema = z.tuple([z.object({ mtu: z.number() })]);

async function waysFrom(parts: readonly Part<Node>[], from: number, outside: Host): Promise<Way[]> {
  const others = [...parts.entries()].filter(([i]) => i !== from);
  return Promise.all(
    others.map(async ([to, { node }]) => {
      const route = await outside.exec(["ip", "-j", "route", "get", node.address]);
      const [{ dev, prefsrc: local }] = routesSchema.parse(JSON.parse(route.stdout));
      const link = await outside.exec(["ip", "-j", "link", "show", "dev", dev]);
      const [{ mtu }] = linksSchema.parse(JSON.parse(link.stdout));
      return { to, local, remote: node.address, mtu };
    }),
  );
}

async function stopPart(part: Part<Node>, run: string, running: Running): Promise<void> {
  const { engine, name } = part.node;
  await within(stopContainers(engine, run, containersOf(part, running)), STOP_MS, () => {
    return new LabError(`Node '${name}' does not answer. Once it does, run '${PROGRAM} clean'.`);
  });
}

const containersOf = ({ name, machines }: Part<Node>, running: Running): RunningContainer[] =>
  [name, ...machines.map((machine) => machine.name)].flatMap((machine) => running.get(machine) ?? []);

/** On all nodes at the same time; waits for all, then throws what failed first. */
async function onEach<T>(parts: readonly T[], action: (part: T) => Promise<unknown>): Promise<void> {
  const settled = await Promise.allSettled(parts.map(action));
  const failed = settled.find((one) => one.status === "rejected");
  if (failed) throw failed.reason;
}
