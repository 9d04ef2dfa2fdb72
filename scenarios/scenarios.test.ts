// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "ava";
import { EVENTS } from "../harness/events/index.ts";
import { parseOptions } from "../harness/plan/invalid.ts";
import { parseJsonc } from "../harness/plan/jsonc.ts";
import { runOptions } from "../harness/plan/options.ts";
import { planRun } from "../harness/plan/plan-run.ts";
import { withContent, withFileDefaults, withScenario } from "../harness/plan/scenario-file.ts";
import { scenarioOptions } from "../harness/plan/scenario-options.ts";
import { scenarioSvg } from "../harness/plan/scenario-picture.ts";
import { contentOf, scenarioText } from "../harness/plan/scenario-text.ts";
import { root } from "../harness/testing/machine.ts";
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

test("connections that send rarely get the time to notice their loss", (t) => {
  // A message every 10 s, and 5 s of silence.
  const { plan: planned } = plan("scale_in", { connections: 60, rate: 6 });
  t.deepEqual([planned.steps[0]?.atS, planned.durationS], [4, 19]);
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

test("an emulated guest sends and opens no more than it carries, and has the time for it", (t) => {
  const pace = { connectionsPerS: 2000, own: true, messagesPerS: 4000 } as const;
  const options = parseOptions(runOptions, { connections: 10_000 });
  const planned = (name: string) => {
    const scenario = scenarios.find((one) => one.name === name);
    if (!scenario) throw new Error(name);
    return planRun(scenario, options, null, pace);
  };
  const { load, plan: scale } = planned("scale");
  t.deepEqual([load.rate, load.rampS], [4000, 10]);
  // Every connection sends each 2.5 s.
  t.deepEqual([...scale.steps.map(({ atS }) => atS), scale.durationS], [13, 23, 28]);
  // Twins send too, and come up after the others.
  const direct = planned("direct");
  t.deepEqual([direct.load.rate, direct.plan.directS, direct.plan.durationS], [2000, 21, 42]);
  t.deepEqual([plan("direct", {}).plan.directS, plan("direct", {}).plan.durationS], [3, 6]);
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

const train = (name: string, words: Record<string, unknown> = {}) =>
  plan(name, words).plan.steps.map(({ atS, event, members }) => [atS, event.kind, ...members]);

test("rolling takes each target out and back in turn, and flap the same ones again and again", (t) => {
  t.deepEqual(train("rolling", { targets: 2 }), [
    [4, "scale_in", 1],
    [6, "scale_out", 1],
    [8, "scale_in", 2],
    [10, "scale_out", 2],
  ]);
  t.is(train("rolling").length, 20);
  t.deepEqual(train("flap", { scale: "3", duration: 10 }), [
    [4, "scale_in", 3],
    [6, "scale_out", 3],
    [8, "scale_in", 3],
  ]);
});

test("a train follows its rate, for as long as it is to last", (t) => {
  const fast = { changesPerMinute: 80, rate: 20_000 };
  t.deepEqual(train("flap", { ...fast, scale: "1", duration: 5.5 }), [
    [4, "scale_in", 1],
    [4.75, "scale_out", 1],
  ]);
  t.deepEqual(train("rolling", { ...fast, targets: 2, duration: 11.5 }).at(-1), [10.75, "scale_out", 1]);
  t.is(plan("rolling", { targets: 200, ...fast }).plan.durationS, 304);
  t.is(train("rolling", { at: "2 4 6 8 10" }).length, 5);
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
  ["event times that do not rise", "scale", { at: "5 5" }, /as many rising times, not .5 5./],
  ["too few event times", "scale", { at: "5" }, /has 2 events: --at takes/],
  ["a train with times and a rate", "rolling", { at: "5 8", changesPerMinute: 10 }, /takes no --changes-per-minute/],
  ["a train that does not begin", "flap", { duration: 5 }, /first change is at 4 s, and the next 2 s later/],
  ["a rate where there is no train", "scale", { changesPerMinute: 10 }, /Try 'rolling'/],
  ["changes faster than messages", "rolling", { changesPerMinute: 80 }, /losses would be missed/],
  ["rolling over one target", "rolling", { targets: 1, scale: "1" }, /another one has to remain/],
  ["one router where one must leave", "scale_lb", { routers: 1 }, /Try --routers 2/],
  ["affinity with several routers", "affinity", { routers: 2 }, /Try --routers 1/],
  ["affinity with a duration", "affinity", { duration: 9 }, /takes no --duration/],
  ["messages rarer than the events", "scale", { rate: 100, at: "5 15" }, /losses would be missed/],
  ["a target that is back before its silence is known", "failure", { at: "4 9", rate: 2000 }, /losses would be missed/],
  [
    "a number that is none",
    "scale",
    { targets: "many" },
    /^Invalid value 'many' for --targets: expected a whole number \(targets\)\.$/,
  ],
  ["too many targets", "scale", { targets: 1001 }, /--targets/],
  ["events where there are none", "frag", { at: "5" }, /no events/],
  [
    "open load in a scenario with its own",
    "idle",
    { arrivals: "10" },
    /has a load of its own, and takes no --arrivals/,
  ],
  ["a rate of arrivals that is none", "scale", { arrivals: "0" }, /expected a number up to 1000000 \(connections per/],
  ["arrivals of no file", "scale", { arrivals: "no-file" }, /for --arrivals: expected a number/],
  ["a warm-up that is too long", "scale", { arrivals: "10", warmUp: 6 }, /over when the first event comes, at 5 s/],
  ["a pause and a rate", "scale", { arrivals: "10", think: 1, rate: 9 }, /both say how often connections send/],
  ["the same tuple of what comes once", "scale", { arrivals: "10", sameTuple: true }, /never opened again/],
  ["a pause longer than the gap of events", "rolling", { arrivals: "10", think: 3 }, /losses would be missed/],
  ["an unknown family", "scale", { family: 5 }, /--family/],
  ["an unknown option", "scale", { colour: "red" }, /no option --colour/],
  ["one connection for two families", "connect", { connections: 1 }, /2 or more/],
];
for (const [title, scenario, words, message] of bad)
  test(`${title} is wrong usage`, (t) => {
    t.throws(() => plan(scenario, words), { instanceOf: UsageError, message });
  });

test("each scenario, printed as a file and read again, is the same", (t) => {
  for (const scenario of scenarios) {
    const options = scenarioOptions(scenario, parseOptions(runOptions, {}));
    const text = scenarioText(contentOf(scenario, options));
    const catalog = { backends: [], scenarios, runtimes: [] };
    const { scenario: again } = withContent(catalog, parseJsonc(text, scenario.name), scenario.name);
    t.deepEqual(again.plan(options), scenario.plan(options), scenario.name);
    for (const key of ["name", "summary", "needs", "set", "protocol", "affinityS"] as const)
      t.deepEqual(again[key], scenario[key], `${scenario.name}: ${key}`);
    for (const key of ["unfit", "missing"] as const) t.is(key in again, key in scenario, `${scenario.name}: ${key}`);
    t.is(again.routers, options.routers);
  }
});

test("connections that come and go are as many as their plan has, and send as often as is said", (t) => {
  const open = (words: Record<string, unknown>) =>
    plan("rolling", { arrivals: "200", lifetimes: "fixed:2s", targets: 3, ...words }).load;
  const { connections, open: planned, rate, rampS } = open({});
  t.true(connections > 2900 && connections < 3300, `${connections}`);
  t.true((planned?.peak ?? 0) > 350 && (planned?.peak ?? 0) < 550, `${planned?.peak}`);
  t.deepEqual([planned?.warmUpS, planned?.intervalUs, open({ think: "100ms" }).open?.intervalUs], [2, 1e6, 1e5]);
  t.true(rate > 300 && rate < 450 && rampS > 0, `${rate}`);
  const [often = 0, seldom = 0] = [4000, 400].map((each) => open({ rate: each }).open?.intervalUs);
  t.true(Math.abs(seldom - 10 * often) <= 10, `${seldom} ${often}`);
});

test("with a number of requests each connection lives as long as they take", (t) => {
  const { load } = plan("rolling", { arrivals: 20, requests: 4, think: "500ms" });
  const [{ startUs, endUs } = { startUs: [], endUs: [] }] = load.open?.plans ?? [];
  t.true(startUs.length > 100);
  const lasting = [...startUs].map((us, i) => (endUs[i] ?? 0) - us).slice(0, -60);
  t.deepEqual(new Set(lasting), new Set([1_500_000]));
  t.is(load.open?.intervalUs, 500_000);
});

const none = { backends: [], scenarios: [], runtimes: [] };
const planOfFile = (file: string) => {
  const { scenario } = withScenario(none, path.join(import.meta.dirname, file));
  return planRun(scenario, withFileDefaults(parseOptions(runOptions, {}), scenario, new Map()));
};

test("xcluster's cases are ours, as files, with 100 connections and 4 targets", (t) => {
  const files = readdirSync(path.join(import.meta.dirname, "xcluster"));
  t.is(files.length, 5);
  for (const file of files.filter((one) => one !== "connect.json")) {
    const { plan: planned, load } = planOfFile(`xcluster/${file}`);
    const own = plan(path.basename(file, ".json"), { targets: 4 }).plan;
    t.deepEqual([planned.steps, planned.out, planned.durationS], [own.steps, own.out, own.durationS], file);
    t.deepEqual([load.connections, load.rate], [100, 100]);
  }
  t.is(planOfFile("xcluster/connect.json").plan.mode, "connect");
});

test("Cheetah's train has as many targets at each second as the published one", (t) => {
  const { plan: planned, load } = planOfFile("papers/cheetah.json");
  let count = 30 - planned.out.length;
  const counts = planned.steps.map(({ atS, event, members }) => {
    count += event.effect === "join" ? members.length : -members.length;
    return [atS, count];
  });
  const published = "20 25,21 27,22 29,28 30,31 28,35 27,36 26,37 24,38 22";
  t.is(counts.map((pair) => pair.join(" ")).join(), published);
  t.true(Math.abs(load.connections - 105_000) < 1000, `${load.connections}`);
});

test("the pictures of the documents are the program's, one for each scenario", (t) => {
  for (const scenario of scenarios) {
    const { name } = scenario;
    const drawn = readFileSync(path.join(root, `docs/scenarios/${name}.svg`), "utf8");
    const own = scenario.plan(scenarioOptions(scenario, parseOptions(runOptions, {})));
    t.is(drawn, scenarioSvg(name, own), `./load-balancer.ts scenario show ${name} --svg`);
  }
});

test("a picture has each event at its time; of a long train the first ones, and how many more", (t) => {
  const picture = scenarioSvg("failure", plan("failure", { scale: "3", health: "icmp" }).plan);
  t.regex(picture, />4 s: target 3 dies</);
  t.regex(picture, />12 s: target 3 is back</);
  t.regex(scenarioSvg("rolling", plan("rolling", {}).plan), />and 12 more</);
});

test("targets die and return as often as --at has times for it", (t) => {
  const { plan: planned } = plan("failure", { at: "2 8 14 20", health: "icmp" });
  t.deepEqual(
    planned.steps.map(({ event, atS }) => [event.kind, atS]),
    [
      ["failure", 2],
      ["failure_end", 8],
      ["failure", 14],
      ["failure_end", 20],
    ],
  );
  t.throws(() => plan("failure", { at: "2 8 14", health: "icmp" }), { message: /2 events: --at takes as many/ });
});

test("flood takes the times of others, who send at a rate, and listeners without SYN cookies", (t) => {
  const { plan: planned, load } = plan("flood", { at: "2 3", flood: 500, synBacklog: 64 });
  t.deepEqual(planned.flood, { fromS: 2, untilS: 3 });
  t.is(planned.durationS, 7);
  t.deepEqual(load.flood, { fromS: 2, untilS: 3, perS: 500, synBacklog: 64 });
  t.is(plan("flood", {}).load.flood?.perS, 10_000);
});
