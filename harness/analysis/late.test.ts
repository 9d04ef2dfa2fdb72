// SPDX-License-Identifier: Apache-2.0
// One first connection comes after the first event: whose fault is that?
import test from "ava";
import { hashFlow, makeOracle, type OracleSpec } from "../oracle/oracle.ts";
import type { Connection, Event } from "../record/schema.ts";
import { machines, runInfo, streamStart } from "../report/fixture-base.ts";
import { TCP_FLAGS } from "../tap/frame.ts";
import { type KernelDrop, type TapPacket, tapBytes } from "../tap/records.ts";
import { tcpFrame } from "../testing/frames.ts";
import { analyse } from "./analyse.ts";
import { flowReader } from "./flows.ts";

const S = 1e9;
const T0 = 1000 * S;
const N = 200;
const targets = machines(1, 4);
const start = { ...streamStart(T0, N, 1e6), durationUs: 10e6 };
const oracle: OracleSpec = { strategy: "maglev", m: 97, seed: 0, ports: true };
const flowOf = flowReader(start);
const choice = makeOracle(oracle, [0, 1, 2, 3]);

function connection(id: number, startUs: number, establishedUs: number): Connection {
  const tuple = { srcOffset: 1 + id * 7919, sport: 1024 + id * 13 };
  const target = targets[choice.pick(hashFlow(oracle, flowOf(tuple))) ?? 0] ?? null;
  const times = { startUs, establishedUs, endUs: 10e6, lastProgressUs: 9.9e6, longestGapUs: 0 };
  const rest = { stream: "ipv4", generation: 0, movedTo: null, cause: "none" as const, sent: 10, received: 10 };
  return { ...rest, id, ...tuple, target, ...times };
}

/**
 * Of a run in which connection 7 and those after it, `late` of them, were due at `s`, left the tester `heldS` later and were there after
 * `tookS`; a router leaves at 2 s, and `reset` others end at 5 s.
 */
function judged(
  s: number,
  {
    reason,
    heldS = 0,
    tookS = 1.1,
    machine = [],
    late = 1,
    reset = 0,
  }: { reason?: string; heldS?: number; tookS?: number; machine?: Event[]; late?: number; reset?: number } = {},
) {
  const connections = Array.from({ length: N }, (_, id): Connection => {
    const isLate = id >= 7 && id < 7 + late;
    const one = isLate ? connection(id, s * 1e6, (s + tookS) * 1e6) : connection(id, id * 1000, id * 1000 + 200);
    return id >= 100 && id < 100 + reset ? { ...one, cause: "reset", endUs: 5e6, lastProgressUs: 4.9e6 } : one;
  });
  const flow = flowOf(connections[7] as Connection);
  const syn: TapPacket = { machine: "vm-221", net: "net0", t: T0 + (s + heldS) * S, ...tcpFrame(flow, TCP_FLAGS.SYN) };
  const drop = (why: string): KernelDrop => ({
    what: "dropped",
    t: T0 + s * S,
    machine: "vm-201",
    reason: why,
    where: "enqueue_to_backlog",
    ...tcpFrame(flow, TCP_FLAGS.SYN),
  });
  const events: Event[] = [
    { kind: "deployed", t: T0 - S, backend: "b", active: targets, effectiveOptions: {}, oracle },
    start,
    ...machine,
    {
      kind: "scale",
      t: T0 + 2 * S,
      action: "router_out",
      machines: ["vm-202"],
      requestedT: T0 + 2 * S,
      effectiveT: T0 + 2.01 * S,
    },
    { kind: "stream_end", t: T0 + 10 * S, stream: "ipv4", userUs: 1, systemUs: 1, lateSends: 0, maxLateUs: 0 },
    { kind: "counters", t: T0 + 11 * S, machine: "vm-221", moment: "after", values: { ipOut: 0 } },
  ];
  const packets = tapBytes([syn, { ...syn, t: syn.t + S }], reason ? [drop(reason)] : []);
  const run = { ...runInfo("b_scale_lb", "scale_lb", targets, []), routers: ["vm-201", "vm-202"] };
  const { verdict, reasons } = analyse(run, { events, connections, packets }).summary;
  return { verdict, text: reasons.join(" ") };
}

test("a SYN that nobody answers is the balancer's, and its way is told", (t) => {
  const { verdict, text } = judged(1.2);
  t.is(verdict, "fail");
  t.regex(
    text,
    /^1 of 200 connections was not established before the first event, all on vm-00\d\. Connection 7 of ipv4 \([\d.]+ port 1115\) began at 1\.200 s and was established at 2\.300 s; SYN vm-221 to nobody 2 times\./,
  );
});

test("what the router drops by its rules is the balancer's", (t) => {
  const { verdict, text } = judged(1.2, { reason: "NETFILTER_DROP" });
  t.is(verdict, "fail");
  t.regex(text, /; vm-201 dropped a packet of it: NETFILTER_DROP in enqueue_to_backlog \(the kernel's reason\)\./);
});

test("a kernel without room for a packet is the lab's, and no result", (t) => {
  const { verdict, text } = judged(1.2, { reason: "CPU_BACKLOG" });
  t.is(verdict, "insufficient", text);
  t.regex(
    text,
    /1 connection was not established in time because of the lab: .* vm-201 dropped a packet of it: CPU_BACKLOG/,
  );
});

test("a generator that begins later than it says, at the last moment, is the lab's, and no result", (t) => {
  t.is(judged(1.2, { heldS: 0.71 }).verdict, "insufficient");
  t.is(judged(1.2, { heldS: 0.69 }).verdict, "fail");
});

test("one that comes late while no CPU is to spare is no result; while there is one it is the balancer's", (t) => {
  const second = (endS: number, busyCpus: number): Event => ({
    kind: "machine",
    t: T0 + endS * S,
    windowNs: S,
    busyCpus,
    foreignCpus: 0,
    stolenCpus: 0,
    cpus: 2,
  });
  const machine = [second(1, 0.5), second(2, 1.9), second(3, 0.5)];
  const busy = judged(1.2, { tookS: 0.9, machine });
  t.is(busy.verdict, "insufficient", busy.text);
  t.regex(busy.text, /because of the lab: .*, or programs waited for a CPU meanwhile\. Connection 7 of ipv4/);
  t.is(judged(1.2, { tookS: 0.9, machine: [second(1, 1.9), second(2, 1.2), second(3, 0.5)] }).verdict, "fail");
  t.is(judged(1.2, { tookS: 1.1, machine }).verdict, "fail", "its first SYN was lost");
});

test("where many are held up no failure is the balancer's; few excuse none", (t) => {
  const machine: Event[] = [
    { kind: "machine", t: T0 + 2 * S, windowNs: S, busyCpus: 1.9, foreignCpus: 0, stolenCpus: 0, cpus: 2 },
  ];
  const given = { tookS: 0.9, machine, reset: 3 };
  t.is(judged(1.2, { ...given, late: 4 }).verdict, "fail");
  const many = judged(1.2, { ...given, late: 5 });
  t.is(many.verdict, "insufficient", many.text);
  t.regex(
    many.text,
    /^5 connections were not established in time because of the lab: .*3 connections were lost outside/s,
  );
});
