// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { addressBytes, type Flow, PROTOCOL } from "../hash.ts";
import { checkedSpec, hashFlow, makeOracle, type OracleSpec, relisted } from "../oracle.ts";
import { classifier, type FlowRule } from "./flow-rules.ts";

const flow = (more: Partial<Omit<Flow, "src" | "dst">> & { src?: string; dst?: string } = {}): Flow => {
  const { src = "50.0.0.1", dst = "10.0.0.0", ...rest } = more;
  return { sport: 4000, dport: 5003, protocol: PROTOCOL.tcp, ...rest, src: addressBytes(src), dst: addressBytes(dst) };
};

const rule = (name: string, more: Partial<FlowRule> = {}): FlowRule => ({
  name,
  vips: ["10.0.0.0", "1000::"],
  targets: [0],
  ...more,
});

test("the first rule of the highest priority takes a flow whose conditions all hold", (t) => {
  const cases: [Partial<FlowRule>, Flow, boolean][] = [
    [{}, flow(), true],
    [{}, flow({ dst: "1000::", src: "2000::7" }), true],
    [{}, flow({ dst: "10.0.0.1" }), false],
    [{ vips: ["10.0.0.0/29"] }, flow({ dst: "10.0.0.7" }), true],
    [{ vips: ["::/0"] }, flow(), false],
    [{ sources: ["50.0.0.0/17"] }, flow({ src: "50.0.127.255" }), true],
    [{ sources: ["50.0.0.0/17"] }, flow({ src: "50.0.128.0" }), false],
    [{ sources: ["2000::/113"] }, flow({ dst: "1000::", src: "2000::8000" }), false],
    [{ ports: ["80", "5000-5003"] }, flow(), true],
    [{ ports: ["5004-5010"] }, flow(), false],
    [{ sourcePorts: ["1-4000"] }, flow(), true],
    [{ protocols: ["udp"] }, flow(), false],
    [{ protocols: ["udp", "tcp"] }, flow(), true],
    // 4000 is 0fa0, 5003 is 138b
    [{ match: ["0:0fa0138b"] }, flow(), true],
    [{ match: ["1:a0", "3:8b"] }, flow(), true],
    [{ match: ["0:0001/0001"] }, flow(), false],
    [{ match: ["0:0001/0001"] }, flow({ sport: 4001 }), true],
    [{ match: ["2:13", "3:00"] }, flow(), false],
  ];
  for (const [more, packet, isTaken] of cases)
    t.is(classifier([rule("one", more)])(packet), isTaken ? 0 : 1, JSON.stringify(more));
  const ranked = [rule("low"), rule("high", { priority: 7, ports: ["5003"] }), rule("same", { priority: 7 })];
  t.is(classifier(ranked)(flow()), 1);
  t.is(classifier(ranked)(flow({ dport: 80 })), 2);
  t.is(classifier([])(flow()), 0);
});

test("each flow picks among its own active targets, by whichever list is in force", (t) => {
  const assign = { strategy: "maglev", m: 997, seed: 1, ports: true } as const;
  const odd = rule("odd", { priority: 1, match: ["0:0001/0001"], targets: [2, 3] });
  const lists = [[rule("all", { targets: [0, 1] }), odd], [rule("all", { targets: [1, 2] })]];
  const spec = checkedSpec({ strategy: "flows", assign, lists } as OracleSpec, "test") as OracleSpec;
  const all = [0, 1, 2, 3];
  const before = makeOracle(spec, all);
  const fewer = makeOracle(spec, [0, 2, 3], before);
  const after = makeOracle(relisted(spec, 1), all, before);
  for (let sport = 2000; sport < 2200; sport++) {
    const packet = flow({ sport });
    const hash = hashFlow(spec, packet);
    const own = hashFlow(assign, packet);
    const pick = (targets: number[]) => makeOracle(assign, targets).pick(own);
    t.is(before.serviceOf?.(hash), sport % 2 === 1 ? "odd" : "all");
    t.is(before.pick(hash), pick(sport % 2 === 1 ? [2, 3] : [0, 1]));
    t.is(fewer.pick(hash), sport % 2 === 1 ? pick([2, 3]) : 0);
    t.is(after.serviceOf?.(hash), "all");
    t.is(after.pick(hash), pick([1, 2]));
  }
  const none = hashFlow(spec, flow({ dst: "10.0.0.5" }));
  t.deepEqual([before.pick(none), before.serviceOf?.(none), after.pick(none)], [null, null, null]);
  t.deepEqual([...(before.services?.get("odd")?.keys() ?? [])], [2, 3]);
});

test("too many flows in too many lists are refused: a class and a hash must fit into one number", (t) => {
  const assign = { strategy: "modulo", seed: 1, ports: true } as const;
  const list = Array.from({ length: 31 }, (_, i) => rule(`f${i}`));
  const spec = (n: number) => ({ strategy: "flows", assign, lists: Array(n).fill(list) }) as OracleSpec;
  t.notThrows(() => checkedSpec(spec(4), "test"));
  t.throws(() => checkedSpec(spec(5), "test"), { message: /too many flows in too many lists/ });
});
