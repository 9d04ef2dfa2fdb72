// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import {
  defineBackend,
  definedOptions,
  FAMILIES,
  ipBatch,
  linkOn,
  type Router,
  type RouterSide,
  TOOLS,
  VIP,
  vipPrefix,
} from "../../harness/api/index.ts";
import { bothLive } from "../linux/direct.ts";
import { sendSegments } from "../linux/one-segment.ts";
import { weightOf } from "../linux/options.ts";
import {
  flatCounters,
  reweighs,
  type Stats,
  tableChoice,
  tableOptions,
  tableSizes,
  weightWord,
} from "../linux/table.ts";

const SHM = "dpdk-lb";
const options = z.strictObject(tableOptions(16_777_213));
type Options = z.infer<typeof options>;

/** Frames that it cannot give back to the stack, and those that its ports did not take. */
const DROPS = new Map(
  ["no_target", "malformed", "short", "unmatched", "ttl_expired", "port_refused", "port_missed"].map((name) => [
    name,
    `drop.dpdk_${name}`,
  ]),
);

/** Maglev over MAC addresses in user space by DPDK, past the stack. */
export const dpdk = defineBackend({
  name: "dpdk",
  summary: "Maglev in user space by DPDK: MAC rewritten, direct return; stateless",
  handles: ["icmp_errors"],
  cannot: {
    mssClamp: "dpdk sends packets on below netfilter, and changes none. Lower the MTU of the targets' links.",
  },
  options,
  requires: () => ({
    programs: [
      { name: "dpdk-lb", from: "ours", takes: ["libdpdk-dev"] },
      { name: "nfqueue-lb", from: "ours" },
    ],
    tools: [TOOLS.ip],
  }),
  oracle: (given, targets) => tableChoice(given, targets),
  reweighs,
  direct: () => bothLive,
  withoutTargets: () => "silence",
  effectiveOptions: (given, targets) => ({ ...definedOptions(given), ...tableSizes(given, targets) }),
  prepare: sendSegments,
  router: sideOf,
});

function sideOf(router: Router, given: Options): RouterSide {
  const { host, lab } = router;
  const [program, tables] = [lab.program("dpdk-lb"), lab.program("nfqueue-lb")];
  let { weights } = given;
  const setActive = async (active: readonly number[]) => {
    // A mark only says that a target has that index: frames get its MAC.
    const pairs = active.map((index) => `${index}:${index + 1}${weightWord(weightOf(weights, index))}`).join(",");
    const { stdout } = await host.exec([tables, "set", "--shm", SHM, "--active", pairs]);
    return (JSON.parse(stdout) as { publishedT: number }).publishedT;
  };
  return {
    async install(active) {
      await makeTable(router, tables, given);
      await setActive(active);
      // What it takes the kernel sees too.
      for (const family of FAMILIES) await ipBatch(host, [`route add blackhole ${vipPrefix(family)}`]);
      await router.start([program, "run", ...runWords(router)]).ready("ready");
    },
    change: setActive,
    weigh(next, active) {
      weights = [...next];
      return setActive(active);
    },
    async counters() {
      const { stdout } = await host.exec([program, "stats"]);
      const { t: _, polls: __, sleeps: ___, memory_kb: ____, ...stats } = JSON.parse(stdout) as Stats;
      return flatCounters(stats, DROPS);
    },
    end: async () => void (await host.exec([tables, "delete", "--shm", SHM])),
  };
}

async function makeTable({ host, topology }: Router, tables: string, given: Options): Promise<void> {
  const { M, N } = tableSizes(given, topology.targets.length);
  const words = ["-m", given.scheduler, "--M", `${M}`, "--N", `${N}`, "--seed", `${given.hashSeed}`];
  await host.exec([tables, "init", "--shm", SHM, ...words, ...(given.ports ? ["-p"] : [])]);
}

function runWords({ topology }: Router): string[] {
  const macs = topology.targets.map((target, index) => `${index}=${linkOn(target, "net1").mac}`);
  return ["--ingress", "eth2", "--egress", "eth1", "--vip", `${VIP[4]},${VIP[6]}`, "--macs", macs.join(",")];
}
