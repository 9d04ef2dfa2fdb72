// SPDX-License-Identifier: Apache-2.0
// The original of `loaded`, which somebody has built from its source, beside ours: IPv4, as it has one family a process.
import { z } from "zod";
import { addressOf, defineBackend, type Router, type RouterSide, TOOLS, VIP } from "../../harness/api/index.ts";

const CONFIG = "/run/loaded.config";
/** It has a process, and a queue, for each core, and no way to have fewer. */
const coresOf = (text: string): number => text.match(/^processor\b/gm)?.length ?? 1;

const options = z.strictObject({
  program: z.string().optional().describe("the program, built from its source (lb/loaded/README.md)"),
  qlength: z.coerce.number().int().min(1).max(1_000_000).default(16_384).describe("packets that may wait in a queue"),
});

const original = defineBackend({
  name: "loaded-original",
  summary: "the original of loaded, built from its source: IPv4, targets that do not change",
  options,
  requires: () => ({ tools: [TOOLS.iptables], modules: ["nfnetlink_queue"] }),
  asks: ({ program }) =>
    program === undefined ? "Backend 'loaded-original' needs the program: --set program=PATH." : null,
  oracle: () => ({ strategy: "stateful", flush: true, affinityS: 86_400, assign: null }),
  serves: () => ({ families: [4], protocols: ["tcp", "udp"], source: "The original of loaded", fixed: FIXED }),
  router: (router, { program = "", qlength }) => sideOf(router, program, qlength),
});
/** For `--backend`. */
export default () => original;

const FIXED = "The original of loaded reads its targets once, at its start.";

function sideOf({ host, topology, fault }: Router, program: string, qlength: number): RouterSide {
  return {
    async install(active) {
      const targets = topology.targets.filter((_, i) => active.includes(i));
      const lines = [`VIP4=${VIP[4]}`, ...targets.map((one) => `server4=${addressOf(one, 4)}`), "strategy=rr"];
      await host.exec(["@write", CONFIG], { input: `${lines.join("\n")}\n` });
      const { stdout } = await host.exec(["cat", "/proc/cpuinfo"]);
      const last = coresOf(stdout) - 1;
      await host.exec(["mkdir", "-p", "/var/run/empty"]);
      // Its first process ends with 1 once the others, in the background, have begun.
      await host.exec([program, "-4", "-c", CONFIG, "-Q", `${qlength}`], { check: false });
      const queue = `-j NFQUEUE --queue-balance 0:${last}`;
      const rules = [
        ["*mangle", `-A PREROUTING -d ${VIP[4]} ${queue}`, "COMMIT"],
        ["*filter", `-A FORWARD -i eth1 ${queue}`, "COMMIT"],
      ].flat();
      await host.exec(["iptables-restore", "--noflush"], { input: `${rules.join("\n")}\n` });
      await queuesBound(host, last + 1);
    },
    async change() {
      fault(FIXED);
    },
    counters: async () => ({}),
  };
}

/** Each process binds its queue in its own time. */
async function queuesBound(host: Router["host"], queues: number): Promise<void> {
  const bound = `[ "$(wc -l < /proc/net/netfilter/nfnetlink_queue)" -ge ${queues} ]`;
  await host.exec(["sh", "-c", `for i in $(seq 100); do ${bound} && exit; sleep 0.05; done; exit 1`]);
}
