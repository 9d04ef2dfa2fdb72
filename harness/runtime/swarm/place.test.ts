// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { planTopology } from "../../topology/topology.ts";
import { UsageError } from "../../util/errors.ts";
import type { ListedNode } from "./nodes.ts";
import { parsePlace, partsOf, type Rules } from "./place.ts";

const node = (name: string, labels: Record<string, string> = {}, role = "worker"): ListedNode => ({
  id: `id-${name}`,
  name,
  role,
  labels,
});
const nodes = [node("a", {}, "manager"), node("b", { lb: "true" }), node("c"), node("d")];
const topology = planTopology({ targets: 4, routers: 2, front: true });
const rule = (word: string): Rules => Object.fromEntries([parsePlace(word) ?? []]) as Rules;
const spread = (count: number, rules: Rules = {}) =>
  partsOf(topology, nodes.slice(0, count), rules).map(
    ({ node: { name }, name: fabric, machines }) => `${name} ${fabric}: ${machines.map((m) => m.name).join(" ")}`,
  );

test("testers, routers and targets are on different nodes where there are enough", (t) => {
  t.deepEqual(spread(1), ["a fabric: vm-001 vm-002 vm-003 vm-004 vm-201 vm-202 vm-222 vm-221"]);
  t.deepEqual(spread(2), ["a fabric: vm-001 vm-002 vm-003 vm-004 vm-222 vm-221", "b fabric-b: vm-201 vm-202"]);
  t.deepEqual(spread(4), [
    "a fabric: vm-222 vm-221",
    "b fabric-b: vm-201 vm-202",
    "c fabric-c: vm-001 vm-003",
    "d fabric-d: vm-002 vm-004",
  ]);
});

test("constraints are Docker's; machines of a group go round the nodes that fit", (t) => {
  t.deepEqual(spread(4, rule("testers=node.hostname==d"))[0], "d fabric: vm-002 vm-004 vm-222 vm-221");
  t.deepEqual(spread(4, rule("routers=node.role!=manager,node.labels.lb!=true")), [
    "a fabric: vm-222 vm-221",
    "c fabric-c: vm-001 vm-003 vm-201",
    "d fabric-d: vm-002 vm-004 vm-202",
  ]);
  t.deepEqual(spread(2, rule("targets=node.id==id-b"))[1], "b fabric-b: vm-001 vm-002 vm-003 vm-004 vm-201 vm-202");
});

test("no node that fits is a sentence with the nodes there are", (t) => {
  t.throws(() => spread(2, rule("routers=node.labels.lb==no")), {
    instanceOf: UsageError,
    message:
      "No node of the swarm fits '--place routers=node.labels.lb==no'. Nodes: a (manager); b (worker, lb=true). See 'docker node update --label-add'.",
  });
});

test("what is written otherwise is no constraint", (t) => {
  for (const word of [
    "routers",
    "moon=node.role==worker",
    "routers=role==worker",
    "routers=node.labels.a=1",
    "routers=",
  ])
    t.is(parsePlace(word), null, word);
});
