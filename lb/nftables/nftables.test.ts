// SPDX-License-Identifier: Apache-2.0

import test from "ava";
import { planTopology, UsageError } from "../../harness/api/index.ts";
import { parseBackendOptions } from "../../harness/testing/lab.ts";
import { backends } from "../index.ts";
import { nftables } from "./nftables.ts";
import { options } from "./options.ts";
import { change, inUse, ruleset } from "./ruleset.ts";
import { settle } from "./settle.ts";

const settings = (given: Record<string, string>, targets = 3) => settle(options.parse(given), targets)[0];

test("what would tear connections apart is refused", (t) => {
  t.throws(() => settings({ mode: "dsr", scheduler: "rr" }), { message: /spread the packets of one connection/ });
  t.throws(() => settings({ mode: "stateless_dnat", persistence: "5" }), { message: /Try keys=srcip/ });
  t.is(settings({ mode: "dsr" }).scheduler, "hash");
  t.is(settings({}).scheduler, "rr");
});

const bad: [backend: string, word: string, message: RegExp][] = [
  ["nftables", "mode=magic", /Invalid value 'magic' for --set mode: /],
  ["nftables", "weights=1,zero", /--set weights/],
  ["nftables", "weights=1,2", /weights has 2 numbers, but there are 3 targets/],
  ["nftables", "ports=0", /Invalid value '0' for --set ports: /],
  ["nftables", "ports=9-3", /Invalid value '9-3' for --set ports: /],
  ["ecmp", "policy=9", /Invalid value '9' for --set policy: /],
  ["ecmp", "weights=1", /weights has 1 number, but/],
  ["ecmp", "hashSeed=0", /Invalid value '0' for --set hashSeed: /],
  ["ecmp_resilient", "buckets=2", /too few for 3 targets/],
  ["iptables_statistic", "mode=magic", /Invalid value 'magic' for --set mode: /],
  ["iptables_statistic", "targetPort=70000", /--set targetPort/],
  ["iptables_recent", "seconds=0", /Invalid value '0' for --set seconds: /],
  ["ecmp", "weights=1,2,257", /--set weights/],
  ["ecmp_resilient", "idleTimer=0", /Invalid value '0' for --set idleTimer: /],
  ["nftables", "priorities=1,2", /priorities has 2 numbers, but there are 3 targets/],
  ["nftables", "leave=never", /Invalid value 'never' for --set leave: /],
  ["nftables", "synproxy=true", /leave=flush makes the router forget .* Try leave=drain/],
  ["nftables", "synproxy=true leave=drain ports=5001", /answers at every port .* 'ports'/],
  ["nftables", "synproxy=true leave=drain mode=stateless_dnat", /synproxy needs conntrack, and mode=stateless_dnat/],
  ["iptables_statistic", "synproxy=true leave=drain timeouts=0,0,5", /timeouts makes the router forget/],
  ["iptables_recent", "synproxy=true leave=drain mssClamp=1400", /synproxy answers SYNs before mssClamp/],
  ["iptables_recent", "form=round", /Invalid value 'round' for --set form: /],
  ["iptables_hmark", "mod=3", /has no option 'mod'/],
  ["iptables_hmark", "hashSeed=4294967296", /--set hashSeed/],
  ["iptables_statistic", "variant=old", /Invalid value 'old' for --set variant: /],
  ["iptables_statistic", "leave=later", /Invalid value 'later' for --set leave: /],
  ["iptables_statistic", "local=perhaps", /Invalid value 'perhaps' for --set local: /],
  ["iptables_recent", "masquerade=2.5", /--set masquerade/],
  ["iptables_recent", "seconds=86401", /Invalid value '86401' for --set seconds: /],
  ["ecmp", "weights=0,1,1", /--set weights/],
  ["ecmp", "weights=1,-1,1", /--set weights/],
  ["ecmp", "weights=1,1.5,1", /--set weights/],
  ["ecmp", "weights=,", /--set weights/],
  ["ecmp", "hashSeed=some", /Invalid value 'some' for --set hashSeed: /],
  ["ecmp_resilient", "weights=1,2,3,4", /weights has 4 numbers, but there are 3 targets/],
  ["ecmp_resilient", "buckets=65536", /Invalid value '65536' for --set buckets: /],
  ["ecmp_resilient", "unbalancedTimer=-1", /Invalid value '-1' for --set unbalancedTimer: /],
  ["nftables", "scheduler=luck", /Invalid value 'luck' for --set scheduler: /],
  ["nftables", "keys=srcip,colour", /--set keys/],
  ["nftables", "keys=", /--set keys/],
  ["nftables", "priorities=0,1,1", /--set priorities/],
  ["nftables", "ports=5001-", /Invalid value '5001-' for --set ports: /],
  ["nftables", "persistence=-1", /Invalid value '-1' for --set persistence: /],
  ["nftables", "mode", /Invalid value .mode. for --set: expected key=value/],
];
for (const [name, word, message] of bad)
  test(`--set ${word} for ${name} is wrong usage before anything is started`, (t) => {
    const backend = backends.find((b) => b.name === name);
    t.throws(() => backend?.effectiveOptions(parseBackendOptions(backend, word.split(" ")), 3), {
      instanceOf: UsageError,
      message,
    });
  });

test("what SCTP sends without an entry makes none, so it takes no turn and is lost for certain", (t) => {
  const oracle = (protocol: "tcp" | "sctp") => nftables.oracle(nftables.options.parse({}), 4, protocol);
  t.like(oracle("tcp"), { strategy: "stateful", memory: { again: true }, later: undefined });
  t.like(oracle("sctp"), { strategy: "stateful", memory: { again: false }, later: "shares" });
});

test("the backup pool takes over only when no target of the best priority is active", (t) => {
  const priorities = [1, 1, 2];
  t.deepEqual(inUse({ priorities }, [0, 1, 2]), [0, 1]);
  t.deepEqual(inUse({ priorities }, [1, 2]), [1]);
  t.deepEqual(inUse({ priorities }, [2]), [2]);
});

test("one table serves both families, and a change touches nothing but the choice of the target", (t) => {
  const topology = planTopology({ targets: 3, routers: 1 });
  const [router] = topology.routers;
  if (!router) return t.fail();
  const given = settings({ weights: "1,2,1" });
  const whole = ruleset(topology, router, given, [0, 1, 2]);
  t.is(whole.match(/^table /gm)?.length, 1);
  t.regex(
    whole,
    /dnat ip to numgen inc mod 4 map \{\n0 : 192\.168\.1\.1,\n1-2 : 192\.168\.1\.2,\n3 : 192\.168\.1\.3\n\}/,
  );
  t.regex(whole, /dnat ip6 to numgen inc mod 4/);
  const next = change(topology, router, given, [0, 2]);
  t.regex(next, /^flush chain inet lb service4\n/);
  t.notRegex(next, /hook|vmap|192\.168\.1\.2,/);
});
