// SPDX-License-Identifier: Apache-2.0
// What the kernel's own strategies share: each router is set up by itself, and a change is made on all of them at once.
import type { Balancer } from "../../harness/api/backend.ts";
import type { Host, Lab } from "../../harness/runtime/runtime.ts";
import { linkOn, type Machine } from "../../harness/topology/topology.ts";
import { nowNs } from "../../harness/util/clock.ts";

export interface RouterSide {
  install(active: readonly number[]): Promise<void>;
  /** Resolves when the change is in force. */
  change(active: readonly number[], before: readonly number[]): Promise<void>;
  counters?(): Promise<Record<string, number>>;
}

/** Nothing has to be undone: rules, routes and state go with the router's network namespace. */
export async function onEveryRouter(
  lab: Lab,
  active: readonly number[],
  sideOf: (host: Host, router: Machine) => RouterSide,
): Promise<Balancer> {
  const sides = new Map(
    lab.topology.routers.map((router) => [router.name, { ...sideOf(lab.host(router.name), router), current: active }]),
  );
  await Promise.all([...sides.values()].map((side) => side.install(active)));
  return {
    async setTargets(next, only) {
      const chosen = [...sides].flatMap(([name, side]) => ((only?.has(name) ?? true) ? [side] : []));
      await Promise.all(
        chosen.map(async (side) => {
          await side.change(next, side.current);
          side.current = next;
        }),
      );
      return nowNs();
    },
    counters: async (name) => (await sides.get(name)?.counters?.()) ?? {},
    async [Symbol.asyncDispose]() {},
  };
}

export const FAMILIES = [4, 6] as const;

/** The target's own address on net1. */
export function addressOf(target: Machine, family: 4 | 6): string {
  const link = linkOn(target, "net1");
  return family === 4 ? link.ipv4 : link.ipv6;
}

export async function ipBatch(host: Host, lines: readonly string[], family: 4 | 6 = 4): Promise<void> {
  if (lines.length === 0) return;
  const argv = family === 6 ? ["ip", "-6", "-batch", "-"] : ["ip", "-batch", "-"];
  await host.exec(argv, { input: `${lines.join("\n")}\n` });
}

/** Each line "path=value" below /proc/sys; one that begins with "?" may be missing. */
export async function setSysctls(host: Host, lines: readonly string[]): Promise<void> {
  await host.exec(["@sysctl"], { input: `${lines.join("\n")}\n` });
}
