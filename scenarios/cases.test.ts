// Conformance: every backend in every scenario, through the program, in small. A new backend is tested by being registered.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import type { Summary } from "../harness/record/schema.ts";
import { netns } from "../harness/runtime/netns.ts";
import { program } from "../harness/testing/machine.ts";
import { backends } from "../lb/index.ts";
import { scenarios } from "./index.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-cases-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

/** Each connection sends twice a second: one message must fall between any two events. */
const often = ["--rate", "2000"];

/** Short runs of each scenario; "connect" has no times. A blackout needs the time that TCP takes to come back. */
const times: Record<string, string[]> = {
  connect: [],
  scale: ["--at", "0.8 1.9", "--duration", "3", ...often],
  scale_in: ["--at", "0.8", "--duration", "1.9", ...often],
  scale_out: ["--at", "0.8", "--duration", "1.9", ...often],
  scale_lb: ["--at", "0.8 1.9", "--duration", "3", ...often],
  blackout: ["--at", "0.8 1.8", "--duration", "4.8", ...often],
};

function runCase(name: string, args: string[]): { status: number | null; summary: Summary; stderr: string } {
  const { status, stdout, stderr } = spawnSync(
    program,
    ["test", name, "--json", "--connections", "1000", "--out", scratch, ...args],
    { encoding: "utf8" },
  );
  if (stdout === "") throw new Error(stderr);
  return { status, summary: JSON.parse(stdout) as Summary, stderr };
}

/** "scale" has the events of scale_in and scale_out; those alone are run for the first backend only, to keep this short. */
const alone = new Set(["scale_in", "scale_out"]);

for (const [i, backend] of backends.entries())
  for (const scenario of scenarios.filter(({ name }) => i === 0 || !alone.has(name)))
    for (const protocol of scenario.name === "connect" || scenario.name === "blackout" ? ["tcp"] : ["tcp", "udp"]) {
      const name = scenario.name === "connect" ? backend.name : `${backend.name}_${scenario.name}`;
      test.serial(
        `${name} passes over ${protocol}, both families, and accounts for every connection and packet`,
        async (t) => {
          // Where this machine's kernel lacks it, the virtual machines of vm.test.ts have it.
          const gaps = await backend.missing(netns);
          if (gaps.length > 0) {
            t.log(`SKIP: ${gaps.join(" ")}`);
            return t.pass();
          }
          const { status, summary } = runCase(name, [...(times[scenario.name] ?? []), "--protocol", protocol]);
          t.is(status, 0, summary.reasons.join("\n"));
          t.is(summary.verdict, "pass");
          t.is(summary.connections.planned, 1000);
          t.is(summary.assigned.mispredicted, 0);
          t.is(Object.keys(summary.spread.perTarget).length, scenario.name === "scale_out" ? 8 : 10);
          for (const event of summary.events) {
            t.is(event.alive, 1000);
            t.true(event.inForceMs - event.askedMs < 1000);
            if (event.predictedInterval === null) {
              t.is(event.mispredicted, 0);
              t.is(event.predicted, event.lost);
            } else {
              const [low, high] = event.predictedInterval;
              t.true(backend.keepsState && event.kind.startsWith("router"), "elsewhere nothing is left to chance");
              t.true(event.lost >= low && event.lost <= high, `${event.lost} of ${low} to ${high}`);
            }
            if (event.kind.startsWith("blackout")) t.is(event.lost, 0);
            if (event.kind.startsWith("router") && !backend.keepsState) t.is(event.lost, 0);
            if (event.kind === "scale_in") t.true(event.lost > 130, `${event.lost}`);
            if (event.kind === "scale_out" && backend.keepsState) t.is(event.lost, 0);
          }
        },
      );
    }

