// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Event, EventOf } from "../record/schema.ts";
import { streamStart } from "../report/fixture-base.ts";
import { labFaults } from "./lab-faults.ts";

const S = 1e9;
const T0 = 1000 * S;
const start: Event = { ...streamStart(T0, 400, 1e6), durationUs: 10e6 };
const end = (s: number, signal?: "SIGTERM" | "SIGINT"): Event => ({
  kind: "stream_end",
  t: T0 + s * S,
  stream: "ipv4",
  userUs: 1,
  systemUs: 1,
  lateSends: 0,
  maxLateUs: 0,
  ...(signal ? { signal } : {}),
});
const silence = (to: Partial<EventOf<"silence">>): Event => ({
  kind: "silence",
  t: T0 + 6 * S,
  of: "vm-003",
  role: "server",
  fromT: T0 + 2 * S,
  limitNs: 1.75 * S,
  lagNs: 0,
  ...to,
});

test("a generator that ends at its time, or that the harness told to end, is no fault", (t) => {
  t.deepEqual(labFaults([start, end(10)]), []);
  t.deepEqual(labFaults([start, end(10.4)]), []);
  t.deepEqual(labFaults([start, { kind: "stop", t: T0 + 4 * S }, end(4.01, "SIGTERM")]), []);
});

test("a generator that ends before its time without an order is named, with what ended it", (t) => {
  const sentence = "The traffic generator ipv4 ended 4.0 s before its time";
  t.deepEqual(labFaults([start, end(6, "SIGTERM")]), [`${sentence} (SIGTERM).`]);
  t.deepEqual(labFaults([start, end(6)]), [`${sentence}.`]);
  // The order came later, as a consequence.
  t.deepEqual(labFaults([start, end(6, "SIGTERM"), { kind: "stop", t: T0 + 6.1 * S }]), [`${sentence} (SIGTERM).`]);
});

test("one that ends when all connections are made has no end planned: the signal tells", (t) => {
  const open = { ...streamStart(T0, 400, 0), mode: "connect" } as const;
  t.deepEqual(labFaults([open, end(0.3)]), []);
  t.deepEqual(labFaults([open, end(0.3, "SIGINT")]), ["The traffic generator ipv4 ended before its time (SIGINT)."]);
});

test("fragments end with the last datagram, which is before the planned end", (t) => {
  t.deepEqual(labFaults([{ ...start, mode: "fragments" } as Event, end(9)]), []);
});

test("a record of an older version has no planned end", (t) => {
  t.deepEqual(labFaults([streamStart(T0, 400, 1e6), end(6)]), []);
});

test("a server or a generator that stood still is named, with the span", (t) => {
  t.deepEqual(labFaults([start, silence({}), silence({ of: "ipv4", role: "generator", lagNs: S })]), [
    "The server on vm-003 stood still for 4.0 s, from 2.0 s to 6.0 s.",
    "The traffic generator ipv4 stood still for 4.0 s, from 2.0 s to 6.0 s.",
  ]);
});

test("nobody stood still while the machine itself did", (t) => {
  t.deepEqual(labFaults([start, silence({ lagNs: 1.2 * S })]), []);
  const window = { windowNs: S, busyCpus: 0, foreignCpus: 0, cpus: 2 } as const;
  const stolen = (s: number): Event => ({ kind: "machine", t: T0 + s * S, stolenCpus: 1.5, ...window });
  t.deepEqual(labFaults([start, stolen(3), stolen(5), silence({})]), []);
  t.is(
    labFaults([start, stolen(1), stolen(7.5), silence({})]).length,
    1,
    "what was stolen before and after explains nothing",
  );
});
