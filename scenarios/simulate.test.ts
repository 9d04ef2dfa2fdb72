// SPDX-License-Identifier: Apache-2.0
// Cases without a lab, with every backend.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { describeHost } from "../harness/host/describe.ts";
import { needsUse } from "../harness/oracle/oracle.ts";
import { findCases } from "../harness/plan/catalog.ts";
import { parseOptions } from "../harness/plan/invalid.ts";
import { runOptions } from "../harness/plan/options.ts";
import { readRecord } from "../harness/record/read.ts";
import { planCase } from "../harness/run/planned-case.ts";
import { netns } from "../harness/runtime/netns.ts";
import { compareFates } from "../harness/simulate/compare.ts";
import { countLives } from "../harness/simulate/count.ts";
import { Fates } from "../harness/simulate/fates.ts";
import { type Life, worldOf } from "../harness/simulate/lives.ts";
import { notSimulated } from "../harness/simulate/obstacles.ts";
import { rememberedLives } from "../harness/simulate/remembered.ts";
import { simulateOne, specOf } from "../harness/simulate/run.ts";
import { withStrategies } from "../harness/simulate/theoretical.ts";
import { outcomeOf, root } from "../harness/testing/machine.ts";
import { backends } from "../lb/index.ts";
import { scenarios } from "./index.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-simulate-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const planOf = (name: string, words: Record<string, unknown> = {}, set: readonly string[] = []) => {
  const [one] = findCases(withStrategies({ backends, scenarios, runtimes: [netns] }), [name]);
  if (!one) throw new Error(name);
  return planCase(one, parseOptions(runOptions, { connections: 600, targets: 4, ...words }), set);
};
const simulated = async (name: string, words: Record<string, unknown> = {}, set: readonly string[] = []) =>
  simulateOne(
    planOf(name, words, set),
    { out: scratch, commandLine: ["simulate", name], reporter: [] },
    await describeHost(),
  );

for (const [name, protocol] of [
  ["nfqueue_rolling", "tcp"],
  ["ecmp_flap", "udp"],
  ["ecmp_resilient_rolling", "tcp"],
  ["nftables_drain", "tcp"],
  ["ipvs_scale", "udp"],
  ["syn_only_weights", "udp"],
  ["xdp_add_unknown", "tcp"],
] as const)
  test.serial(
    `${name} over ${protocol}: a simulated record passes, and the same connections counted are as many`,
    async (t) => {
      const { data, dir } = await simulated(name, { protocol });
      const { summary } = data;
      t.is(summary.verdict, "pass", summary.reasons.join("\n"));
      t.is(summary.runtime, "simulated");
      const planned = planOf(name, { protocol });
      const spec = specOf(planned);
      if (!spec) throw new Error("spec");
      const again = await simulated(name, { protocol });
      t.deepEqual(compareFates(readRecord(dir), readRecord(again.dir)).differences, []);
      // Counted connections send all the time; of few some buckets are idle.
      if (needsUse(spec)) return;
      const counted = countLives(worldOf(planned, spec), planned.plan);
      t.is(counted.connections, 600);
      t.deepEqual(
        counted.events.map(({ alive, lost }) => [alive, lost]),
        summary.events.map(({ alive, lost }) => [alive, lost]),
      );
      for (const [i, { ideal }] of counted.events.entries())
        t.true(Math.abs(ideal - (summary.events[i]?.ideal ?? Number.NaN)) < 1e-6);
    },
  );

test.serial("a simulated open load passes with any strategy, and counted it is the same", async (t) => {
  const words = { arrivals: "150", lifetimes: "exp:1.5s", protocol: "udp" };
  for (const name of ["nfqueue_rolling", "ecmp_weights", "ecmp_resilient_flap", "syn_only_flap"]) {
    const { data } = await simulated(name, words);
    const { summary } = data;
    t.is(summary.verdict, "pass", summary.reasons.join("\n"));
    t.true(summary.connections.planned > 1000 && summary.connections.established === summary.connections.planned);
    t.is(summary.assigned.mispredicted, 0);
    for (const { mispredicted, alive } of summary.events) t.true(mispredicted === 0 && alive > 100 && alive < 350);
    const planned = planOf(name, words);
    const spec = specOf(planned);
    if (!spec || needsUse(spec)) continue;
    t.deepEqual(
      countLives(worldOf(planned, spec), planned.plan).events.map(({ alive, lost }) => [alive, lost]),
      summary.events.map(({ alive, lost }) => [alive, lost]),
    );
  }
});

