// SPDX-License-Identifier: Apache-2.0
// Trains of changes in a lab: each change is judged for itself.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { readRecord } from "../harness/record/read.ts";
import { netns } from "../harness/runtime/netns.ts";
import { compareFates } from "../harness/simulate/compare.ts";
import { someOf } from "../harness/testing/alike.ts";
import { runMain } from "../harness/testing/machine.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { nftables } from "../lb/nftables/nftables.ts";
import { short } from "./short.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-trains-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

test.serial("over a rolling update each connection fares in the lab as it does in the simulation", async (t) => {
  if (isSkipped(t, await netns.missing())) return;
  const words = ["--connections", "1000", "--targets", "3", ...short("rolling", "tcp")];
  for (const name of ["nfqueue_rolling", "ecmp_rolling"]) {
    const real = await runCase(t, name, words, { out: path.join(scratch, name) });
    t.is(real.status, 0, real.summary.reasons.join("\n"));
    t.deepEqual(new Set(real.summary.events.map(({ mispredicted }) => mispredicted)), new Set([0]));
    const out = path.join(scratch, `${name}-simulated`);
    await runMain(["simulate", name, ...words, "--out", out, "--reporter", "markdown"], {});
    const [dir = ""] = readdirSync(out);
    const { equal, differences } = compareFates(readRecord(path.join(out, dir)), readRecord(real.dir));
    t.deepEqual(differences, []);
    t.true(equal > 2000, `${equal}`);
  }
});

test.serial("drained targets keep their connections until the deadline, and lose all of them then", async (t) => {
  if (isSkipped(t, await netns.missing())) return;
  if (isSkipped(t, await nftables.missing(netns, nftables.options.parse({})))) return;
  const words = ["--connections", "500", ...short("drain", "tcp")];
  const { status, summary } = await runCase(t, "nftables_drain", words, { out: path.join(scratch, "drain") });
  t.is(status, 0, summary.reasons.join("\n"));
  const [left, gone] = summary.events;
  t.deepEqual([left?.lost, left?.mispredicted, gone?.kind, gone?.mispredicted], [0, 0, "deadline", 0]);
  t.true((gone?.lost ?? 0) > 60, `${gone?.lost}`);
});

/** A run of a case and its simulation with the same words. */
async function bothOf(t: ExecutionContext, name: string, words: readonly string[], out: string) {
  const real = await runCase(t, name, words, { out: path.join(scratch, out) });
  t.is(real.status, 0, real.summary.reasons.join("\n"));
  for (const { mispredicted } of real.summary.events) t.is(mispredicted, 0);
  t.is(real.summary.assigned.mispredicted, 0);
  const simulated = path.join(scratch, `${out}-simulated`);
  await runMain(["simulate", name, ...words, "--out", simulated, "--reporter", "markdown"], {});
  const [dir = ""] = readdirSync(simulated);
  return { real, ...compareFates(readRecord(path.join(simulated, dir)), readRecord(real.dir)) };
}

test.serial("weights change while connections come and go, and each fares as it does in the simulation", async (t) => {
  if (isSkipped(t, await netns.missing())) return;
  const words = ["--arrivals", "300", "--lifetimes", "exp:700ms", "--think", "200ms", "--targets", "4"];
  const times = ["--at", "1 1.7", "--duration", "2.6", "--warm-up", "0.5"];
  for (const name of someOf(["nfqueue", "ecmp", "syn_only", "ecmp_resilient", "xdp"], [0, 1])) {
    const { real, equal, undecided, differences } = await bothOf(t, `${name}_weights`, [...words, ...times], name);
    t.deepEqual(differences, []);
    t.true(equal > 600 && undecided < 100, `${equal} ${undecided}`);
    const { connections, consistency, open, events } = real.summary;
    // What the plan closed is no loss; a few come within a change and are lost by it.
    const lost = events.reduce((sum, event) => sum + event.lost, 0);
    t.is(connections.lostOutsideEvents, 0);
    t.true(connections.lost >= lost && connections.lost < lost + 20, `${connections.lost} ${lost}`);
    t.true(connections.established > 2 * (events[0]?.alive ?? 0), "connections come and go");
    t.is(consistency?.violations, connections.lost);
    t.true((open?.peak ?? 0) > 150 && (open?.peak ?? 0) < 400);
  }
});

test.serial("over a flap each connection that comes and goes fares as it does in the simulation", async (t) => {
  if (isSkipped(t, await netns.missing())) return;
  const words = ["--arrivals", "300", "--lifetimes", "pareto:200ms,1.5", "--think", "150ms", "--targets", "4"];
  const times = ["--at", "1 1.5 2 2.5", "--duration", "3.2", "--warm-up", "0.5", "--scale", "2"];
  for (const name of someOf(["xdp", "nfqueue", "syn_only", "ecmp", "ecmp_resilient"], [1])) {
    const { equal, differences } = await bothOf(t, `${name}_flap`, [...words, ...times], `${name}-flap`);
    t.deepEqual(differences, []);
    t.true(equal > 700, `${equal}`);
  }
});

test.serial("of ten thousand that come and go over a rolling update none fares otherwise than simulated", async (t) => {
  if (isSkipped(t, await netns.missing())) return;
  // Datagrams: two cores carry 2,000 new connections a second even beside other tests.
  const words = [
    "--arrivals",
    "2000",
    "--lifetimes",
    "exp:700ms",
    "--think",
    "300ms",
    "--size",
    "100",
    "--targets",
    "4",
  ];
  const times = ["--protocol", "udp", "--at", "1.6 2.3 3 3.7 4.4", "--duration", "5.3", "--warm-up", "1"];
  for (const name of someOf(["nfqueue", "xdp", "ecmp", "syn_only", "ecmp_resilient"], [0])) {
    const { real, equal, undecided, differences } = await bothOf(
      t,
      `${name}_rolling`,
      [...words, ...times],
      `${name}-many`,
    );
    t.deepEqual(differences, []);
    t.true(equal >= 10_000 && undecided < 500, `${equal} ${undecided}`);
    // Some were moved, and so there was something to be wrong about; who remembers loses none when a target returns.
    for (const { alive, lost, kind } of real.summary.events)
      t.true(alive > 500 && (lost > 0.02 * alive || kind === "scale_out"), `${kind}: ${lost} of ${alive}`);
  }
});

test.serial("a target that nobody heard of comes, and gets its share as the oracle says", async (t) => {
  if (isSkipped(t, await netns.missing())) return;
  const words = ["--connections", "600", "--targets", "3", "--scale", "2", ...short("add_unknown", "tcp")];
  const { status, summary } = await runCase(t, "nfqueue_add_unknown", words, { out: path.join(scratch, "unknown") });
  t.is(status, 0, summary.reasons.join("\n"));
  const [come] = summary.events;
  t.deepEqual([come?.mispredicted, come?.machines], [0, ["vm-002"]]);
  t.true((come?.lost ?? 0) > 150 && (come?.entries?.moved ?? 0) > 300, `${come?.lost}`);
});
