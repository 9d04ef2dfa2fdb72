// SPDX-License-Identifier: Apache-2.0
// What became of packets of farms that have a queue or flow offload.
import type { Host } from "../../harness/api/index.ts";
import { readFarm } from "./farm.ts";

/** A rule with a counter and what it does. */
const RULE = /counter packets (\d+) bytes \d+ (queue|flow add)/g;

/**
 * `farm.queued`: packets that a queue was asked for; `farm.slow_path`: packets of offloaded farms that went through the stack, which
 * are the first ones of each connection. Nothing of farms that ask for neither.
 */
export async function farmCounters(host: Host, path: string): Promise<Record<string, number>> {
  const { farms } = readFarm(path, null).file;
  const queued = farms.some(({ queue }) => queue >= 0);
  const offloaded = farms.some((farm) => farm["flow-offload"]);
  if (!queued && !offloaded) return {};
  const { stdout } = await host.exec(["nft", "list", "table", "inet", "nft-lb"]);
  return countersIn(stdout, { queued, offloaded });
}

/** Pure. */
export function countersIn(listed: string, { queued, offloaded }: { queued: boolean; offloaded: boolean }) {
  const sum = (what: string) =>
    [...listed.matchAll(RULE)].reduce((total, [, packets, kind]) => total + (kind === what ? Number(packets) : 0), 0);
  return {
    ...(queued ? { "farm.queued": sum("queue") } : {}),
    ...(offloaded ? { "farm.slow_path": sum("flow add") } : {}),
  };
}
