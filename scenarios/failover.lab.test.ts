// SPDX-License-Identifier: Apache-2.0
// Routers that die with daemons beside them; and daemons that break, in the middle of a run.
import test, { type ExecutionContext } from "ava";
import type { Scenario } from "../harness/api/scenario.ts";
import { findNamed } from "../harness/plan/catalog.ts";
import type { Summary } from "../harness/record/schema.ts";
import { runsAll, someOf } from "../harness/testing/alike.ts";
import { faultyRun, find, SIG, type World } from "../harness/testing/faulty-run.ts";
import { untilSufficient } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { EXIT, exitCodeOf } from "../harness/util/exit-codes.ts";
import { backends } from "../lb/index.ts";
import { deaf } from "./deaf.ts";
import { routerCrash } from "./router-death.ts";
import { failure } from "./scale.ts";

interface Run {
  backend: string;
  scenario?: Scenario;
  options: Record<string, unknown>;
  set?: readonly string[];
  fault?: (world: World) => Promise<void>;
}

/** Few connections; what is lacking here is a skip. */
async function happened(
  t: ExecutionContext,
  { backend, scenario = routerCrash, options, set = [], fault = async () => {} }: Run,
): Promise<Summary | null> {
  const result = await untilSufficient(t, async () => {
    const run = await faultyRun(t, {
      backend: findNamed("backend", backends, backend),
      scenario,
      options: { at: "1.5", duration: 5, stall: 2.5, ...options },
      set,
      fault,
    });
    const summary = run?.data.summary ?? null;
    // It says so itself, and is as little a result as one whose generator fell behind.
    const isBusy = summary?.verdict === "error" && summary.reasons[0]?.includes("too busy");
    return { status: summary && (isBusy ? EXIT.insufficient : exitCodeOf([summary.verdict])), summary };
  });
  const { summary } = result;
  return !summary || (summary.verdict === "skip" && isSkipped(t, summary.reasons)) ? null : summary;
}

const SYNC = { backend: "iptables_statistic", options: { sync: "conntrackd" } } as const;

for (const sync of someOf(["conntrackd", "conntrackd-notrack"], [0]))
  test.serial(`with ${sync} between the routers no connection is lost, and VRRP finds out by its timers`, async (t) => {
    const summary = await happened(t, { ...SYNC, options: { sync } });
    if (!summary) return;
    t.is(summary.verdict, "pass", summary.reasons.join("\n"));
    t.like(summary.events[0], { alive: 400, lost: 0, mispredicted: 0, failover: { by: "vrrp" } });
  });

for (const health of someOf(["icmp", "tcp", "udp"], [2]))
  test.serial(
    `a balancer without health checks is told who is dead by ${health}, and loses what was predicted`,
    async (t) => {
      const options = { health, at: "1 3.5", duration: 6, stall: 1.3, scale: "1 2", detectRises: 1 };
      const summary = await happened(t, { backend: "ecmp", scenario: failure, options });
      if (!summary) return;
      t.is(summary.verdict, "pass", summary.reasons.join("\n"));
      const [died, returned] = summary.events;
      t.like(died, { alive: 400, mispredicted: 0, failover: { by: health, expectedMs: [425, 525] } });
      t.true((died?.lost ?? 0) > 150 && (returned?.lost ?? 0) > 50, `${died?.lost} ${returned?.lost}`);
    },
  );

for (const [health, backend] of someOf(
  [
    ["tcp", "iptables_statistic"],
    ["icmp", "nfqueue"],
    ["udp", "ecmp"],
  ] as const,
  [0],
))
  test.serial(
    `who is deaf to traffic is not found out by ${health}, and loses what it has, and nobody else does`,
    async (t) => {
      const options = { health, at: "1 3.5", duration: 6, stall: 1.3, scale: "1" };
      const summary = await happened(t, { backend, scenario: deaf, options });
      if (!summary) return;
      t.is(summary.verdict, "pass", summary.reasons.join("\n"));
      const [begins, ends] = summary.events;
      t.like(begins, { alive: 400, mispredicted: 0 });
      t.like(ends, { lost: 0, mispredicted: 0 });
      t.deepEqual(begins?.causes, { target_dead: begins?.lost });
      t.true((begins?.lost ?? 0) > 60 && (begins?.lost ?? 0) < 140, `${begins?.lost}`);
    },
  );

test.serial("HAProxy's own checks find a death by their timers, and only the dead lose connections", async (t) => {
  const options = { at: "1 3.5", duration: 6, stall: 1.3, scale: "1" };
  const set = ["check=traffic", "inter=100"];
  const summary = await happened(t, { backend: "haproxy", scenario: failure, options, set });
  if (!summary) return;
  t.is(summary.verdict, "pass", summary.reasons.join("\n"));
  const [died, returned] = summary.events;
  t.like(died, { alive: 400, mispredicted: 0, failover: { by: "tcp", expectedMs: [500, 600] } });
  t.true((died?.lost ?? 0) > 60 && (died?.lost ?? 0) < 140, `${died?.lost}`);
  t.like(returned, { lost: 0, mispredicted: 0 });
});

test.serial("a daemon that ends by itself is named, and the run is an error", async (t) => {
  const fault = async (world: World) => find(world, "announce-bird", "vm-003").signal(SIG.kill);
  const summary = await happened(t, { backend: "ecmp", options: { announce: "bgp-bird" }, fault });
  if (!summary) return;
  t.is(exitCodeOf([summary.verdict]), 3);
  t.regex(summary.reasons[0] ?? "", /^BIRD on vm-003 ended by itself \(signal 9\)/);
});

if (runsAll) {
  test.serial(
    "with two shared addresses both routers are in use, and who is left takes the other one over",
    async (t) => {
      const summary = await happened(t, { backend: "iptables_statistic", options: { announce: "vrrp-both" } });
      if (!summary) return;
      t.is(summary.verdict, "pass", summary.reasons.join("\n"));
      const [event] = summary.events;
      t.like(event, { mispredicted: 0, failover: { by: "vrrp-both" } });
      t.true((event?.lost ?? 0) > 100 && (event?.lost ?? 0) < 300, `${event?.lost}`);
      const { arp = 0, na = 0 } = event?.failover?.heard ?? {};
      t.true(arp >= 5 && na >= 5, `${arp} ${na}`);
    },
  );
  test.serial("without what conntrackd would have told, connections are lost and not predicted", async (t) => {
    const fault = async (world: World) => find(world, "conntrackd", "vm-202").signal(SIG.stop);
    const summary = await happened(t, { ...SYNC, fault });
    if (!summary) return;
    t.is(summary.verdict, "fail");
    t.true((summary.events[0]?.mispredicted ?? 0) > 200, `${summary.events[0]?.mispredicted}`);
  });
}
