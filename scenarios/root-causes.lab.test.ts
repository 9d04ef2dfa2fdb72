// SPDX-License-Identifier: Apache-2.0
// Faults done to a lab in the middle of a run: what ended each lost connection must be named right.
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { findNamed } from "../harness/plan/catalog.ts";
import type { RootCause } from "../harness/record/base.ts";
import { someOf } from "../harness/testing/alike.ts";
import { type FaultyRun, faultyRun, find, SIG, type World } from "../harness/testing/faulty-run.ts";
import { backends } from "../lb/index.ts";

interface Fault extends Omit<FaultyRun, "backend" | "fault"> {
  what: string;
  inject: (world: World) => Promise<void>;
  root: RootCause;
}

const exec = ({ lab }: World, machine: string, ...argv: string[]) => lab.host(machine).exec(argv);
/** All packets, as a fault in the middle of connections shows in none of those that begin or end one. */
const full = { tap: ["full"] };

const faults: readonly Fault[] = [
  {
    what: "a router whose rules are flushed",
    inject: (world) => exec(world, "vm-201", "iptables", "-t", "mangle", "-F").then(() => {}),
    root: "rules_missing",
  },
  {
    what: "a balancer that is killed",
    inject: async (world) => find(world, "nfqueue-lb run").signal(SIG.kill),
    root: "balancer_down",
  },
  {
    what: "a server that stands still",
    inject: async (world) => find(world, "--name vm-003").signal(SIG.stop),
    root: "target_frozen",
  },
  {
    what: "a link that goes down",
    inject: (world) => exec(world, "fabric", "ip", "link", "set", "vm-002.1", "down").then(() => {}),
    root: "link_down",
  },
  {
    what: "one router of two whose table is another",
    options: { routers: 2 },
    inject: (world) =>
      exec(world, "vm-202", world.lab.program("nfqueue-lb"), "deactivate", "--index", "1").then(() => {}),
    root: "stale_table",
  },
  {
    what: "a router that resets connections",
    inject: async (world) => {
      const reject = ["-p", "tcp", "--dport", "5003", "-j", "REJECT", "--reject-with", "tcp-reset"];
      await exec(world, "vm-201", "iptables", "-I", "FORWARD", ...reject);
    },
    root: "dropped_by_router",
  },
  {
    what: "a router that drops packets",
    options: full,
    inject: async (world) => {
      await exec(world, "vm-201", "iptables", "-I", "FORWARD", "-p", "tcp", "--dport", "5003", "-j", "DROP");
    },
    root: "dropped_by_router",
  },
  {
    what: "a target that drops packets",
    options: full,
    inject: async (world) => {
      await exec(world, "vm-003", "iptables", "-t", "raw", "-I", "PREROUTING", "-p", "tcp", "-j", "DROP");
    },
    root: "target_slow",
  },
  {
    what: "a reverse path filter that refuses clients",
    options: full,
    inject: async (world) => {
      for (const half of ["50.0.0.0/17", "50.0.128.0/17"])
        await exec(world, "vm-201", "ip", "route", "add", half, "dev", "eth1");
      await exec(world, "vm-201", "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1");
    },
    root: "reverse_path_filter",
  },
  {
    what: "a narrow link that tells nobody",
    options: { ...full, size: 1400 },
    inject: async (world) => {
      await exec(world, "vm-201", "iptables", "-I", "OUTPUT", "-p", "icmp", "-j", "DROP");
      await exec(world, "vm-201", "ip", "link", "set", "eth1", "mtu", "1300");
    },
    root: "mtu",
  },
  {
    what: "a neighbour that cannot be found",
    durationS: 8,
    inject: async (world) => {
      await exec(world, "vm-003", "ip", "link", "set", "eth1", "arp", "off");
      await exec(world, "vm-201", "ip", "neigh", "del", "192.168.1.3", "dev", "eth1");
    },
    root: "no_route",
  },
];

const nfqueue = findNamed("backend", backends, "nfqueue");

for (const { what, inject, root, ...run } of someOf(faults, [4, 6, 9]))
  test.serial(`${what}: lost connections are named ${root}`, async (t) => {
    const fault = async (world: World) => {
      await sleep(1500);
      await inject(world);
    };
    const result = await faultyRun(t, { durationS: 6, ...run, backend: nfqueue, fault });
    if (!result) return;
    const { summary, series } = result.data;
    const { stories } = series;
    const told = [...stories.outside, ...stories.examples].map(({ sentence }) => sentence).join("\n");
    t.log(JSON.stringify(summary.causes), told.slice(0, 600));
    t.true(
      (summary.causes?.[root] ?? 0) > 0,
      `${JSON.stringify(summary.causes)}\n${told}\n${summary.reasons.join("\n")}`,
    );
    t.deepEqual(Object.keys(summary.causes ?? {}), [root], told);
  });
