// SPDX-License-Identifier: Apache-2.0
// What clients are told while no target is active: a mark of its own leads their packets to an answer.
import {
  addressOf,
  FAMILIES,
  ipBatch,
  type Protocol,
  type Router,
  type WithoutTargets,
} from "../../harness/api/index.ts";
import { noRoute } from "../linux/no-route.ts";
import type { Options } from "./options.ts";

type Given = Pick<Options, "noTargets">;

/** Below the targets' marks; the routing table has the same number. */
export const REJECT_MARK = 1000;
const MARKED = `-A FORWARD -m mark --mark ${REJECT_MARK}`;
/** For iptables-restore. A reset ends every attempt; ICMP errors come at the kernel's limited rate. */
export const REFUSAL = `*filter\n${MARKED} -p tcp -j REJECT --reject-with tcp-reset\n${MARKED} -j REJECT\nCOMMIT\n`;

export function rejects({ noTargets }: Given, protocol: Protocol): WithoutTargets {
  if (noTargets === "drop") return "silence";
  if (noTargets === "unreachable") return noRoute(protocol);
  return protocol === "tcp" ? "refused" : "unreachable";
}

/** Each of these, and none of the other, counts a packet once as one without a route (InNoRoutes). */
const NO_ROUTE = {
  4: (rule: string) => [`${rule} unreachable`],
  6: (rule: string, table: string) => [`${rule} ${table}`, `route add unreachable default ${table}`],
};

/** A packet is refused where it is forwarded, so it needs a route, though it never takes it. */
export async function rejectMarked({ host, topology }: Router, { noTargets }: Given): Promise<void> {
  const [target] = topology.targets;
  if (noTargets === "drop" || !target) return;
  const rule = `rule add pref 100 fwmark ${REJECT_MARK}`;
  for (const family of FAMILIES) {
    const table = `table ${REJECT_MARK}`;
    const refuse = [`${rule} ${table}`, `route add default via ${addressOf(target, family)} ${table}`];
    const lines = noTargets === "refuse" ? refuse : NO_ROUTE[family](rule, table);
    await ipBatch(host, lines, family);
  }
  for (const tool of noTargets === "refuse" ? ["iptables-restore", "ip6tables-restore"] : [])
    await host.exec([tool, "--noflush"], { input: REFUSAL });
}
