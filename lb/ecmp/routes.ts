// SPDX-License-Identifier: Apache-2.0
// Multipath routes that name each next hop, changed as most people do it: by `ip route change`.
import { addressOf, FAMILIES, type Host, ipBatch } from "../../harness/api/index.ts";
import { type Served, servedVips } from "./groups.ts";

/** One step over IPv4. Over IPv6 the kernel replaces the old route by the first next hop, then appends the others. */
export async function changeRoutes(
  host: Host,
  { topology, services }: Served,
  weight: (index: number) => number,
  { next, before }: { next: readonly number[]; before: readonly number[] },
): Promise<void> {
  if (next.length + before.length === 0) return;
  const verb = next.length === 0 ? "del" : before.length === 0 ? "add" : "change";
  const ordered = [...next].sort((a, b) => a - b);
  const lines = FAMILIES.flatMap((family) => {
    const hops = ordered.flatMap((index) => {
      const target = topology.targets[index];
      return target ? [`nexthop via ${addressOf(target, family)} dev eth1 weight ${weight(index)}`] : [];
    });
    return servedVips(family, services).map((vip) => ["route", verb, vip, ...hops].join(" "));
  });
  await ipBatch(host, lines);
}
