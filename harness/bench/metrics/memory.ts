// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import type { Lab } from "../../runtime/runtime.ts";
import { PORT } from "../../traffic/servers.ts";
import { measureLoad } from "../load.ts";
import { cost, type Probe } from "./metric.ts";

const HELD = 5000;

export const memory: Probe = {
  needsFreshLab: true,
  metrics: [
    {
      ...cost(
        "memory",
        "B",
        `state of a kept TCP connection on the router: conntrack's entries and the balancer's own memory, over ${HELD}`,
      ),
      noBaselineRatio: true,
    },
  ],
  async measure(bed) {
    const router = bed.lab.topology.routers[0]?.name ?? "";
    const before = await routerBytes(bed.lab, router);
    if (before === null) return {};
    let after: number | null = null;
    await measureLoad(bed, {
      mode: "connect",
      port: PORT.connect,
      words: `--keep --connections ${HELD}`,
      async enough(sample) {
        if (sample.established < HELD) return false;
        after ??= await routerBytes(bed.lab, router);
        return true;
      },
    });
    return after === null ? {} : { memory: Math.max(0, after - before) / HELD };
  },
};

/** Bytes of a router's conntrack entries and of the processes in its network; null where the kernel does not tell (slabinfo is root's). */
async function routerBytes(lab: Lab, router: string): Promise<number | null> {
  const entry = await slabBytes("nf_conntrack");
  if (entry === null) return null;
  const script = `cat /proc/sys/net/netfilter/nf_conntrack_count 2>/dev/null || echo 0
net=$(readlink /proc/self/ns/net)
for p in /proc/[0-9]*; do
  [ "$(readlink $p/ns/net)" = "$net" ] && [ "$(cat $p/comm)" != sh ] && sed -n 's/^Pss: *\\([0-9]*\\) kB/\\1/p' $p/smaps_rollup
done 2>/dev/null; true`;
  const { stdout } = await lab.host(router).exec(["sh", "-c", script]);
  const [entries = 0, ...kib] = stdout.trim().split(/\s+/).map(Number);
  return entries * entry + kib.reduce((sum, n) => sum + n * 1024, 0);
}

async function slabBytes(name: string): Promise<number | null> {
  try {
    return Number(
      readFileSync("/proc/slabinfo", "utf8").match(new RegExp(`^${name} +\\d+ +\\d+ +(\\d+)`, "m"))?.[1] ?? 0,
    );
  } catch {
    return null;
  }
}
