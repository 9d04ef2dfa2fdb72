// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { exceededMemory, forgetting, lossOfForgotten, type Remembered } from "./forgetting.ts";
import { makeOracle } from "./oracle.ts";
import type { StatefulSpec } from "./strategies/stateful.ts";

const load: Remembered = { protocol: "tcp", intervalS: 1, connections: 4000, flows: 4000, routers: 1 };
const table = (entries: number) => ({ entries, again: true });
const silent = (s: number, intervalS: number) => forgetting({ timeoutS: { tcp: s } }, { ...load, intervalS });

test("a table that is too small has forgotten whoever sends next, but which ones a kernel keeps is not certain", (t) => {
  t.deepEqual(forgetting(table(500), load), { expected: 1, low: 0, high: 1 });
  t.deepEqual(forgetting(table(500), { ...load, routers: 10 }), { expected: 0, low: 0, high: 1 });
});

test("a table with room for all and for the free entries of every CPU forgets nothing", (t) => {
  t.is(forgetting(table(4500), load).high, 1);
  t.is(forgetting(table(6000), load).high, 0);
  t.is(forgetting(table(6000), { ...load, flows: 9000 }).high, 1, "lost connections leave entries behind");
});

test("silence beyond the time-out is certain to be forgotten, but for what a timer may be late", (t) => {
  t.deepEqual(silent(5, 10), { expected: 1, low: 1, high: 1 });
  t.deepEqual(silent(5, 5.3), { expected: 1, low: 0, high: 1 });
  t.deepEqual(silent(5, 4), { expected: 0, low: 0, high: 0 });
  t.is(forgetting({ timeoutS: { udp: 5 } }, { ...load, intervalS: 10 }).high, 0, "TCP has its own");
});

test("a balancer that schedules each packet for itself has forgotten every connection at its second message", (t) => {
  const packets = { timeoutS: { udp: 0 } };
  const quick: Remembered = { ...load, protocol: "udp", intervalS: 0.01 };
  t.deepEqual(forgetting(packets, quick), { expected: 1, low: 1, high: 1 });
  t.is(forgetting(packets, { ...quick, intervalS: 0 }).high, 0, "a connection of one message");
  t.deepEqual(exceededMemory(packets, quick), ["Each packet is scheduled for itself: nothing is remembered."]);
});

test("what is too small is said in numbers", (t) => {
  t.deepEqual(exceededMemory(table(500), load), [
    "The connection table holds 500 of 4,000 connections: those that sent least recently are forgotten.",
  ]);
  t.deepEqual(exceededMemory({ timeoutS: { tcp: 5 } }, { ...load, intervalS: 10 }), [
    "Each connection sends every 10 s, and is forgotten after 5 s of silence.",
  ]);
  t.deepEqual(exceededMemory({ entries: 4000, timeoutS: { tcp: 5 } }, load), []);
});

const stateful = (more: Partial<StatefulSpec> = {}): StatefulSpec => ({
  strategy: "stateful",
  flush: true,
  assign: null,
  ...more,
});
const lossOf = (spec: StatefulSpec, hash: number | null, target = 1, protocol: "tcp" | "udp" = "tcp") =>
  lossOfForgotten(spec, makeOracle(spec, [0, 1, 2, 3]), { protocol, hash, target });

test("a TCP connection that nobody takes for a new one is lost when it is forgotten", (t) => {
  t.deepEqual(lossOf(stateful({ memory: { timeoutS: { tcp: 5 } } }), null), { expected: 1, low: 1, high: 1 });
});

test("one that is chosen for anew by a hash is lost where the hash leads elsewhere", (t) => {
  const spec = stateful({ assign: { strategy: "modulo", seed: 0, ports: true }, memory: table(500) });
  const now = makeOracle(spec, [0, 1, 2, 3]);
  const target = now.pick(77) ?? -1;
  t.is(lossOf(spec, 77, target).expected, 0);
  t.is(lossOf(spec, 77, (target + 1) % 4).expected, 1);
});

test("turns may give all their target again, or none", (t) => {
  const spec = stateful({ memory: { timeoutS: { udp: 5 } } });
  t.deepEqual(lossOf(spec, null, 1, "udp"), { expected: 0.75, low: 0, high: 1 });
  t.deepEqual(lossOf(spec, null, 9, "udp"), { expected: 1, low: 1, high: 1 }, "a target that has left");
});

test("a keepalive in time keeps a connection known, one that is late does not, and to a proxy none counts", (t) => {
  const after = (keepaliveS: number, dataOnly = false) =>
    forgetting({ timeoutS: { tcp: 900 }, dataOnly }, { ...load, intervalS: 7200, keepaliveS });
  t.is(after(600).high, 0);
  t.like(after(1200), { low: 1, high: 1 });
  t.like(after(950), { expected: 1, low: 0, high: 1 }, "timers run off by an eighth late");
  t.like(after(600, true), { low: 1, high: 1 });
  t.deepEqual(exceededMemory({ timeoutS: { tcp: 900 } }, { ...load, intervalS: 7200, keepaliveS: 1800 }), [
    "Each connection sends every 7200 s (keepalives after 1800 s, too late), and is forgotten after 900 s of silence.",
  ]);
});
