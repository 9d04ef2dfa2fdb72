// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { EVENTS } from "../events/index.ts";
import type { OracleSpec } from "../oracle/oracle.ts";
import { SOURCES, VIP } from "../topology/topology.ts";
import { expectedLoss, type PlannedCourse } from "./theory.ts";

const sources = ([4, 6] as const).map((family) => ({
  srcCidr: SOURCES[family],
  dst: VIP[family],
  dport: 5003,
  protocol: "tcp" as const,
}));
const planOf = (event: keyof typeof EVENTS, members: number[], size: Partial<PlannedCourse> = {}): PlannedCourse => ({
  targets: 10,
  routers: 1,
  out: [],
  steps: [{ event: EVENTS[event], members }],
  ...size,
});
const expected = (spec: OracleSpec | null, plan: PlannedCourse) => expectedLoss(spec, plan, sources);

const maglev = (m: number): OracleSpec => ({ strategy: "maglev", m, seed: 0, ports: true });
const stateful: OracleSpec = { strategy: "stateful", flush: true, assign: null };

const near = (value: number | null, wanted: number) => value !== null && Math.abs(value - wanted) < 0.005;

test("Maglev loses near n/N, modulo near 1 - 1/N, state what is flushed", (t) => {
  const loss = (spec: OracleSpec | null) => expected(spec, planOf("scale_in", [1, 2])).share;
  t.true(near(loss(maglev(65_537)), 0.2));
  t.true(near(loss({ strategy: "modulo", seed: 0, ports: true }), 0.8));
  t.true(near(loss(stateful), 0.2));
  t.is(loss({ ...stateful, flush: false }), 0);
  t.is(loss(null), null);
  t.is(loss({ ...stateful, uneven: true }), null, "who is on which target depends on how long others last");
  t.is(loss({ ...stateful, uneven: true, flush: false }), 0, "that is so for all");
  const first = expected({ strategy: "hash_threshold", hash: null }, planOf("scale_in", [1])).share;
  t.true(near(first, 0.5), "hash-threshold, the first of ten: RFC 2992");
});

test("targets that come take their share: state moves none", (t) => {
  const plan = planOf("scale_out", [1, 2], { out: [1, 2] });
  t.true(near(expected(maglev(65_537), plan).share, 0.2));
  t.is(expected(stateful, plan).share, 0);
  t.is(expected(stateful, plan).ideal, 0.2);
});

test("in a drift those connections are lost that cross a router which knows of it", (t) => {
  const loss = (targets: number) => expected(maglev(997), planOf("drift", [1, 2], { targets, routers: 2 }));
  const [four, ten] = [loss(4), loss(10)];
  t.true(near(four.share, 0.25), `${four.share}`);
  t.true(near(ten.share, 0.109), `${ten.share}`);
  t.is(four.ideal, 0.5);
  t.is(ten.ideal, 0.2);
});

test("a router that leaves takes along what it alone remembers", (t) => {
  for (const targets of [4, 10]) {
    const plan = planOf("router_out", [2], { targets, routers: 2 });
    t.true(Math.abs((expected(stateful, plan).share ?? -1) - 0.5) < 1e-9);
    t.is(expected({ ...stateful, shared: true }, plan).share, 0);
    t.is(expected(maglev(997), plan).share, 0, "every router chooses alike");
    t.is(expected(stateful, plan).ideal, 0);
  }
});

test("a target that dies takes its connections along, whatever the balancer remembers", (t) => {
  const plan = planOf("failure", [1, 2]);
  t.true(near(expected({ ...stateful, flush: false }, plan).share, 0.2));
  t.is(expected(stateful, plan).ideal, 0.2);
});

test("who is deaf to traffic loses what it has, of every balancer", (t) => {
  const plan = planOf("deaf", [1, 2]);
  for (const spec of [stateful, maglev(997)]) t.true(near(expected(spec, plan).share, 0.2));
});

test("nothing is expected to be lost in a blackout, or without an event", (t) => {
  t.is(expected(maglev(997), planOf("blackout", [1])).share, 0);
  t.deepEqual(expected(maglev(997), { ...planOf("blackout", [1]), steps: [] }), { share: null, ideal: 0 });
});
