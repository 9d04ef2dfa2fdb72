// SPDX-License-Identifier: Apache-2.0
// A backend that does harm at the first change of targets: --set does=... says which.
import { readFile } from "node:fs/promises";
import type { OutsideBackend } from "../../api/kit.ts";

/** The kernel's words at boot say that it is a guest's of ours: no other is ever harmed. */
const IN_GUEST = "grep -q rdinit=/opt/load-balancer/agent /proc/cmdline";
/** Above everything else, and without the share that real-time programs leave to others. */
const LOOP = "echo -1 >/proc/sys/kernel/sched_rt_runtime_us && exec chrt --fifo 99 sh -c 'while :; do :; done'";
const HARM = { panic: `${IN_GUEST} && echo c >/proc/sysrq-trigger`, loop: `${IN_GUEST} && ${LOOP}` };
/** What the harness says when it begins to think. */
export const STANDS = "the lab's time stands";
const THINK_MS = 30_000;

/** In virtual time the lab stands meanwhile, as there is something to be read. */
async function think(): Promise<void> {
  process.stderr.write(`${STANDS}\n`);
  for (const end = performance.now() + THINK_MS; performance.now() < end; ) await readFile(import.meta.filename);
}

const misbehaving: OutsideBackend = ({ z, defineBackend, TOOLS, FAMILIES, addressOf, ipBatch, vipPrefix }) =>
  defineBackend({
    name: "misbehaving",
    summary: "Test: all to the first target, then harm",
    options: z.strictObject({ does: z.enum(["panic", "loop", "think"]) }),
    requires: () => ({ tools: [TOOLS.ip] }),
    oracle: () => null,
    router: ({ host, topology: { targets } }, { does }) => ({
      async install() {
        const [first] = targets;
        if (first)
          await ipBatch(
            host,
            FAMILIES.map((family) => `route add ${vipPrefix(family)} via ${addressOf(first, family)}`),
          );
      },
      change: () => (does === "think" ? think() : host.exec(["sh", "-c", HARM[does]]).then(() => {})),
    }),
  });
export default misbehaving;
