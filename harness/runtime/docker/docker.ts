// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from "node:crypto";
import path from "node:path";
import type { Role, Topology } from "../../topology/topology.ts";
import { abortable } from "../../util/abortable.ts";
import { monotonic } from "../../util/clock.ts";
import { fabricOf } from "../fabric.ts";
import { type Images, type Lab, LabError, type Traits } from "../runtime.ts";
import { wire } from "../wire.ts";
import { type RunningContainer, startContainer } from "./container.ts";
import { connectEngine, type Engine, engineError } from "./engine.ts";
import { ensureImages } from "./images.ts";
import { ownLabels, removeOrphans, removeRun } from "./owner.ts";
import { PROGRAMS } from "./programs.ts";

/** The engine starts more at once no faster, and answers others meanwhile. */
export const STARTS_AT_ONCE = 8;

/**
 * Every machine a container without a network, its first process the agent on the attached stdin: when the harness ends, by
 * whatever cause, stdin ends, the agent with it, and the engine removes the container. One more, the fabric, holds the
 * bridges and wires the machines by their pids; the host's network is never touched.
 */
export async function dockerUp(
  topology: Topology,
  { images: own, capabilities, traits }: { images: Images; capabilities: readonly string[]; traits: Traits },
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<Lab> {
  signal.throwIfAborted();
  const engine = await connectEngine();
  const run = randomBytes(4).toString("hex");
  const running = new Map<string, RunningContainer>();
  try {
    await removeOrphans(engine.docker);
    const images = await abortable(ensureImages(engine, own, note), signal);
    const machines: Planned[] = [{ name: "fabric", role: "fabric" }, ...topology.machines];
    await pooled(STARTS_AT_ONCE, machines, async (machine) => {
      signal.throwIfAborted();
      running.set(machine.name, await startMachine(engine, machine, { run, images, own, capabilities }));
    });
    signal.throwIfAborted();
    const lab = containerLab(running, {
      runtime: "docker",
      traits,
      topology,
      images,
      clock: monotonic,
      stop: () => stopContainers(engine, run, [...running.values()]),
    });
    await wire(topology, lab.wiring("fabric"), (name) => ({
      host: lab.wiring(name),
      netns: `${find(running, name).pid}`,
    }));
    signal.throwIfAborted();
    return lab;
  } catch (cause) {
    await removeRun(engine.docker, run).catch(() => {});
    signal.throwIfAborted();
    throw engineError("bring the lab up", cause);
  }
}

/** Removes what labs of dead processes left in the engine. */
export async function dockerClean(): Promise<string[]> {
  const { docker } = await connectEngine();
  return (await removeOrphans(docker)).map((name) => `Removed container '${name}' of an ended lab.`);
}

export interface Planned {
  name: string;
  role: Role | "fabric";
  devices?: readonly string[];
  /** Of a swarm, for sentences. */
  node?: string;
}

/** The container of a machine, or of the fabric, in this engine. */
export function startMachine(
  engine: Engine,
  { name, role, node, devices = [] }: Planned,
  { run, images, own, capabilities }: Made,
): Promise<RunningContainer> {
  // What the images compile has no BPF programs; this machine's has, and only capabilities let them load. The fabric has those, and
  // parts of them are loaded there.
  const isAsMade = role === "fabric" ? !engine.local : !own[role];
  const inImage = isAsMade && capabilities.length === 0;
  const programs = inImage ? "in the image" : engine.local ? "mounted" : "uploaded";
  return startContainer(engine.docker, {
    machine: name,
    node,
    role,
    image: images[role],
    run,
    labels: ownLabels(run),
    devices,
    programs,
    capabilities: role === "router" ? capabilities : [],
  });
}

/** What the containers of a run are made of. */
export interface Made {
  run: string;
  images: Readonly<Record<Role | "fabric", string>>;
  /** The user's. */
  own: Images;
  /** The routers' besides those of their role. */
  capabilities: readonly string[];
}

/** A lab of containers. `stop` removes them. */
export function containerLab(
  running: ReadonlyMap<string, RunningContainer>,
  { stop, ...lab }: Omit<Lab, "ended" | "host" | "wiring" | "program" | symbol> & { stop: () => Promise<void> },
): Lab {
  let down: Promise<void> | undefined;
  return {
    ...lab,
    ended: Promise.race(
      [...running.values()].map(({ label, agent }) => agent.ended.then(() => `the container of ${label} has ended`)),
    ),
    host: (name) => find(running, name).agent.host("", name),
    wiring(name) {
      const { pid, agent, isFabric } = find(running, name);
      return isFabric
        ? agent.host("", name)
        : find(running, fabricOf(lab, name)).agent.host(`/proc/${pid}/ns/net`, name);
    },
    program: (name) => path.posix.join(PROGRAMS, name),
    [Symbol.asyncDispose]() {
      down ??= stop();
      return down;
    },
  };
}

/** Ends one run's containers in an engine. */
export async function stopContainers(
  { docker }: Engine,
  run: string,
  running: readonly RunningContainer[],
): Promise<void> {
  try {
    const stopped = await Promise.allSettled(running.map((container) => container.stop()));
    if (stopped.some(({ status }) => status === "rejected")) await removeRun(docker, run);
  } catch (error) {
    throw engineError("remove the lab's containers", error);
  }
}

export function find(running: ReadonlyMap<string, RunningContainer>, name: string): RunningContainer {
  const container = running.get(name);
  if (!container) throw new LabError(`There is no machine '${name}' in this lab.`);
  return container;
}

/** Runs the action on all items, so many at a time. After a failure no more are begun, but those under way are waited for. */
export async function pooled<T>(limit: number, items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const failures: unknown[] = [];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined && failures.length === 0; item = left.shift())
      await action(item).catch((error: unknown) => failures.push(error));
  };
  await Promise.all(Array.from({ length: limit }, worker));
  if (failures.length > 0) throw failures[0];
}
