// SPDX-License-Identifier: Apache-2.0
// Which targets IPVS has in use, whoever filled its table.
import { addressBytes, addressOf, FAMILIES, type Host, type Topology } from "../../harness/api/index.ts";

const POLL_MS = 20;

/** Targets by index: those that every service of their family must have in use, and those that none may. */
export interface Wanted {
  in: readonly number[];
  out: readonly number[];
}

/** Resolves with whether the table came to that before the deadline (of the lab's clock, ns). */
export async function untilInUse(
  host: Host,
  { topology, services }: { topology: Topology; services: Services },
  wanted: Wanted,
  deadline: number,
): Promise<boolean> {
  for (;;) {
    // By netlink: /proc/net/ip_vs, longer than a page, leaves out services where other namespaces have some too.
    const { stdout } = await host.exec(["ipvsadm", "-Sn"]);
    if (isInUse(stdout, topology, services, wanted)) return true;
    if (host.clock.now() > deadline) return false;
    await host.clock.sleep(POLL_MS);
  }
}

/** Of each family there are so many, which have every target; or each target is in so many of them. */
type Services = number | ((target: number, family: 4 | 6) => number);

/** `table` is as `ipvsadm -Sn` says it. */
export function isInUse(table: string, topology: Topology, services: Services, wanted: Wanted): boolean {
  const counts = new Map<string, number>();
  // "-a -t 10.0.0.0:5001 -r 192.168.1.1:5001 -g -w 1"; of IPv6 "[1000::1:c0a8:101]:5001".
  for (const [, address = "", weight] of table.matchAll(/ -r (\S+):\d+ .*-w (\d+)/g)) {
    const key = hex(address.replaceAll(/[[\]]/g, ""));
    if (weight !== "0") counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const expected = typeof services === "number" ? () => services : services;
  const has = (indices: readonly number[], countOf: typeof expected) =>
    indices.every((index) => {
      const target = topology.targets[index];
      const found = (family: 4 | 6) => target && (counts.get(hex(addressOf(target, family))) ?? 0);
      return target === undefined || FAMILIES.every((family) => found(family) === countOf(index, family));
    });
  return has(wanted.in, expected) && has(wanted.out, () => 0);
}

function hex(address: string): string {
  const bytes = Buffer.from(addressBytes(address)).toString("hex");
  return address.includes(":") ? bytes : bytes.slice(-8);
}
