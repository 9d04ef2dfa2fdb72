// SPDX-License-Identifier: Apache-2.0

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { Histogram } from "../analysis/histogram.ts";
import { launchProgram } from "../host/program.ts";
import { startProgram } from "../runtime/daemon.ts";
import { netns } from "../runtime/netns.ts";
import { runMain } from "../testing/machine.ts";
import { isSkipped } from "../testing/skip.ts";
import { planTopology } from "../topology/topology.ts";
import type { Figure } from "./figure.ts";
import { hold } from "./hold.ts";
import { plain } from "./plain.ts";

const SIGKILL = 9;
const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-bench-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

function bench(...words: string[]) {
  return runMain(["bench", ...words, "--out", path.join(scratch, "out")], { cwd: scratch, timeoutMs: 100_000 });
}

test.serial("figures come with their ratio to plain forwarding, their environment, a page and pictures", async (t) => {
  const quick = [
    "--metrics",
    "connections,requests,connect_p50,router_cpu,scale_event,memory",
    "--targets",
    "2",
    "--repeat",
    "1",
    "--seconds",
    "0.5",
  ];
  const { status, stdout, stderr } = await bench(
    "nftables",
    "tap_control",
    ...quick,
    "--set",
    "nftables.mode=dnat",
    "--json",
  );
  t.is(status, 0, stderr);
  const figures = JSON.parse(stdout) as Figure[];
  const has = (backend: string, metric: string) => figures.some((f) => f.backend === backend && f.metric === metric);
  const find = (backend: string, metric: string) => {
    const figure = figures.find((f) => f.backend === backend && f.metric === metric);
    if (!figure) throw new Error(`There is no ${metric} of ${backend}.`);
    return figure;
  };
  for (const metric of ["connections", "requests"]) {
    const [own, plain] = [find("nftables", metric), find("plain", metric)];
    t.true(own.median > 100 && plain.median > 100, metric);
    t.is(own.ratioToPlain, own.median / plain.median);
    t.like(own, { repeats: 1, interval95: null, higherIsBetter: true });
    t.like(own.environment, { runtime: "netns", targets: 2, family: 4 });
  }
  t.true((find("tap_control", "requests").ratioToPlain ?? 0) > 0);
  t.is(find("nftables", "scale_event").ratioToPlain, null);
  // The second reference has no router, so no scale event and no CPU of one; the four others have that beyond it.
  t.true(find("direct", "connections").median > 100 && (find("direct", "requests").ratioToPlain ?? 0) > 0);
  t.false(has("direct", "scale_event") || has("direct", "router_cpu"));
  t.is(figures.filter(({ metric }) => metric === "router_cpu").length, 4);
  // A kept connection is one entry of conntrack; plain forwarding has none.
  if (process.geteuid?.() === 0) {
    t.is(find("plain", "memory").median, 0);
    t.true(find("plain (conntrack)", "memory").median > 100);
    const bytes = find("nftables", "memory").median;
    t.true(bytes > 150 && bytes < 2000, `${bytes}`);
  }
  const dir = path.join(scratch, "out", readdirSync(path.join(scratch, "out"))[0] ?? "");
  for (const file of ["bench.json", "bench.md", "bench-rates.png", "bench-latency.png"])
    t.true(existsSync(path.join(dir, file)), file);
  t.regex(readFileSync(path.join(dir, "bench.html"), "utf8"), /static routing by source prefix to the same 2 targets/);
});