test.serial("what was broken although its target stayed is counted, and so are entries that moved", async (t) => {
  const { summary } = (await simulated("nfqueue_rolling")).data;
  const { consistency, causes, events, connections } = summary;
  if (!consistency?.unfairness) throw new Error("consistency");
  const { violations, perChange, perMinute, unfairness } = consistency;
  t.true(violations > 50 && violations < connections.lost, "others had to go");
  t.is(causes?.moved_by_table, violations);
  t.is(perChange, violations / events.length);
  t.true(Math.abs(perMinute - 3 * violations) < 1, "20 s");
  for (const { entries } of events) t.true(entries?.of === 997 && entries.moved > 997 / 5 && entries.moved < 997 / 2);
  const { maxOverMean, variation } = unfairness;
  t.true(maxOverMean.mean > 1 && maxOverMean.max >= maxOverMean.p99 && variation.mean > 0);
});

test.serial(
  "a strategy that no backend has is simulated by its name, and JET breaks nothing over a train of changes",
  async (t) => {
    const broken = async (name: string, set: readonly string[] = []) => {
      const { summary } = (await simulated(name, {}, set)).data;
      t.is(summary.verdict, "pass", summary.reasons.join("\n"));
      return summary.consistency?.violations ?? Number.NaN;
    };
    t.is(await broken("jet_rolling", ["over=ring", "M=800"]), 0);
    t.true((await broken("ring_rolling", ["M=800"])) > 20);
    t.throws(() => planOf("maglev_rolling", {}, ["M=1000"]), { message: /M must be a prime for maglev: 1000 is not/ });
  },
);

test.serial("samples of a simulated run tell who lives, and where", async (t) => {
  const { data, dir } = await simulated("nfqueue_scale");
  const { samples } = data.series;
  const at = (s: number) => samples.findLast((sample) => sample.s <= s);
  t.deepEqual([at(4)?.alive, at(19)?.alive], [600, 600]);
  const kept = data.summary.connections.planned - (data.summary.events[0]?.lost ?? 0);
  const least = Math.min(...samples.filter(({ s }) => s > 4).map(({ alive }) => alive));
  t.true(least >= kept && least < 600, `${least}`);
  t.is(at(10)?.perTarget["vm-001"] ?? 0, 0, "it has left");
  const sent = readRecord(dir).events.flatMap((event) => (event.kind === "sample" ? [event] : []));
  t.true(sent.every(({ alive, perTarget }) => alive === Object.values(perTarget).reduce((sum, n) => sum + n, 0)));
});

test.serial("who remembers breaks none of them, and without a table none of its entries moves", async (t) => {
  const kept = (await simulated("syn_only_flap")).data.summary;
  t.is(kept.consistency?.violations, 0);
  const [first] = (await simulated("ecmp_flap")).data.summary.events;
  t.is(first?.entries, undefined);
});

test.serial(
  "message by message, with room for all, each connection lives as it does where nothing is forgotten",
  (t) => {
    for (const [name, words] of [
      ["xdp_scale", {}],
      ["xdp_rolling", { rate: 1200 }],
    ] as const) {
      const planned = planOf(name, words, ["connections=5000"]);
      const spec = specOf(planned);
      if (!spec) throw new Error("spec");
      const world = worldOf(planned, spec);
      const [course] = world.courses;
      if (!course) throw new Error("course");
      const fates = new Fates(spec, course, { protocol: "tcp", targets: 4 });
      const atUs = planned.plan.steps.map(({ atS }) => atS * 1e6);
      const { load } = planned;
      const lives = rememberedLives({
        spec,
        limits: { entries: 5000 },
        fates,
        course,
        drawers: world.drawers,
        load,
        atUs,
        seed: 1,
      });
      for (const drawer of world.drawers) {
        const all: Life[] = [];
        world.each(drawer, (life) => all.push({ ...life }));
        t.deepEqual(
          [...(lives.get(drawer) ?? [])].flatMap((own, id) => (own ?? []).map((one) => ({ id, ...one }))),
          all,
        );
      }
    }
  },
);

