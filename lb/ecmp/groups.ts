// SPDX-License-Identifier: Apache-2.0
// Next-hop groups: the routes of the VIP point at a group, and a change replaces the group's members in one step.
import {
  addressOf,
  FAMILIES,
  type Host,
  ipBatch,
  otherVip,
  setSysctls,
  type Topology,
  vipPrefix,
} from "../../harness/api/index.ts";

/** Objects of each family: the group, and target i at first + i. */
const IDS = { 4: { group: 1, first: 10_000 }, 6: { group: 2, first: 20_000 } } as const;

/** What is hashed: addresses; addresses and ports, or the hash that the packet brought along; addresses, ports and protocol. */
export const POLICIES = { l3: 0, l4: 1, fields: 3 } as const;
export type Policy = keyof typeof POLICIES;
/** Source and destination address, protocol, source and destination port. */
const FIVE_TUPLE = "0x37";

export interface GroupShape {
  weight: (index: number) => number;
  /** null: hash-threshold. Times in seconds. */
  resilient: { buckets: number; idleTimer: number; unbalancedTimer: number } | null;
}

export async function setHash(host: Host, policy: Policy, seed: number): Promise<void> {
  const both = (line: string) => FAMILIES.map((family) => `net/ipv${family}/${line}`);
  await setSysctls(host, [
    `${policy === "l4" ? "?" : ""}net/ipv4/fib_multipath_hash_seed=${seed}`,
    ...both(`fib_multipath_hash_policy=${POLICIES[policy]}`),
    ...(policy === "fields" ? both(`fib_multipath_hash_fields=${FIVE_TUPLE}`) : []),
  ]);
}

/** `services`: of each family, beside the VIP. */
export async function installGroups(
  host: Host,
  { topology, services }: Served,
  shape: GroupShape,
  active: readonly number[],
): Promise<void> {
  const objects = FAMILIES.flatMap((family) =>
    topology.targets.map(
      (target, i) => `nexthop add id ${IDS[family].first + i} via ${addressOf(target, family)} dev eth1`,
    ),
  );
  await ipBatch(host, objects);
  await addGroups(host, { topology, services }, shape, active);
}

export interface Served {
  topology: Topology;
  services: number;
}

export const servedVips = (family: 4 | 6, services: number): string[] => [
  vipPrefix(family),
  ...Array.from({ length: services }, (_, i) => otherVip(i + 1, family)),
];

/** The groups of both families, and the routes that lead to them. */
async function addGroups(
  host: Host,
  { services }: Served,
  shape: GroupShape,
  active: readonly number[],
): Promise<void> {
  const routes = FAMILIES.flatMap((family) =>
    servedVips(family, services).map((vip) => `route add ${vip} nhid ${IDS[family].group}`),
  );
  await setGroups(host, "add", shape, active);
  await ipBatch(host, routes);
}

/** A group has at least one member: with the last one it goes, and the routes to it, as the kernel does it by itself. */
export async function changeGroups(
  host: Host,
  served: Served,
  shape: GroupShape,
  { next, before }: { next: readonly number[]; before: readonly number[] },
): Promise<void> {
  const ids = FAMILIES.map((family) => `nexthop del id ${IDS[family].group}`);
  if (next.length > 0 && before.length > 0) await setGroups(host, "replace", shape, next);
  else if (next.length > 0) await addGroups(host, served, shape, next);
  else if (before.length > 0) await ipBatch(host, ids);
}

/** By the agent, as ip(8) has no room for more than 126 members. */
async function setGroups(
  host: Host,
  verb: "add" | "replace",
  { weight, resilient }: GroupShape,
  active: readonly number[],
): Promise<void> {
  const ordered = [...active].sort((a, b) => a - b);
  const more = resilient ? ` ${resilient.buckets} ${resilient.idleTimer} ${resilient.unbalancedTimer}` : "";
  const lines = FAMILIES.map((family) => {
    const members = ordered.map((index) => `${IDS[family].first + index},${weight(index)}`).join("/");
    return `${verb} ${IDS[family].group} ${members}${more}\n`;
  });
  await host.exec(["@nexthop-group"], { input: lines.join("") });
}
