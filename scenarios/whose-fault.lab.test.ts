// SPDX-License-Identifier: Apache-2.0
// Faults of the lab, done to it in the middle of a run: each is an error that names what broke, and never the balancer's failure.
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { findNamed } from "../harness/plan/catalog.ts";
import { faultyRun, find, SIG, type World } from "../harness/testing/faulty-run.ts";
import { untilSufficient } from "../harness/testing/run-case.ts";
import { exitCodeOf } from "../harness/util/exit-codes.ts";
import { backends } from "../lb/index.ts";

/** One run of 3 s, into which `fault` is done once the traffic has begun. */
async function faulty(t: ExecutionContext, name: string, fault: (world: World) => Promise<void>) {
  const result = await faultyRun(t, { backend: findNamed("backend", backends, name), fault });
  return result?.data.summary ?? null;
}

interface Fault {
  what: string;
  backend?: string;
  inject: (world: World) => Promise<void>;
  sentence: RegExp;
}

const faults: readonly Fault[] = [
  {
    what: "a generator that is told to end",
    async inject(world) {
      await sleep(1500);
      find(world, "traffic stream").signal(SIG.term);
    },
    sentence: /^The traffic generator ipv4 ended 1\.\d s before its time \(SIGTERM\)\.$/,
  },
  {
    what: "a generator that is killed",
    async inject(world) {
      await sleep(1000);
      find(world, "traffic stream").signal(SIG.kill);
    },
    sentence: /^The traffic generator ipv4 was ended by signal 9\.$/,
  },
  {
    what: "a generator that stands still for a while",
    async inject(world) {
      await sleep(500);
      find(world, "traffic stream").signal(SIG.stop);
      await sleep(4500);
      find(world, "traffic stream").signal(SIG.continue);
    },
    sentence: /^The traffic generator ipv4 stood still for 4\.\d s, from 0\.\d s to [45]\.\d s\.$/,
  },
  {
    what: "a server that is killed",
    async inject(world) {
      await sleep(1000);
      find(world, "--name vm-003").signal(SIG.kill);
    },
    sentence: /^The server on vm-003 ended by itself \(signal 9\)\.$/,
  },
  {
    what: "a server that stands still",
    async inject(world) {
      await sleep(500);
      find(world, "--name vm-003").signal(SIG.stop);
    },
    sentence: /^The server on vm-003 stood still for [23]\.\d s, from \d\.\d s to [34]\.\d s\.$/,
  },
  {
    what: "a link that is down for a second",
    async inject({ lab }) {
      await sleep(700);
      await lab.host("vm-002").exec(["ip", "link", "set", "eth1", "down"]);
      await sleep(1000);
      await lab.host("vm-002").exec(["ip", "link", "set", "eth1", "up"]);
    },
    sentence: /^The link eth1 of vm-002 was down for a while during the traffic, which the run did not order\.$/,
  },
  {
    what: "a link that goes down in the fabric and stays so",
    async inject({ lab }) {
      await sleep(1000);
      await lab.host("fabric").exec(["ip", "link", "set", "vm-002.1", "down"]);
    },
    sentence: /^The link eth1 of vm-002 was down after the traffic, which the run did not order\.$/,
  },
  {
    what: "a route that somebody removes",
    async inject({ lab }) {
      await sleep(1000);
      await lab.host("vm-004").exec(["ip", "route", "del", "default"]);
    },
    sentence:
      /^Routes or rules of vm-004 changed during the traffic, .*: 'default via 192\.168\.1\.201 dev eth1' is gone\.$/,
  },
  {
    what: "a router whose iptables rules are flushed",
    async inject({ lab }) {
      await sleep(1000);
      for (const table of ["filter", "mangle", "nat"])
        await lab.host("vm-201").exec(["iptables", "-t", table, "-F"], { check: false });
    },
    sentence:
      /^The rules of vm-201 changed during the run, which no event ordered: \d+ of \d+ lines of 'iptables-save' are gone, as '.+'\.$/,
  },
  {
    what: "a router whose nftables ruleset is flushed",
    backend: "nftables",
    async inject({ lab }) {
      await sleep(1000);
      await lab.host("vm-201").exec(["nft", "flush", "ruleset"]);
    },
    sentence:
      /^The rules of vm-201 changed during the run, .*: (\d+) of \1 lines of 'nft --stateless --terse list ruleset' are gone/,
  },
];

for (const { what, inject, sentence, backend = "nfqueue" } of faults)
  test.serial(`${what} is an error that says so`, async (t) => {
    const summary = await faulty(t, backend, inject);
    if (!summary) return;
    const said = summary.reasons.join("\n");
    t.is(summary.verdict, "error", said);
    t.is(exitCodeOf([summary.verdict]), 3);
    t.regex(summary.reasons[0] ?? "", sentence, said);
  });

test.serial("without a fault the same run passes", async (t) => {
  const { summary } = await untilSufficient(t, async () => {
    const summary = await faulty(t, "nfqueue", async () => {});
    return { summary, status: exitCodeOf(summary ? [summary.verdict] : []) };
  });
  if (summary) t.is(summary.verdict, "pass", summary.reasons.join("\n"));
});