const options: [title: string, args: string[], least: number, most: number][] = [
  ["nftables with direct return", ["nftables_scale_in", "--set", "mode=dsr"], 650, 850],
  ["nftables with stateless DNAT", ["nftables_scale_in", "--set", "mode=stateless_dnat"], 650, 850],
  [
    "nftables with a symmetric hash, known by shares only",
    ["nftables_scale_in", "--set", "mode=dsr", "--set", "scheduler=symhash"],
    650,
    850,
  ],
  [
    "nftables that rewrites both addresses, by hash and weight",
    ["nftables_scale_in", "--set", "mode=snat", "--set", "scheduler=hash", "--set", "weights=1,2,3,1,2,3,1,2,3,4"],
    80,
    200,
  ],
  ["nftables with persistence", ["nftables_scale_in", "--set", "persistence=60"], 150, 250],
  ["nftables that drains", ["nftables_scale_in", "--set", "leave=drain"], 0, 0],
  [
    "nftables whose best pool empties",
    ["nftables_scale_in", "--set", "mode=dsr", "--set", "priorities=1,1,2,2,2,2,2,2,2,2"],
    1000,
    1000,
  ],
  ["iptables that drains", ["iptables_statistic_scale_in", "--set", "leave=drain"], 0, 0],
  [
    "iptables at random, with masquerade",
    ["iptables_statistic_scale_in", "--set", "mode=random", "--set", "masquerade=true"],
    130,
    270,
  ],
  ["iptables with lists of sources in flat rules", ["iptables_recent_scale_in", "--set", "form=flat"], 130, 270],
  ["ECMP with the sender's hash, known by shares only", ["ecmp_scale_in", "--set", "policy=l4"], 650, 850],
  ["ECMP with weights", ["ecmp_scale_in", "--set", "weights=1,1,1,1,1,1,1,1,1,11"], 200, 700],
  ["the last of ten next hops, at the edge", ["ecmp_scale_in", "--scale", "10"], 450, 550],
  ["the fifth of ten next hops, in the middle", ["ecmp_scale_in", "--scale", "5"], 230, 325],
];
for (const [title, args, least, most] of options)
  test.serial(`${title}: ${least} to ${most} of 1000 connections are lost, as predicted`, (t) => {
    const { status, summary } = runCase(args[0] ?? "", [...(times.scale_in ?? []), ...args.slice(1)]);
    t.is(status, 0, summary.reasons.join("\n"));
    const [event] = summary.events;
    t.true(event !== undefined && event.lost >= least && event.lost <= most, `${event?.lost}`);
  });

test.serial(
  "a multipath hash that follows the sender's socket moves connections in a blackout, and the case fails",
  (t) => {
    const { status, summary } = runCase("ecmp_blackout", [...(times.blackout ?? []), "--set", "policy=l4"]);
    t.is(status, 1);
    t.true((summary.events[1]?.lost ?? 0) > 300, `${summary.events[1]?.lost}`);
    t.regex(summary.reasons.join(" "), /Event 2 \(blackout_end of vm-201\)/);
  },
);

test.serial("a balancer that assigns at random is caught: the case fails and names the difference", (t) => {
  const { status, summary } = runCase("nfqueue_scale_in", ["--at", "1", "--duration", "2.5", "--set", "broken=random"]);
  t.is(status, 1);
  t.is(summary.verdict, "fail");
  t.true(
    summary.reasons.some((reason) =>
      /not established|another target than the oracle predicted|lost outside/.test(reason),
    ),
    summary.reasons.join("\n"),
  );
});

test.serial(
  "modulo loses about 90 % of the connections when the last of ten targets leaves, each of them as predicted",
  (t) => {
    const { status, summary } = runCase("nfqueue_scale_in", [
      "--scale",
      "10",
      "--at",
      "1",
      "--duration",
      "2.5",
      "--set",
      "mode=modulo",
    ]);
    t.is(status, 0, summary.reasons.join("\n"));
    const [event] = summary.events;
    t.true(event !== undefined && event.lost > 850 && event.lost < 950, `${event?.lost}`);
  },
);

test.serial("the same seed makes the same connections, another seed others", (t) => {
  const spread = (seed: string) => runCase("nfqueue", ["--seed", seed]).summary.spread.perTarget;
  t.deepEqual(spread("5"), spread("5"));
  t.notDeepEqual(spread("5"), spread("6"));
});