test.serial(
  "a sweep has figures at every number, a curve for each metric, and says who has no part; other load is marked",
  async (t) => {
    // Not the children of bench: they are others to it. A session each, as some schedulers give each session the same share.
    const others = Array.from({ length: 4 }, () =>
      launchProgram(["setsid", "sh", "-c", "while :; do :; done"], { check: false }),
    );
    const words = ["ecmp", "xdp", "--sweep", "services=1,20,400", "--metrics", "connections,deploy"];
    // 4000 connections take a fast machine 0.1 s, in which ticks tell nothing of others.
    const { status, stdout, stderr } = await bench(...words, "--repeat", "1", "--seconds", "3", "--json");
    for (const other of others) other.kill();
    t.is(status, 0, stderr);
    t.regex(stderr, /xdp: it is set up with the VIP's service only/);
    const figures = JSON.parse(stdout) as Figure[];
    t.is(figures.filter(({ backend }) => backend === "xdp").length, 0);
    for (const value of [1, 20, 400])
      for (const backend of ["plain", "ecmp"])
        t.like(
          figures.find((f) => f.backend === backend && f.metric === "connections" && f.sweep?.value === value),
          { repeats: 1, sweep: { parameter: "services", value }, environment: { targets: 4 } },
        );
    t.true(
      figures.some(({ disturbed }) => disturbed > 0),
      "four busy loops beside it are seen",
    );
    const dirs = readdirSync(path.join(scratch, "out")).map((name) => path.join(scratch, "out", name));
    const dir = dirs.find((one) => existsSync(path.join(one, "growth.json"))) ?? "";
    const growths = JSON.parse(readFileSync(path.join(dir, "growth.json"), "utf8")) as {
      backend: string;
      metric: string;
    }[];
    t.is(growths.length, 4);
    t.true(existsSync(path.join(dir, "bench-growth-connections.png")));
    t.regex(readFileSync(path.join(dir, "bench.md"), "utf8"), /\(\d disturbed\)/);
  },
);

test.serial(
  "live connections are held on the targets while others are measured, and missed when they are gone",
  async (t) => {
    if (isSkipped(t, await netns.missing())) return;
    await using lab = await netns.up(planTopology({ targets: 2, routers: 1 }), new AbortController().signal);
    await using balancer = await plain.deploy(lab, {}, [0, 1]);
    const servers = await Promise.all(
      lab.topology.targets.map(({ name }) =>
        startProgram(lab.host(name), [lab.program("traffic"), "serve", "--name", name], "listening"),
      ),
    );
    const bed = { lab, balancer, family: 4, seed: 1, seconds: 1, deployMs: 0, latency: new Histogram() } as const;
    const held = await hold(bed, 300);
    const established = async (name: string) => {
      const { stdout } = await lab.host(name).exec(["ss", "-Htn", "state", "established"]);
      return stdout.split("\n").filter((line) => line.includes(":5001")).length;
    };
    const counts = await Promise.all(["vm-001", "vm-002"].map(established));
    t.is((counts[0] ?? 0) + (counts[1] ?? 0), 300, counts.join(" "));
    held.check();
    servers[0]?.signal(SIGKILL);
    const deadline = Date.now() + 10_000;
    const missed = () => {
      try {
        held.check();
        return "";
      } catch (error) {
        return (error as Error).message;
      }
    };
    while (missed() === "" && Date.now() < deadline) await delay(50);
    t.regex(missed(), /of 300 connections were not held/);
  },
);

for (const [why, words, sentence] of [
  ["an unknown metric", ["nfqueue", "--metrics", "speed"], /Invalid value 'speed' for --metrics/],
  ["an unknown backend", ["nonsense"], /no backend 'nonsense'/i],
  ["the lab beside backends", ["harness", "nfqueue"], /it takes no backends/],
  ["a sweep that is no list", ["nfqueue", "--sweep", "targets=1,x"], /Invalid value 'targets=1,x' for --sweep/],
  ["a sweep of what cannot be swept", ["nfqueue", "--sweep", "speed=1,2"], /connections, rules, services and targets/],
  ["half a service", ["nfqueue", "--sweep", "services=1,2.5"], /whole numbers up to 65535, and 2.5 is none/],
  [
    "more targets than there are",
    ["nfqueue", "--sweep", "targets=10,2000"],
    /whole numbers up to 1000, and 2000 is none/,
  ],
  [
    "a sweep of targets with --targets",
    ["ecmp", "--sweep", "targets=1,2", "--targets", "4"],
    /another number of targets/,
  ],
  ["a sweep of the lab", ["harness", "--sweep", "targets=1,2"], /takes --targets, but not --sweep/],
  ["an unknown part of the lab", ["harness", "--metrics", "speed"], /Invalid value 'speed' for --metrics/],
  ["no rounds", ["nfqueue", "--repeat", "0"], /Invalid value '0' for --repeat/],
] as const)
  test(`${why} is wrong usage`, async (t) => {
    const { status, stderr } = await bench(...words);
    t.is(status, 2);
    t.regex(stderr, sentence);
  });
