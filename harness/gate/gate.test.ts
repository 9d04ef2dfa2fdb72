// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { analyse } from "../analysis/analyse.ts";
import { binomialUpperP, exact95, fisherUpperP, normalQuantile } from "../analysis/statistics.ts";
import { UsageError } from "../util/errors.ts";
import { makeBaseline } from "./baseline.ts";
import { judgeBench } from "./bench.ts";
import type { Finding } from "./finding.ts";
import { judgeGate } from "./gate.ts";
import { type Group, groupRuns } from "./groups.ts";
import { planLoss, planRepeats, powerOf } from "./plan.ts";
import { rate } from "./power.ts";
import { fewestRepeats, ratioOf } from "./ratio.ts";
import { type Fault, type Simulation, simulate } from "./simulate.ts";
import { parseThresholds, thresholds } from "./thresholds.ts";

const limits = thresholds.parse({});
const near = (a: number, b: number, error = 1e-9) => Math.abs(a - b) <= error * Math.abs(b);

function groups(fault: Fault, { seed = 1, repeats = 1, oracle = "exact" as Simulation["oracle"] } = {}): Group[] {
  return groupRuns(
    Array.from({ length: repeats }, (_, i) => {
      const { run, record } = simulate({ seed: seed + i, connections: 1000, oracle, fault });
      return { run, ...analyse(run, record) };
    }),
  );
}
const judge = (runs: Group[], given: object = {}) => judgeGate(runs, thresholds.parse(given), null, null);
const states = (findings: Finding[], check: string) => findings.filter((f) => f.check === check).map((f) => f.state);

test("a simulated run is never a pass: no balancer took part in it", (t) => {
  const [group] = groups({ kind: "none" });
  const simulated = { ...(group as Group), environment: { ...(group as Group).environment, runtime: "simulated" } };
  const findings = judge([simulated]);
  t.true(findings.length > 0 && findings.every(({ state }) => state === "no_data"), JSON.stringify(findings));
  t.regex(findings[0]?.text ?? "", /^Simulated: no balancer took part/);
});

test("a root cause that is limited fails by name; one that is not known to the summary has no data", (t) => {
  const runs = groups({ kind: "resets", share: 0.01 });
  const found = (given: object) => judge(runs, { causes: given }).filter(({ check }) => check.startsWith("cause_"));
  t.deepEqual(found({}), []);
  const [failed, held] = found({ unknown: 0, state_evicted: 0 });
  t.is(failed?.state, "failed");
  t.regex(failed?.text ?? "", /^seed 1: \d+ connections were lost by unknown, limit 0\.$/);
  t.is(held?.state, "held");
  for (const { summaries } of runs) for (const summary of summaries) delete summary.causes;
  t.is(found({ unknown: 0 })[0]?.state, "no_data");
  t.throws(() => thresholds.parse({ causes: { gremlins: 0 } }));
});

test("the exact binomial tail is the sum of its terms", (t) => {
  // 1 - 0.99^100; 0.5^10; P(X >= 3 | 10, 0.2) from a table.
  t.true(near(binomialUpperP(1, 100, 0.01), 1 - 0.99 ** 100));
  t.true(near(binomialUpperP(10, 10, 0.5), 0.5 ** 10));
  t.true(near(binomialUpperP(3, 10, 0.2), 0.3222004736, 1e-8));
  t.is(binomialUpperP(1, 100, 0), 0);
  t.is(binomialUpperP(0, 100, 0), 1);
  t.true(binomialUpperP(2_300, 10_000, 0.2) < 1e-12);
});

test("Clopper and Pearson's interval of nothing in n is bounded by 3.69/n, and holds its share", (t) => {
  t.true(near(exact95(0, 1000)[1], 1 - 0.025 ** (1 / 1000)));
  const [low, high] = exact95(200, 1000);
  t.true(near(low, 0.17562, 1e-4) && near(high, 0.22618, 1e-4), `${low} ${high}`);
});

