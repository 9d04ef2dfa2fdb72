// SPDX-License-Identifier: Apache-2.0
// What the nodes of a swarm are, for the plan of a lab: asked by a container that ends at once.
import { randomBytes } from "node:crypto";
import { type KernelLimits, readLimits } from "../../host/limits.ts";
import type { Machine, Role, Topology } from "../../topology/topology.ts";
import { count, plural } from "../../util/numbers.ts";
import { startMachine } from "../docker/docker.ts";
import { presentBase } from "../docker/images.ts";
import type { RuntimeNode } from "../runtime.ts";
import { connectSwarm, type Node } from "./nodes.ts";
import { placeMachines, type Rules } from "./place.ts";

const ROLES: readonly Role[] = ["tester", "router", "target"];

/** Throws UsageError where no node fits a rule, LabError when there is no swarm. */
export async function describeNodes(topology: Topology, rules: Rules): Promise<RuntimeNode[]> {
  const { nodes } = await connectSwarm();
  const where = placeMachines(topology, nodes, rules);
  return Promise.all(
    nodes.map(async (node, i) => ({
      name: node.name,
      about: aboutNode(node),
      cpus: node.cpus,
      limits: await limitsOf(node),
      share: sharesOf(topology.machines, ({ name }) => where.get(name) === i),
    })),
  );
}

const aboutNode = ({ role, cpus, memoryMiB, kernel, version }: Node) =>
  `${role}, ${plural(cpus, "CPU")}, ${count(memoryMiB)} MiB, kernel ${kernel}, Docker ${version}`;

function sharesOf(machines: readonly Machine[], isHere: (machine: Machine) => boolean): Record<Role, number> {
  const share = (role: Role) => {
    const all = machines.filter((machine) => machine.role === role);
    return [role, all.filter(isHere).length / Math.max(1, all.length)];
  };
  return Object.fromEntries(ROLES.map(share)) as Record<Role, number>;
}

/** null: the node has no image of ours yet. */
async function limitsOf({ engine, name }: Node): Promise<KernelLimits | null> {
  const image = await presentBase(engine);
  if (image === null) return null;
  const run = randomBytes(4).toString("hex");
  const images = { fabric: image, router: image, target: image, tester: image };
  const made = { run, images, own: {}, capabilities: [] };
  const container = await startMachine(engine, { name: "probe", role: "target", node: name }, made);
  try {
    return await readLimits(async (file) => {
      const { stdout, code } = await container.agent.host("").exec(["@read", file], { check: false });
      return code === 0 ? stdout : "";
    });
  } finally {
    await container.stop();
  }
}
