// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { EVENTS } from "../harness/events/index.ts";
import { parseOptions } from "../harness/plan/invalid.ts";
import { runOptions } from "../harness/plan/options.ts";
import { planRun } from "../harness/plan/plan-run.ts";
import { UsageError } from "../harness/util/errors.ts";
import { scenarios } from "./index.ts";

const plan = (name: string, words: Record<string, unknown>) => {
  const scenario = scenarios.find((s) => s.name === name);
  if (!scenario) throw new Error(name);
  return planRun(scenario, parseOptions(runOptions, words));
};

test("the defaults are those of the lab: 10 targets, 1 router, 10,000 connections, 20 s, events at 5 and 15 s", (t) => {
  const { plan: planned, load, routers } = plan("scale", {});
  t.is(routers, 1);
  t.is(load.connections, 10_000);
  t.is(planned.durationS, 20);
  t.deepEqual(planned.steps, [
    { atS: 5, event: EVENTS.scale_in, members: [1, 2] },
    { atS: 15, event: EVENTS.scale_out, members: [1, 2] },
  ]);
});

test("a hundred thousand connections get the time they need, unless the user says when", (t) => {
  const { plan: planned, load } = plan("scale", { connections: 100_000 });
  t.is(load.rate, 20_000);
  t.is(load.rampS, 20);
  const [first, second] = planned.steps;
  t.deepEqual([first?.atS, second?.atS, planned.durationS], [23, 33, 41]);
  t.is(plan("scale", { connections: 100_000, at: "10 20", duration: 30 }).plan.durationS, 30);
});

test("a million connections get the time they need, by the machine's speed where it is slower than usual", (t) => {
  const [scale] = scenarios.filter(({ name }) => name === "scale");
  if (!scale) throw new Error("scale");
  const options = parseOptions(runOptions, { connections: 1_000_000 });
  const timesAt = (connectionsPerS: number) => {
    const { plan: planned, load } = planRun(scale, options, null, { connectionsPerS, own: true });
    t.deepEqual([load.many, load.connectTimeoutS], [true, 5]);
    return [load.rampS, load.rate, ...planned.steps.map(({ atS }) => atS), planned.durationS].map(Math.round);
  };
  // A message of each connection, and the silence that is a loss, lie between any two events.
  t.deepEqual(timesAt(40_000), [182, 5400, 193, 389, 585]);
  t.deepEqual(timesAt(20_000), [250, 4050, 263, 520, 777]);
});

test("a machine's own speed changes nothing for fewer connections, and a slow guest's does", (t) => {
  const [scale] = scenarios.filter(({ name }) => name === "scale");
  if (!scale) throw new Error("scale");
  const options = parseOptions(runOptions, {});
  t.deepEqual(planRun(scale, options, null, { connectionsPerS: 500, own: true }), planRun(scale, options));
  t.is(planRun(scale, options, null, { connectionsPerS: 500 }).load.rate, 100);
});

test("a server is as many processes as the fewest targets need to hold all TCP connections", (t) => {
  const processes = (name: string, words: Record<string, unknown>) => plan(name, words).load.serverProcesses;
  t.is(processes("scale", {}), 1);
  t.is(processes("scale", { connections: 38_900 }), 1);
  t.is(processes("scale", { connections: 39_000 }), 2);
  t.is(processes("scale_out", { connections: 1_000_000, targets: 4, scale: "1 2 3" }), 137);
  t.is(processes("scale_lb", { connections: 1_000_000, targets: 10 }), 21);
  t.is(processes("scale", { connections: 1_000_000, protocol: "udp" }), undefined);
  t.is(processes("connect", { connections: 1_000_000 }), undefined);
});

test("targets that leave the list, one router's list, or life need as many processes of the one that remains", (t) => {
  for (const name of ["scale", "drift", "failure"])
    t.is(plan(name, { connections: 200_000, targets: 4, scale: "1 2 3" }).load.serverProcesses, 42, name);
});

test("scale_out begins without the targets that come", (t) => {
  t.deepEqual(plan("scale_out", { scale: "3 4" }).plan.out, [3, 4]);
});

