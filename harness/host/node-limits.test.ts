// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { RuntimeNode } from "../runtime/runtime.ts";
import { ample, MILLION } from "./limits.testing.ts";
import type { KernelLimits } from "./limits.ts";
import { exceededOn, limitOf } from "./node-limits.ts";

test("of a node only what is on it counts: half of a connection's memory and files for each end, conntrack for routers", (t) => {
  const node = (limits: Partial<KernelLimits>, share: Partial<Record<"tester" | "router" | "target", number>>) => ({
    name: "b",
    limits: { ...ample, ...limits },
    share: { tester: 0, router: 0, target: 0, ...share },
  });
  const full = { trackedConnections: 262_144 };
  t.deepEqual(exceededOn(node(full, { tester: 1, target: 1 }), MILLION, true), []);
  const [text] = exceededOn(node(full, { router: 1 }), MILLION, true);
  t.regex(text ?? "", /^On node 'b': Conntrack holds at most 262,144 connections/);
  t.deepEqual(exceededOn(node(full, { router: 1 }), MILLION, false), []);
  t.deepEqual(exceededOn(node({ availableMiB: 5400 }, { target: 1 }), MILLION, true), []);
  t.regex(exceededOn(node({ availableMiB: 5000 }, { tester: 1 }), MILLION, true)[0] ?? "", /5,000 MiB are available/);
  t.deepEqual(exceededOn({ ...node({}, {}), limits: null }, MILLION, true), [], "nobody could ask it");
});

test("of all nodes the one that is used up the most is the limit, with what of it", (t) => {
  const named = (
    name: string,
    share: Partial<RuntimeNode["share"]>,
    limits: Partial<KernelLimits> = {},
    cpus = 64,
  ): RuntimeNode => ({
    name,
    about: "",
    cpus,
    limits: { ...ample, ...limits },
    share: { tester: 0, router: 0, target: 0, ...share },
  });
  const [a, b, c] = [named("a", { tester: 1 }), named("b", { router: 1 }), named("c", { target: 1 })];
  t.is(
    limitOf([a, b, c], MILLION, true),
    "Of the nodes, 'b' is the limit: 1,000,000 connections take 75 % of its conntrack entries.",
  );
  t.regex(limitOf([a, b, c], MILLION, false) ?? "", /'a' is the limit: .* 35 % of its open files/);
  const small = named("c", { target: 1 }, { availableMiB: 6000 });
  t.regex(limitOf([a, b, small], MILLION, true) ?? "", /'c' is the limit: .* 90 % of its available memory/);
  const slow = named("b", { router: 1 }, {}, 1);
  t.regex(limitOf([a, slow, c], MILLION, false) ?? "", /'b' is the limit: .* % of its CPU time/);
  t.is(limitOf([{ ...a, limits: null }], MILLION, true), null);
});