test.serial("a table that is too small forgets, and some of what it forgot is lost at its next message", async (t) => {
  const lostBy = async (entries: number) => {
    const { summary } = (await simulated("xdp_scale", { protocol: "tcp" }, [`connections=${entries}`])).data;
    t.is(summary.verdict, "pass", summary.reasons.join("\n"));
    const [left, back] = summary.events;
    t.is(left?.lost, left?.predicted ?? Number.NaN, "whose target leaves is lost, remembered or not");
    return [summary.forgotten?.lost ?? 0, back?.lost ?? 0, summary.connections.lost - (left?.lost ?? 0)] as const;
  };
  const [all, some, few] = [await lostBy(5000), await lostBy(500), await lostBy(100)];
  t.deepEqual(all, [0, 0, 0]);
  t.true(some[0] > 20 && few[0] >= some[0], `${some.join()} ${few.join()}`);
  t.deepEqual([some[1], few[1]], [0, 0], "the event itself takes none away");
  const stateless = (await simulated("xdp_scale")).data.summary.events[1]?.lost ?? 0;
  t.true(few[0] <= stateless * 1.2 && few[0] > stateless * 0.8, `${few[0]} ${stateless}`);
});

test.serial(
  "a CPU knows only what came to it: who comes to another one is chosen for anew, once all know it nobody is",
  async (t) => {
    const lostBy = async (...set: string[]) => {
      const { summary } = (
        await simulated("stateful_scale_out", { rate: 2400 }, ["over=maglev", "entries=5000", ...set])
      ).data;
      t.is(summary.verdict, "pass", summary.reasons.join("\n"));
      t.is(summary.events[0]?.lost, 0, "the event itself takes none away");
      return summary.forgotten?.lost ?? 0;
    };
    t.is(await lostBy(), 0);
    t.is(await lostBy("cpus=4", "moves=0"), 0);
    const [seldom, always] = [await lostBy("cpus=4", "moves=0.01"), await lostBy("cpus=4", "moves=1")];
    const stateless = (await simulated("maglev_scale_out")).data.summary.events[0]?.lost ?? 0;
    // Who changes its CPU all the time has been to all of them before the change.
    t.true(always < seldom && seldom > 20 && seldom <= stateless, `${seldom} ${always} ${stateless}`);
  },
);

test.serial(
  "who is silent for longer than a time-out is forgotten, exactly; a keepalive is a sign of life",
  async (t) => {
    const forgotten = async (name: string, words: Record<string, unknown> = {}, set: readonly string[] = []) => {
      const { summary } = (await simulated(name, words, set)).data;
      t.is(summary.verdict, "pass", `${name}: ${summary.reasons.join("\n")}`);
      return summary.forgotten?.lost ?? 0;
    };
    t.is(await forgotten("ipvs_idle"), 600, "4 s of silence, and a time-out of 2");
    t.is(await forgotten("ipvs_idle", { silence: 1.9 }), 0);
    t.is(await forgotten("ipvs_idle", { keepalive: 1 }), 0);
    t.is(await forgotten("haproxy_idle", { keepalive: 1 }), 600, "a proxy counts data only");
    const inTurn = await forgotten("nftables_idle", { protocol: "udp" });
    t.true(inTurn > 400 && inTurn < 500, `by chance one of four gets its target again: ${inTurn}`);
    // A table whose entries end between two messages is as none: who moved is lost at its next message.
    const [short, long] = [
      await forgotten("stateful_scale", { rate: 240 }, ["timeout=2.4"]),
      await forgotten("stateful_scale", { rate: 240 }, ["timeout=2.6"]),
    ];
    t.true(short > 5 && long === 0, `${short} ${long}`);
  },
);