test("Fisher's exact test gives the tea-tasting's 17/70", (t) => {
  t.true(near(fisherUpperP(3, 4, 1, 4), 17 / 70));
  t.true(near(fisherUpperP(4, 4, 0, 4), 1 / 70));
  t.true(fisherUpperP(2200, 10_000, 2000, 10_000) < 0.001);
});

test("the normal quantile is the table's", (t) => {
  t.true(near(normalQuantile(0.975), 1.959963985, 1e-8));
  t.true(near(normalQuantile(0.001), -3.090232306, 1e-8));
});

test("a ratio's limit needs as many repeats as the exact test does: 7 and 7 at 0.001", (t) => {
  const six = [1, 2, 3, 4, 5, 6];
  t.is(fewestRepeats(0.001), 7);
  t.is(ratioOf(six, six, 0.001).low, null);
  const seven = [10, 11, 12, 13, 14, 15, 16];
  t.is(ratioOf(seven, seven, 0.001).ratio, 1);
  t.is(ratioOf(seven, seven, 0.001).low, 10 / 15, "the second smallest: 2 of 3,432 orders");
  t.true(
    (ratioOf(
      seven.map((v) => 3 * v),
      seven,
      0.001,
    ).low ?? 0) > 1.8,
  );
});

test("a plan's number of connections finds the effect, and the next test below does not", (t) => {
  const plan = planLoss({ effectPercent: 1, basePercent: 20, alpha: 0.001, power: 0.99, connections: 10_000 });
  t.is(plan.repeats, 5);
  t.true(plan.power >= 0.99);
  t.true(powerOf(Math.floor(plan.connections * 0.95), 0.2, 0.21, 0.001).power < 0.99);
  t.is(planLoss({ effectPercent: 1, basePercent: 0, alpha: 0.001, power: 0.99, connections: 100 }).connections, 459);
  t.true(planRepeats(10, 5, 0.001, 0.99) >= 7);
  t.throws(() => planLoss({ effectPercent: 90, basePercent: 20, alpha: 0.001, power: 0.99, connections: 1 }), {
    instanceOf: UsageError,
  });
});

test("a faultless run holds every check", (t) => {
  const findings = judge(groups({ kind: "none" }));
  t.deepEqual(new Set(findings.map((f) => f.state)), new Set(["held"]), JSON.stringify(findings));
});

const faults: [fault: Fault, check: string, sentence: RegExp][] = [
  [{ kind: "excess_loss", share: 0.01 }, "loss_excess", /Event 1 \(scale_in\)/],
  [{ kind: "resets", share: 0.01 }, "lost_outside_events", /lost outside the events/],
  [{ kind: "sprayer" }, "verdict", /another target than the oracle predicted/],
  [{ kind: "modulo" }, "verdict", /another target than the oracle predicted/],
  [{ kind: "ignores_target" }, "spread", /chi-square/],
  [{ kind: "leak", share: 0.03 }, "verdict", /an inactive target/],
  [{ kind: "blank", share: 0.001 }, "verdict", /dropped with no target available/],
];
for (const [fault, check, sentence] of faults)
  test(`a balancer with '${fault.kind}' fails the gate by its ${check}`, (t) => {
    const found = judge(groups(fault)).filter((f) => f.check === check && f.state === "failed");
    t.true(
      found.some((f) => sentence.test(f.text)),
      JSON.stringify(found),
    );
  });

test("a tolerated excess is judged by the exact binomial test", (t) => {
  const given = { ownVerdict: false, lossExcessPercent: 3 };
  t.deepEqual(states(judge(groups({ kind: "excess_loss", share: 0.01 }), given), "loss_excess"), ["held"]);
  t.deepEqual(states(judge(groups({ kind: "excess_loss", share: 0.1 }), given), "loss_excess"), ["failed"]);
});

