// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Summary } from "../record/schema.ts";
import { brokenRequests } from "./cheetah.ts";
import { isUnexplained, judge, overSeeds } from "./figure.ts";
import { FIGURES } from "./figures.ts";
import { lossOfTable, slotOf } from "./fragments.ts";
import { trackedRun } from "./jet.ts";
import { lostOf } from "./lab.ts";
import { slideRatios } from "./slides.ts";

const figure = { unit: "%" };
const verdict = (paper: number, interval: readonly [number, number]) =>
  judge({ ...figure, paper }, { value: (interval[0] + interval[1]) / 2, interval });

test("a published figure passes inside of the interval, its last digit being rounded, and fails with the distance", (t) => {
  t.true(verdict(2.5, [2, 3]).passed);
  t.true(verdict(27.8, [27.78, 27.78]).passed);
  const failed = verdict(5.2, [2, 3]);
  t.false(failed.passed);
  t.regex(failed.sentence, /outside of 2 % to 3 %: by 2.2 %/);
});

test("the interval over seeds is that of a further seed", (t) => {
  const { value, interval } = overSeeds(5, (seed) => seed);
  t.is(value, 3);
  t.true(interval[0] < -1 && interval[1] > 7, interval.join());
});

test("what is made again in a moment comes out as published", (t) => {
  const quick = FIGURES.filter(({ name }) => ["rfc2992", "envoy-weights"].includes(name));
  t.is(quick.length, 17);
  for (const one of quick) {
    const { passed, sentence } = judge(one, one.simulate());
    t.true(passed, `${one.what}: ${sentence}`);
  }
});

test("a difference is explained where the value is the one that its sentence is about, and there alone", (t) => {
  const known = { ...figure, differs: { why: "It rained.", here: [0, 2] as const } };
  const at = (paper: number, value: number) => judge({ ...known, paper }, { value, interval: [value, value] });
  const explained = at(9, 1);
  t.regex(explained.sentence, /by 8 %\. It rained\.$/);
  t.deepEqual([explained.passed, explained.isExplained], [false, true]);
  const other = at(9, 3);
  t.notRegex(other.sentence, /rained/);
  t.notRegex(at(1, 1).sentence, /rained/);
  t.false(isUnexplained({ simulated: explained, real: { skipped: "no lab" } }));
  t.true(isUnexplained({ simulated: explained, real: other }));
});

test("nfqlb's table: numbers in turn collide as often as its own test says, and one that is too small loses what it should", (t) => {
  const slots = new Set(Array.from({ length: 1000 }, (_, i) => slotOf(i, 1000)));
  t.is(1000 - slots.size, 766, "conntrack-test.c");
  t.is(lossOfTable({ slots: 1999, spare: 1999, ttlS: 0.2, perS: 10_000, seconds: 2 }, 1), 0);
  const small = lossOfTable({ slots: 499, spare: 100, ttlS: 0.2, perS: 2500, seconds: 10 }, 1);
  t.true(small > 22.5 && small < 24.5, `${small}`);
});

test("JET breaks nothing where a table of the same size that tracks all connections does", (t) => {
  const setting = { servers: 60, horizon: 8, live: 1000, entries: 250, perMinute: 10, seconds: 400 };
  const { connections, brokenByJet, brokenByFull } = trackedRun(setting, 1);
  t.true(connections > 15_000 && connections < 25_000, `${connections}`);
  t.is(brokenByJet, 0);
  t.true(brokenByFull > 20, `${brokenByFull}`);
  t.is(trackedRun({ ...setting, entries: 3000 }, 1).brokenByFull, 0, "room for all");
});

test("Cheetah's requests: about as many as there, and a hash breaks far more than a ring", (t) => {
  const facts = { seed: 1, ports: true };
  const [hash, ring] = [
    brokenRequests({ strategy: "modulo", ...facts }, 1),
    brokenRequests({ strategy: "ring", replicas: 100, ...facts }, 1),
  ];
  t.true(Math.abs(hash.requests - 105_241) < 2000, `${hash.requests}`);
  t.true(ring.broken > 0 && hash.broken > 3 * ring.broken, `${hash.broken} ${ring.broken}`);
});

test("ratios are those of the same round, with the interval of their median; what lacks a round of its base is left out", (t) => {
  const row = (backend: string, metric: string, round: number, value: number) => ({
    backend,
    metric,
    round,
    value,
    at: null,
    disturbed: false,
  });
  const rounds = [0, 1, 2, 3, 4, 5];
  const measured = rounds.flatMap((round) => [
    row("iptables DNAT", "requests_core", round, 100 + round),
    row("nft DNAT", "requests_core", round, 2.37 * (100 + round)),
    row("nftlb DNAT", "requests_core", round, 100 + round),
    row("nft SNAT", "requests_core", round, 100),
    row("iptables DNAT", "connect_cpu", round, 90),
    row("nft DNAT", "connect_cpu", round, 45),
  ]);
  const all = slideRatios(measured);
  t.is(all.filter(({ real }) => real && "sentence" in real && /conntrack/.test(real.sentence)).length, 1);
  const found = all.map(({ what, paper, real }) =>
    real && "value" in real ? [what, Number(real.value.toFixed(2)), paper, real.passed] : [],
  );
  t.deepEqual(found, [
    ["nft DNAT : iptables DNAT, requests a second and core over kept connections", 2.37, 2.37, true],
    ["nftlb DNAT : iptables DNAT, requests a second and core over kept connections", 1, 2.37, false],
    ["nft DNAT : iptables DNAT, connections a core, each for one request", 2, null, null],
  ]);
});

test("of two routers the second one has about half of the connections: who lost all of them may have had fewer", (t) => {
  const event = { lost: 479, alive: 1000 } as Summary["events"][number];
  const { value, interval } = lostOf({ events: [event] }, 100, 0.5);
  t.is(value, 95.8);
  t.true(interval[0] < 90 && interval[1] === 100, interval.join());
  t.true(lostOf({ events: [event] }, 100).interval[1] < 52);
  t.is(lostOf({ events: [{ ...event, lost: 510 }] }, 100, 0.5).value, 100);
});

test("a lab may differ for a reason of its own: turns in step lose few, and chance three of four", (t) => {
  const inTurn = FIGURES.find(({ what }) => what.includes("IPVS rr"));
  const lab = inTurn?.lab;
  const differs = typeof lab === "string" ? undefined : lab?.differs;
  if (!inTurn || !differs) throw new Error("rr");
  const at = (value: number) => ({ value, interval: [value - 1, value + 1] as const });
  t.true(judge({ ...inTurn, differs }, at(11.6)).isExplained);
  t.false(judge({ ...inTurn, differs }, at(75)).isExplained);
  t.true(judge(inTurn, at(75)).isExplained);
});
