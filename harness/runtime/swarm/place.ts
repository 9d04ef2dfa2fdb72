// SPDX-License-Identifier: Apache-2.0
// Which node a machine is on. Pure.
import type { Machine, Topology } from "../../topology/topology.ts";
import { UsageError } from "../../util/errors.ts";
import type { ListedNode } from "./nodes.ts";

const GROUPS = ["testers", "routers", "targets"] as const;
export type Group = (typeof GROUPS)[number];

/** As Docker's: node.id, node.hostname, node.role, node.labels.NAME, with == or !=. */
export interface Constraint {
  key: string;
  equal: boolean;
  value: string;
}

export type Rules = Readonly<Partial<Record<Group, readonly Constraint[]>>>;

export const PLACE_FORM =
  "write group=node.labels.NAME==VALUE (or node.hostname, node.id, node.role; == or !=; several by commas); groups: routers, targets, testers";

/** "routers=node.labels.lb==true,node.hostname!=b"; null: it is not written like that. */
export function parsePlace(word: string): [Group, Constraint[]] | null {
  const [, name = "", text = ""] = /^([a-z]+)=(.+)$/.exec(word) ?? [];
  const group = GROUPS.find((known) => known === name);
  const parts = text
    .split(",")
    .map((part) => /^(node\.(?:id|hostname|role|labels\.[^=!\s]+))\s*(==|!=)\s*(\S+)$/.exec(part.trim()));
  if (!group || parts.some((part) => part === null)) return null;
  return [group, parts.map((part) => ({ key: part?.[1] ?? "", equal: part?.[2] === "==", value: part?.[3] ?? "" }))];
}

/** The node's index by the machine's name. Machines of a group go round its nodes. Throws UsageError where no node fits a rule. */
export function placeMachines(topology: Topology, nodes: readonly ListedNode[], rules: Rules): Map<string, number> {
  const { testers, routers, targets, squeeze } = topology;
  const groups: Record<Group, readonly Machine[]> = {
    testers: [...testers, ...(squeeze ? [squeeze.machine] : [])],
    routers,
    targets,
  };
  const shares = nodesByGroup(nodes, rules);
  return new Map(
    GROUPS.flatMap((group) =>
      groups[group].map(({ name }, i) => [name, shares[group][i % shares[group].length] ?? 0] as const),
    ),
  );
}

/** Indices of the nodes of each group. Throws UsageError where none fits a rule. */
export function nodesByGroup(nodes: readonly ListedNode[], rules: Rules): Record<Group, number[]> {
  const all = [...nodes.keys()];
  // Testers, routers and targets apart, where there are so many; what measures is not on the nodes of what is measured.
  const shares: Record<Group, number[]> = {
    testers: [0],
    routers: [nodes.length > 1 ? 1 : 0],
    targets: nodes.length > 2 ? all.slice(2) : [0],
  };
  for (const group of GROUPS) {
    const rule = rules[group];
    if (!rule) continue;
    shares[group] = all.filter((i) => rule.every((constraint) => fits(nodes[i], constraint)));
    if (shares[group].length === 0)
      throw new UsageError(
        `No node of the swarm fits '--place ${group}=${rule.map(ruleText).join(",")}'. Nodes: ${nodes.map(nodeText).join("; ")}. See 'docker node update --label-add'.`,
      );
  }
  return shares;
}

function fits(node: ListedNode | undefined, { key, equal, value }: Constraint): boolean {
  const label = key.startsWith("node.labels.") ? key.slice("node.labels.".length) : null;
  const own: Record<string, string | undefined> = {
    "node.id": node?.id,
    "node.hostname": node?.name,
    "node.role": node?.role,
  };
  return ((label === null ? own[key] : node?.labels[label]) === value) === equal;
}

const ruleText = ({ key, equal, value }: Constraint) => `${key}${equal ? "==" : "!="}${value}`;

function nodeText({ name, role, labels }: ListedNode): string {
  const words = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return `${name} (${[role, ...words].join(", ")})`;
}

/** What is on one node. */
export interface Part<N> {
  node: N;
  /** Of the node's fabric. The first tester's is "fabric". */
  name: string;
  machines: readonly Machine[];
}

/** The nodes that get machines, the first tester's first. Throws UsageError where no node fits a rule. */
export function partsOf<N extends ListedNode>(topology: Topology, nodes: readonly N[], rules: Rules): Part<N>[] {
  const where = placeMachines(topology, nodes, rules);
  const first = where.get(topology.tester.name) ?? 0;
  const used = [...new Set([first, ...where.values()])];
  return used.flatMap((index) => {
    const node = nodes[index];
    if (!node) return [];
    const name = index === first ? "fabric" : `fabric-${node.name}`;
    return [{ node, name, machines: topology.machines.filter((machine) => where.get(machine.name) === index) }];
  });
}