test("scale_lb has two routers, and the last one leaves", (t) => {
  const { plan: planned, routers } = plan("scale_lb", {});
  t.is(routers, 2);
  t.deepEqual(planned.steps[0], { atS: 5, event: EVENTS.router_out, members: [2] });
});

test("affinity comes three times in time and once too late, and renews in between", (t) => {
  const scenario = scenarios.find(({ name }) => name === "affinity");
  const visits = (affinityS: number | null, words = {}) =>
    scenario && planRun(scenario, parseOptions(runOptions, words), affinityS).plan.visitsS;
  t.deepEqual(visits(2), [0, 1, 2.5, 5]);
  t.deepEqual(visits(null), [0, 1.5, 3.75, 7.5]);
  t.deepEqual(visits(60, { at: "1 2" }), [0, 1, 2]);
  t.is(plan("affinity", {}).load.connections, 124);
  t.is(plan("affinity", { family: 4, connections: 20 }).load.connections, 20);
  t.throws(() => visits(86_400), { message: /takes too long to expire/ });
});

test("frag sends large datagrams over UDP, and pmtu large messages behind a narrow way, unless the user says otherwise", (t) => {
  const { load, plan: planned } = plan("frag", {});
  t.deepEqual(
    [load.mode, load.protocol, load.size, load.rate, planned.durationS],
    ["fragments", "udp", 30_000, 2000, 10],
  );
  t.deepEqual([plan("frag", { size: 4000 }).load.size, plan("frag", { rate: 10 }).load.rate], [4000, 10]);
  t.is(plan("pmtu", {}).load.size, 8000);
  t.is(plan("pmtu", {}).plan.squeezeMtu, 1300);
  t.is(plan("scale", {}).load.size, 1024);
});

test("all targets may leave, and return when the silence of every connection is known", (t) => {
  const { plan: planned } = plan("scale", { targets: 2, connections: 40_000 });
  t.deepEqual(planned.steps[0]?.members, [1, 2]);
  // 4 s between two messages, and 5 s of silence.
  const [gone = 0, back = 0] = planned.steps.map(({ atS }) => atS);
  t.true(back - gone >= 9);
  t.throws(() => plan("scale", { targets: 2, at: "2 6" }), { message: /losses would be missed/ });
});

const bad: [title: string, scenario: string, words: Record<string, unknown>, message: RegExp][] = [
  ["a target that does not exist", "scale", { scale: "1 11" }, /no target 11: --scale takes numbers from 1 to 10/],
  ["no target to begin with", "scale_out", { targets: 2 }, /begins with none/],
  ["a target named twice", "scale", { scale: "1 1" }, /twice/],
  ["no target named", "scale", { scale: " " }, /names no target/],
  ["a run shorter than its events", "scale", { duration: 10 }, /last event is at 15 s/],
  ["event times that do not rise", "scale", { at: "5 5" }, /must be positive and rise/],
  ["too few event times", "scale", { at: "5" }, /2 event\(s\)/],
  ["one router where one must leave", "scale_lb", { routers: 1 }, /Try --routers 2/],
  ["affinity with several routers", "affinity", { routers: 2 }, /Try --routers 1/],
  ["affinity with a duration", "affinity", { duration: 9 }, /takes no --duration/],
  ["messages rarer than the events", "scale", { rate: 100 }, /losses would be missed/],
  ["a target that is back before its silence is known", "failure", { at: "4 9", rate: 2000 }, /losses would be missed/],
  [
    "a number that is none",
    "scale",
    { targets: "many" },
    /^Invalid value 'many' for --targets: expected a whole number \(targets\)\.$/,
  ],
  ["too many targets", "scale", { targets: 1001 }, /--targets/],
  ["events where there are none", "frag", { at: "5" }, /no events/],
  ["an unknown family", "scale", { family: 5 }, /--family/],
  ["an unknown option", "scale", { colour: "red" }, /no option --colour/],
  ["one connection for two families", "connect", { connections: 1 }, /2 or more/],
];
for (const [title, scenario, words, message] of bad)
  test(`${title} is wrong usage`, (t) => {
    t.throws(() => plan(scenario, words), { instanceOf: UsageError, message });
  });
