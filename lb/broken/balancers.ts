// SPDX-License-Identifier: Apache-2.0
// Balancers that are wrong on purpose, out of one that is right: the lab has to catch each. Only tests use them.
import { setTimeout as sleep } from "node:timers/promises";
import { type Backend, type Balancer, type Host, type Lab, VIP } from "../../harness/api/index.ts";
import { nfqueue, nfqueueWith } from "../nfqueue/nfqueue.ts";

type Deploy = (lab: Lab, active: readonly number[]) => Promise<Balancer>;
const right = nfqueue.options.parse({});
const working: Deploy = (lab, active) => nfqueue.deploy(lab, right, active);

/** What the report says of them, and the oracle, are those of a faultless Maglev balancer. */
function broken(name: string, summary: string, deploy: Deploy): Backend {
  return { ...nfqueue, name, summary: `Wrong on purpose: ${summary}`, deploy: (lab, _, active) => deploy(lab, active) };
}

const rules = async (host: Host, table: string, rule: string) => {
  for (const [tool, vip] of [
    ["iptables-restore", `${VIP[4]}/32`],
    ["ip6tables-restore", `${VIP[6]}/128`],
  ])
    await host.exec([`${tool}`, "--noflush"], { input: `*${table}\n${rule.replaceAll("VIP", `${vip}`)}\nCOMMIT\n` });
};
const onRouters = (lab: Lab, action: (host: Host) => Promise<unknown>) =>
  Promise.all(lab.topology.routers.map(({ name }) => action(lab.host(name))));

/** A right balancer, whose order for new targets `change` may bend. */
const bent = (balancer: Balancer, change: (next: readonly number[]) => Promise<number>): Balancer => ({
  setTargets: change,
  counters: (router) => balancer.counters(router),
  set onFault(report: (sentence: string) => void) {
    balancer.onFault = report;
  },
  [Symbol.asyncDispose]: () => balancer[Symbol.asyncDispose](),
});

export const brokenBalancers: readonly Backend[] = [
  broken("broken-sprayer", "each packet goes to any target", (lab, active) =>
    nfqueueWith(["--broken", "random"]).deploy(lab, right, active),
  ),

  broken("broken-modulo", "hash modulo targets, where Maglev was promised", (lab, active) =>
    nfqueue.deploy(lab, { ...right, scheduler: "modulo" }, active),
  ),

  broken("broken-resets", "every hundredth message is answered by a reset", async (lab, active) => {
    const balancer = await working(lab, active);
    await onRouters(lab, (host) =>
      rules(
        host,
        "filter",
        "-A FORWARD -d VIP -p tcp --tcp-flags PSH PSH -m statistic --mode random --probability 0.01 -j REJECT --reject-with tcp-reset",
      ),
    );
    return balancer;
  }),

  broken("broken-ignores", "the last target never gets a connection", async (lab, active) => {
    const without = (all: readonly number[]) => all.filter((i) => i !== lab.topology.targets.length - 1);
    const balancer = await working(lab, without(active));
    return bent(balancer, (next) => balancer.setTargets(without(next)));
  }),

  broken("broken-blank", "for 100 ms of each change its table is empty", async (lab, active) => {
    const balancer = await working(lab, active);
    return bent(balancer, async (next) => {
      await balancer.setTargets([]);
      await sleep(100);
      return balancer.setTargets(next);
    });
  }),

  broken("broken-leak", "one of the targets that leave stays in use", async (lab, active) => {
    const balancer = await working(lab, active);
    return bent(balancer, (next) => {
      const gone = lab.topology.targets.map((_, i) => i).filter((i) => !next.includes(i));
      return balancer.setTargets([...next, ...gone.slice(0, 1)]);
    });
  }),
];