test.serial(
  "with bounded loads no target gets more than its share times the factor, and nobody moves needlessly",
  async (t) => {
    const { summary } = (await simulated("bounded_scale", {}, ["M=40", "factor=1.1"])).data;
    t.is(summary.verdict, "pass", summary.reasons.join("\n"));
    const { targets } = planOf("bounded_scale").options;
    const first = Object.values(summary.spread.perTarget);
    t.true(Math.max(...first) <= Math.ceil((1.1 * 600) / targets), first.join());
    const plain = Object.values((await simulated("ring_scale", {}, ["M=40"])).data.summary.spread.perTarget);
    t.true(Math.max(...plain) > Math.ceil((1.1 * 600) / targets), plain.join());
    const [out, back] = summary.events;
    t.is(out?.lost, Math.round(out?.predicted ?? Number.NaN), "those of the targets that leave");
    t.is(back?.lost, 0);
    t.is(summary.consistency?.violations, 0);
    const open = (await simulated("bounded_rolling", { arrivals: 200, think: 0.2 }, ["M=40"])).data.summary;
    t.is(open.verdict, "pass", open.reasons.join("\n"));
    t.is(open.consistency?.violations, 0);
  },
);

test.serial("records of other seeds differ connection by connection", async (t) => {
  const dirs = await Promise.all([1, 2].map(async (seed) => (await simulated("nfqueue_scale", { seed })).dir));
  const [one, two] = dirs.map(readRecord) as [ReturnType<typeof readRecord>, ReturnType<typeof readRecord>];
  const { equal, differences } = compareFates(one, two);
  t.true(differences.length > equal, `${differences.length} of ${equal + differences.length}`);
});

test.serial("a record is compared with its simulation, one by one; chance is a skip", async (t) => {
  const { dir } = await simulated("nfqueue_rolling", { connections: 300 });
  const words = ["./load-balancer.ts", "replay", dir, "--simulate", "--out", scratch];
  const { status, stdout } = await outcomeOf(words, { cwd: root });
  t.is(status, 0);
  t.regex(stdout, /^\d+ connections: 0 fared otherwise than simulated\.$/m);
  const chance = await simulated("iptables_statistic_scale", { connections: 300 });
  const skipped = await outcomeOf(["./load-balancer.ts", "replay", chance.dir, "--simulate"], { cwd: root });
  t.deepEqual([skipped.status, /left to chance/.test(skipped.stdout)], [77, true]);
});

test("what only a lab can tell is not simulated, and why is said", (t) => {
  const why = (name: string, words: Record<string, unknown> = {}, set: readonly string[] = []) => {
    const planned = planOf(name, words, set);
    return notSimulated(planned, specOf(planned)).join(" ");
  };
  t.is(why("nfqueue_scale"), "");
  t.regex(why("keepalived_failure", { rate: 2000 }), /only a lab tells/);
  t.regex(why("nfqueue_scale_lb"), /'router_out'/);
  t.regex(why("nfqueue"), /no connections that last/);
  t.regex(why("nfqueue_scale", { loss: "1%" }), /bad path/);
  t.regex(why("xdp_scale", {}, ["connections=5000", "table=percpu"]), /Each CPU knows only/);
  t.regex(why("nfqueue_drain"), /cuts them, at once/);
  t.regex(why("nfqueue_scale", { scale: "1 2 3 4" }), /Without any target/);
});

test("a report that cannot be written makes the exit code 3, and is said in words", async (t) => {
  const words = "simulate nfqueue_scale --connections 100 --reporter html";
  const limited = `trap '' XFSZ; ulimit -f 500; exec ./load-balancer.ts ${words} --out "$0"`;
  const { status, stderr } = await outcomeOf(["sh", "-c", limited, path.join(scratch, "limited")], { cwd: root });
  t.is(status, 3);
  t.regex(stderr, /^Cannot write the html report: the file is larger than 'ulimit -f' or the file system allows$/m);
});