test("1 % injected loss is found in 99 of 100 simulated runs, A against A alarms in none of 100", (t) => {
  const resets = { connections: 1000, oracle: "none", fault: { kind: "resets", share: 0.01 } } as const;
  t.true(rate(100, resets) >= 99);
  const faultless = { connections: 1000, oracle: "shares", fault: { kind: "none" } } as const;
  t.is(rate(100, faultless, faultless), 0);
});

test("what has no data is never held", (t) => {
  t.deepEqual(
    judge([]).map((f) => f.state),
    ["no_data"],
  );
  const [group] = groups({ kind: "none" });
  const skipped = groups({ kind: "none" }).map((g) => ({
    ...g,
    summaries: g.summaries.map((s) => ({ ...s, verdict: "skip" as const })),
  }));
  t.deepEqual(
    judge(skipped).map((f) => f.state),
    ["info", "no_data"],
  );
  const [summary] = group?.summaries ?? [];
  if (!group || !summary) return t.fail();
  const with_ = (over: object) =>
    judge([{ ...group, summaries: [{ ...summary, ...over }] }], { recoverMs: 2000, latencyP99Ms: 5 });
  t.true(states(with_({ packets: { ...summary.packets, sent: 0 } }), "unaccounted").includes("no_data"));
  t.true(states(with_({}), "latency_p99").includes("no_data"));
  t.true(
    states(with_({ events: summary.events.map((e) => ({ ...e, recoveredMs: null })) }), "recover").includes("failed"),
  );
  t.true(states(with_({ events: summary.events.map((e) => ({ ...e, alive: 0 })) }), "loss_excess").includes("no_data"));
  t.deepEqual(states(judge(groups({ kind: "none" }), { ratioToPlain: { udp_pps: 0.9 } }), "ratio_udp_pps"), [
    "no_data",
  ]);
});

test("a baseline knows a greater loss, and refuses other parameters and environments", (t) => {
  const before = groups({ kind: "none" }, { oracle: "none", repeats: 2 });
  const baseline = makeBaseline(before);
  const gate = (runs: Group[], given = {}) => judgeGate(runs, thresholds.parse(given), baseline, null);
  t.deepEqual(states(gate(groups({ kind: "none" }, { oracle: "none", seed: 9 })), "loss_baseline"), ["held"]);
  const worse = groups({ kind: "excess_loss", share: 0.2 }, { oracle: "none" }).map((g) => ({
    ...g,
    summaries: g.summaries.map((s) => ({ ...s, verdict: "pass" as const })),
  }));
  t.deepEqual(states(gate(worse), "loss_baseline"), ["failed"]);
  const [group] = before;
  if (!group) return t.fail();
  t.throws(() => gate([{ ...group, parameters: { ...group.parameters, targets: 11 } }]), {
    message: /different parameters: targets was 10 and is 11/,
  });
  t.throws(() => gate([{ ...group, environment: { ...group.environment, kernel: "9.9" } }]), {
    message: /kernel was "[^"]+" and is "9.9"/,
  });
  t.true(states(gate([{ ...group, case: "other" }]), "baseline").every((s) => s === "no_data"));
  t.deepEqual(states(gate(before, { recoverRatio: 1.2 }), "recover_ratio"), ["no_data"], "two repeats do not do");
  t.throws(() => makeBaseline([]), { instanceOf: UsageError });
});

test("ratios to plain forwarding are judged by their interval, in the direction of the metric", (t) => {
  const row = {
    backend: "a",
    metric: "connections",
    higherIsBetter: true,
    ratioToPlain: 0.8,
    ratioInterval95: [0.75, 0.85] as [number, number],
    repeats: 9,
  };
  const state = (over: object, limit: number) =>
    judgeBench({ connections: limit }, [{ ...row, ...over }]).map((f) => f.state);
  t.deepEqual(state({}, 0.8), ["held"]);
  t.deepEqual(state({}, 0.84), ["held"], "its interval reaches the limit");
  t.deepEqual(state({}, 0.9), ["failed"]);
  t.deepEqual(state({ higherIsBetter: false }, 0.7), ["failed"]);
  t.deepEqual(state({ higherIsBetter: false }, 0.9), ["held"]);
  t.deepEqual(state({ ratioInterval95: null }, 0.1), ["no_data"]);
  t.deepEqual(state({ ratioToPlain: null }, 0.1), ["no_data"], "plain itself has no ratio");
  t.deepEqual(
    judgeBench({}, [row]).map((f) => f.state),
    ["info"],
  );
});

