// SPDX-License-Identifier: Apache-2.0
// A whole backend in one file, for use from anywhere: `test my-ecmp_scale --backend ./ecmp.ts`.
// The type is all it imports; a copy outside of the repository works with or without that line.
import type { OutsideBackend } from "../../harness/api/kit.ts";

/** Equal-cost routes to the active targets; the kernel hashes each flow to one of them. */
const ecmp: OutsideBackend = ({ z, defineBackend, TOOLS, FAMILIES, addressOf, ipBatch, setSysctls, vipPrefix }) =>
  defineBackend({
    name: "my-ecmp",
    summary: "Example: the router's multipath route to the VIP",
    options: z.strictObject({
      policy: z.coerce.number().int().min(0).max(3).default(1).describe("net.ipv4.fib_multipath_hash_policy"),
    }),
    requires: () => ({ tools: [TOOLS.ip] }),
    // Without `oracle` nothing is predicted: losses are measured and compared with the ideal.
    router({ host, topology }, { policy }) {
      const route = async (active: readonly number[]) => {
        for (const family of FAMILIES) {
          const targets = active.flatMap((index) => topology.targets[index] ?? []);
          const hops = targets.map((target) => `nexthop via ${addressOf(target, family)}`);
          await ipBatch(host, [`route replace ${vipPrefix(family)} ${hops.join(" ")}`]);
        }
      };
      return {
        async install(active) {
          await setSysctls(
            host,
            [4, 6].map((ip) => `net/ipv${ip}/fib_multipath_hash_policy=${policy}`),
          );
          await route(active);
        },
        change: route,
      };
    },
  });
export default ecmp;
