// SPDX-License-Identifier: Apache-2.0
// What most balancers do with a machine's network.
import type { Host } from "../runtime/runtime.ts";
import { linkOn, type Machine, VIP_PREFIX } from "../topology/topology.ts";

export type IpFamily = 4 | 6;
export const FAMILIES = [4, 6] as const;

/** The target's own address on net1. */
export function addressOf(target: Machine, family: IpFamily): string {
  const link = linkOn(target, "net1");
  return family === 4 ? link.ipv4 : link.ipv6;
}

/** Of all VIPs that there may be. */
export function vipPrefix(family: IpFamily): string {
  return VIP_PREFIX[family];
}

export async function ipBatch(host: Host, lines: readonly string[], family: IpFamily = 4): Promise<void> {
  if (lines.length === 0) return;
  const argv = family === 6 ? ["ip", "-6", "-batch", "-"] : ["ip", "-batch", "-"];
  await host.exec(argv, { input: `${lines.join("\n")}\n` });
}

/** Each line "path=value" below /proc/sys; one that begins with "?" may be missing. */
export async function setSysctls(host: Host, lines: readonly string[]): Promise<void> {
  await host.exec(["@sysctl"], { input: `${lines.join("\n")}\n` });
}
