// SPDX-License-Identifier: Apache-2.0
// A backend whose router takes its guest's kernel down at the first change of targets.
import type { OutsideBackend } from "../../api/kit.ts";

/** The kernel's words at boot say that it is a guest's of ours: no other is ever taken down. */
const PANIC = "grep -q rdinit=/opt/load-balancer/agent /proc/cmdline && echo c >/proc/sysrq-trigger";

const panicking: OutsideBackend = ({ z, defineBackend, TOOLS, FAMILIES, addressOf, ipBatch, vipPrefix }) =>
  defineBackend({
    name: "panicking",
    summary: "Test: all to the first target, then the kernel goes down",
    options: z.strictObject({}),
    requires: () => ({ tools: [TOOLS.ip] }),
    oracle: () => null,
    router: ({ host, topology: { targets } }) => ({
      async install() {
        const [first] = targets;
        if (first)
          await ipBatch(
            host,
            FAMILIES.map((family) => `route add ${vipPrefix(family)} via ${addressOf(first, family)}`),
          );
      },
      change: async () => void (await host.exec(["sh", "-c", PANIC])),
    }),
  });
export default panicking;
