// SPDX-License-Identifier: Apache-2.0
// Faults of the lab, done to it in the middle of a run: each is an error that names what broke, and never the balancer's failure.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import type { Scenario } from "../harness/api/scenario.ts";
import { describeHost } from "../harness/host/describe.ts";
import { findNamed } from "../harness/plan/catalog.ts";
import { parseOptions } from "../harness/plan/invalid.ts";
import { runOptions } from "../harness/plan/options.ts";
import { planCase, runOne } from "../harness/run/planned-case.ts";
import { type Chosen, Sessions } from "../harness/run/runtimes.ts";
import { netns } from "../harness/runtime/netns.ts";
import type { Lab, Process } from "../harness/runtime/runtime.ts";
import { untilSufficient } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { exitCodeOf } from "../harness/util/exit-codes.ts";
import { backends } from "../lb/index.ts";

const SIG = { stop: 19, continue: 18, kill: 9, term: 15 } as const;

const scenario: Scenario = {
  name: "quiet",
  summary: "Connections, and no event.",
  routers: 1,
  plan: () => ({ mode: "stream", durationS: 3, out: [], steps: [] }),
};

/** A lab and the programs that were started in it, by their words. */
interface World {
  lab: Lab;
  started: { machine: string; words: string; process: Process }[];
}

/** A session whose labs can be looked into. */
function opened(chosen: Chosen, onLab: (world: World) => void): Chosen {
  const { session } = chosen;
  if (!session) return chosen;
  const up: typeof session.up = async (...of) => {
    const lab = await session.up(...of);
    const world: World = { lab, started: [] };
    onLab(world);
    const host: Lab["host"] = (name) => {
      const real = lab.host(name);
      return {
        ...real,
        spawn(argv, options) {
          const process = real.spawn(argv, options);
          world.started.push({ machine: name, words: argv.join(" "), process });
          return process;
        },
      };
    };
    return { ...lab, host };
  };
  const seen = Object.create(session, { up: { value: up } }) as typeof session;
  return { ...chosen, session: seen };
}

/** One run of 3 s, into which `fault` is done once the traffic has begun. */
async function faulty(t: ExecutionContext, name: string, fault: (world: World) => Promise<void>) {
  const backend = findNamed("backend", backends, name);
  if (isSkipped(t, await backend.missing(netns, backend.options.parse({})))) return null;
  const out = mkdtempSync(path.join(tmpdir(), "load-balancer-fault-"));
  t.teardown(() => rmSync(out, { recursive: true, force: true }));
  const options = parseOptions(runOptions, { connections: 400, rate: 400, targets: 4, family: "4" });
  const planned = planCase({ name: `${name}_quiet`, backend, scenario }, options, []);
  const signal = new AbortController().signal;
  await using sessions = new Sessions(signal, () => {});
  let world: World | null = null;
  const chosen = opened(await sessions.of(netns, 400), (made) => {
    world = made;
  });
  const under: Promise<void>[] = [];
  const event = ({ kind }: { kind: string }) => {
    if (kind === "stream_start" && world && under.length === 0) under.push(fault(world));
  };
  const live = { follow: () => ({ event }) } as never;
  const settings = { out, commandLine: ["test"], stop: true, reporter: [], live };
  const { data } = await runOne(planned, chosen, settings, { host: await describeHost(), signal });
  await Promise.all(under);
  return data.summary;
}

const find = ({ started }: World, words: string): Process => {
  const found = started.find((one) => one.words.includes(words));
  if (!found) throw new Error(`No program of ${started.map((one) => one.words).join("; ")} has '${words}'.`);
  return found.process;
};

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
