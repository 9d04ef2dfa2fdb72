// SPDX-License-Identifier: Apache-2.0
// Balancers that are wrong on purpose, out of one that is right: the lab has to catch each. Only tests use them.
import {
  addressOf,
  type Backend,
  type Balancer,
  clientVips,
  type Host,
  type Lab,
  linkOn,
  vipPrefix,
} from "../../harness/api/index.ts";
import { fwmarkOf, nfqueue, nfqueueWith } from "../nfqueue/nfqueue.ts";
import { swapWords } from "./swap-words.ts";

type Deploy = (lab: Lab, active: readonly number[]) => Promise<Balancer>;
const right = nfqueue.options.parse({});
const working: Deploy = (lab, active) => nfqueue.deploy(lab, right, active);

/** What the report says of them, and the oracle, are those of a faultless Maglev balancer. */
function broken(name: string, summary: string, deploy: Deploy): Backend {
  return { ...nfqueue, name, summary: `Wrong on purpose: ${summary}`, deploy: (lab, _, active) => deploy(lab, active) };
}

/** `rule` with VIP for the address, for both families. */
const rules = async (host: Host, table: string, rule: string | ((family: 4 | 6) => string)) => {
  for (const [tool, vip, family] of [
    ["iptables-restore", vipPrefix(4), 4],
    ["ip6tables-restore", vipPrefix(6), 6],
  ] as const) {
    const text = (typeof rule === "string" ? rule : rule(family)).replaceAll("VIP", vip);
    await host.exec([tool, "--noflush"], { input: `*${table}\n${text}\nCOMMIT\n` });
  }
};
/** The table of the queue whose reader stands still most of the time. */
const WAITING = "waiting-lb";
const FREEZE =
  '"$1" run --shm "$2" --queue 1 --qlength 4096 & while kill -CONT $!; do sleep 0.02; kill -STOP $!; sleep 0.4; done';

/** Index of the target that faults of one target are about. */
const ONE = 4;
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
      await lab.clock.sleep(100);
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

  broken("broken-drops", "one of 20 packets to one target is dropped", async (lab, active) => {
    const balancer = await working(lab, active);
    const rule = `-A FORWARD -d VIP -m mark --mark ${fwmarkOf(ONE)} -m statistic --mode nth --every 20 --packet 0 -j DROP`;
    await onRouters(lab, (host) => rules(host, "filter", rule));
    return balancer;
  }),

  broken("broken-mutes", "one of 20 packets from one target is dropped", async (lab, active) => {
    const balancer = await working(lab, active);
    const target = lab.topology.targets[ONE];
    const from = `-m mac --mac-source ${target && linkOn(target, "net1").mac}`;
    const rule = `-A FORWARD -s VIP ${from} -m statistic --mode nth --every 20 --packet 0 -j DROP`;
    await onRouters(lab, (host) => rules(host, "filter", rule));
    return balancer;
  }),

  broken("broken-twins", "one of 20 packets to one target is sent twice", async (lab, active) => {
    const balancer = await working(lab, active);
    const target = lab.topology.targets[ONE];
    const twice = (family: 4 | 6) =>
      `-A FORWARD -d VIP -m mark --mark ${fwmarkOf(ONE)} -m statistic --mode nth --every 20 --packet 0 -j TEE --gateway ${target && addressOf(target, family)}`;
    await onRouters(lab, (host) => rules(host, "mangle", twice));
    return balancer;
  }),

  broken("broken-flips", "the content of some messages is changed, and their checksum fits", async (lab, active) => {
    const balancer = await working(lab, active);
    await onRouters(lab, (host) => host.exec(["nft", "-f", "-"], { input: swapWords(fwmarkOf(ONE)) }));
    return balancer;
  }),

  broken("broken-alias", "what belongs to one target goes to the next one", async (lab, active) => {
    const balancer = await working(lab, active);
    const rule = ["rule", "add", "pref", "1", "fwmark", `${fwmarkOf(ONE)}`, "lookup", `${fwmarkOf(ONE + 1)}`];
    await onRouters(lab, async (host) => {
      for (const family of ["-4", "-6"]) await host.exec(["ip", family, ...rule]);
    });
    return balancer;
  }),

  broken("broken-late", "one of 100 packets waits for up to 0.4 s", async (lab, active) => {
    const balancer = await working(lab, active);
    const pairs = lab.topology.targets.map((_, index) => `${index}:${fwmarkOf(index)}`).join(",");
    const program = lab.program("nfqueue-lb");
    await onRouters(lab, async (host) => {
      await host.exec([program, "init", "--shm", WAITING, "--M", "997", "--N", `${lab.topology.targets.length}`]);
      await host.exec([program, "set", "--shm", WAITING, "--active", pairs]);
      // They have been routed by then, so what this queue says of them does not count.
      const late =
        "-A FORWARD -d VIP -m statistic --mode nth --every 100 --packet 0 -j NFQUEUE --queue-num 1 --queue-bypass";
      const frozen = host.spawn(["sh", "-c", FREEZE, "sh", program, WAITING]);
      void frozen.exited.catch(() => {});
      await rules(host, "mangle", late);
    });
    return balancer;
  }),

  broken("broken-tardy", "its table changes 600 ms after it said so", async (lab, active) => {
    const balancer = await working(lab, active);
    return bent(balancer, async (next) => {
      const saidT = lab.clock.now();
      void lab.clock.sleep(600).then(() => balancer.setTargets(next));
      return saidT;
    });
  }),
];

/** For runs with several VIPs. */
export const deaf: Backend = {
  ...broken("broken-deaf", "nothing comes to the second VIP", async (lab, active) => {
    const balancer = await working(lab, active);
    const to = (family: 4 | 6) => `-A FORWARD -d ${clientVips(lab.topology, family).at(1) ?? "VIP"} -j DROP`;
    await onRouters(lab, (host) => rules(host, "filter", to));
    return balancer;
  }),
  servesVips: () => true,
};