test("one of many tests of chance may not alarm more often than one alone", (t) => {
  const one = groups({ kind: "none" }, { oracle: "shares", repeats: 20 });
  const limit = judge(one)
    .find((f) => f.check === "spread")
    ?.text.match(/limit ([\d.e-]+)/)?.[1];
  t.is(Number(limit), Number((limits.falseAlarm / 21).toPrecision(2)));
});

test("a threshold that does not exist is wrong usage, and the sentence lists those that do", (t) => {
  const error = t.throws(() => parseThresholds('{"lossExces": 1}', "gate.json"), { instanceOf: UsageError });
  t.regex(error.message, /'gate.json': there is no threshold 'lossExces'.*lossExcessPercent/);
  t.throws(() => parseThresholds('{"causes": {"state_evictd": 0}}', "gate.json"), {
    message: /^'gate\.json': there is no cause 'state_evictd'\. There are: balancer_down, .*state_evicted/,
  });
  t.throws(() => parseThresholds('{"recoverMs": "soon"}', "gate.json"), { message: /recoverMs/ });
  t.throws(() => parseThresholds("{", "gate.json"), { message: /^'gate\.json:1': it is not JSON/ });
});

test("what came back otherwise, twice, out of order or late fails the gate, unless it is allowed", (t) => {
  const [group] = groups({ kind: "none" });
  const [summary] = group?.summaries ?? [];
  if (!group || !summary) return t.fail();
  const fine = { answers: 1000, corrupt: 0, duplicates: 0, reordered: 0, late: 0 };
  const sum = { checked: 1000, corrupt: 0, duplicates: 0, reordered: 0, late: 0, where: [] };
  const failed = (judged: object, given: object = {}) =>
    judge([{ ...group, summaries: [{ ...summary, integrity: { ...sum, judged: { ...fine, ...judged } } }] }], given)
      .filter(({ state }) => state === "failed")
      .map(({ check }) => check);
  t.deepEqual(failed({}), []);
  t.deepEqual(failed({ corrupt: 1, duplicates: 1, reordered: 1, late: 5 }), [
    "corrupt",
    "duplicates",
    "reordered",
    "late",
  ]);
  const allowed = { corrupt: 1, duplicates: 1, reordered: 1, latePercent: 1 };
  t.deepEqual(failed({ corrupt: 1, duplicates: 1, reordered: 1, late: 5 }, { integrity: allowed }), []);
});

test("packets are judged by what a healthy lab shows, or by the share that is allowed", (t) => {
  const [group] = groups({ kind: "none" });
  const [summary] = group?.summaries ?? [];
  if (!group || !summary) return t.fail();
  const state = (over: object, given: object = {}) =>
    states(
      judge(
        [{ ...group, summaries: [{ ...summary, packets: { ...summary.packets, sent: 100_000, noise: 6, ...over } }] }],
        given,
      ),
      "unaccounted",
    );
  t.deepEqual(state({ unaccounted: 6 }), ["held"]);
  t.deepEqual(state({ unaccounted: 7 }), ["failed"]);
  t.deepEqual(state({ unaccounted: 0, duplicated: 7 }), ["failed"]);
  t.deepEqual(state({ unaccounted: 99 }, { unaccountedPercent: 0.1 }), ["held"]);
  t.deepEqual(state({ unaccounted: 101 }, { unaccountedPercent: 0.1 }), ["failed"]);
});
