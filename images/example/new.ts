// SPDX-License-Identifier: Apache-2.0
// my-lb: a balancer that works, to be made yours. Run it:  test my-lb_scale --backend ./my-lb.ts
// Check it after each change:  backend check ./my-lb.ts
// The line below gives an editor the types; a copy works with or without it.
import type { OutsideBackend } from "../../harness/api/kit.ts";

const balancer: OutsideBackend = ({ z, defineBackend, TOOLS, FAMILIES, addressOf, ipBatch, setSysctls, vipPrefix }) =>
  defineBackend({
    name: "my-lb",
    summary: "equal-cost routes to the targets, chosen by the kernel's hash",

    // Options for --set: `--set ports=false`. describe() is their help.
    options: z.strictObject({
      ports: z.stringbool().default(true).describe("hash ports as well as addresses"),
    }),

    // What it needs; a machine without it skips the case and says why. `programs` is for a daemon of your own.
    requires: () => ({ tools: [TOOLS.ip] }),

    // What it must do with a flow, as data (docs/own-backend.md). null: losses are measured, and nobody says whether
    // they had to be. Example of a Maglev table: oracle: () => ({ strategy: "maglev", m: 997, seed: 0, ports: true }),
    oracle: () => null,

    // Its part on one router. `topology.targets` are all targets; `active` are the indices of those in use.
    router({ host, topology }, { ports }) {
      const setTargets = async (active: readonly number[]) => {
        for (const family of FAMILIES) {
          const hops = topology.targets
            .filter((_, index) => active.includes(index))
            .map((target) => `nexthop via ${addressOf(target, family)} dev eth1`);
          const vip = vipPrefix(family);
          // Without targets: no route, and clients are told so by ICMP.
          const route = hops.length > 0 ? `${vip} ${hops.join(" ")}` : `unreachable ${vip}`;
          await ipBatch(host, [`route replace ${route}`]);
        }
      };
      return {
        // Both resolve when what they do is in force: the lab notes that moment.
        async install(active) {
          await setSysctls(
            host,
            [4, 6].map((family) => `net/ipv${family}/fib_multipath_hash_policy=${ports ? 1 : 0}`),
          );
          await setTargets(active);
          // A daemon of your own: await router.start([program, ...]).ready("ready"); it prints {"event":"ready"}.
        },
        change: setTargets,
        // What it drops, by name: counters: async () => ({ "drop.no_target": 3 }),
        // A proxy counts relay.in and relay.out, or says `accounts: false` above: see images/example/proxy.ts.
      };
    },
  });
export default balancer;
