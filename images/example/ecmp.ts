// SPDX-License-Identifier: Apache-2.0
// A whole backend in one file, for use from anywhere: `test my-ecmp_scale --backend ./ecmp.ts`.
// The type is all it imports; a copy outside of the repository works with or without that line.
import type { OutsideBackend } from "../../harness/api/kit.ts";

/** Equal-cost routes to the active targets; the kernel hashes each flow to one of them. */
const ecmp: OutsideBackend = ({ z, VIP, linkOn, nowNs }) => ({
  name: "my-ecmp",
  summary: "Example: the router's multipath route to the VIP",
  keepsState: false,
  options: z.strictObject({
    policy: z.coerce.number().int().min(0).max(3).default(1).describe("net.ipv4.fib_multipath_hash_policy"),
  }),
  missing: async () => [],
  // What the kernel's hash will choose is not predicted: losses are measured and compared with the ideal.
  oracle: () => null,
  effectiveOptions: (options) => ({ policy: Number(options.policy) }),
  async deploy(lab, options, active) {
    const routers = lab.topology.routers.map((router) => lab.host(router.name));
    const setTargets = async (targets: readonly number[]) => {
      const links = targets.flatMap((i) => lab.topology.targets[i] ?? []).map((target) => linkOn(target, "net1"));
      const batch = [
        `route replace ${VIP[4]}/32 ${links.map((link) => `nexthop via ${link.ipv4}`).join(" ")}`,
        `route replace ${VIP[6]}/128 ${links.map((link) => `nexthop via ${link.ipv6}`).join(" ")}`,
      ];
      await Promise.all(routers.map((router) => router.exec(["ip", "-batch", "-"], { input: batch.join("\n") })));
      return nowNs();
    };
    const sysctls = ["ipv4", "ipv6"]
      .map((ip) => `net/${ip}/fib_multipath_hash_policy=${String(options.policy)}\n`)
      .join("");
    await Promise.all(routers.map((router) => router.exec(["@sysctl"], { input: sysctls })));
    await setTargets(active);
    return { setTargets, counters: async () => ({}), [Symbol.asyncDispose]: async () => {} };
  },
});
export default ecmp;
