// SPDX-License-Identifier: Apache-2.0
// Others beside the connections that are meant: a flood that fills listeners, and attackers who know a hash.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { netns } from "../harness/runtime/netns.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { iptablesStatistic } from "../lb/iptables/statistic.ts";
import { nfqueue } from "../lb/nfqueue/nfqueue.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-hostile-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const SMALL = ["--targets", "4", "--connections", "80"];
const missing = () => nfqueue.missing(netns, nfqueue.options.parse({}));

test.serial(
  "without SYN cookies a flood crowds out as many as the backlog's model says, and nobody who is connected",
  async (t) => {
    if (isSkipped(t, await missing())) return;
    const words = [...SMALL, "--at", "1 2", "--duration", "3", "--flood", "2000", "--syn-backlog", "128"];
    const { status, summary } = await runCase(t, "nfqueue_flood", words, { out: path.join(scratch, "flood") });
    t.is(status, 0, summary.reasons.join("\n"));
    const { flood, connections, arrivals } = summary;
    t.deepEqual(flood?.fills, ["backlog"]);
    t.true((flood?.missed ?? 0) > 500 && (flood?.missed ?? 0) < (flood?.attempts ?? 0), JSON.stringify(flood));
    t.like(connections, { established: 80, lost: 0, lostOutsideEvents: 0 });
    t.is(arrivals?.failedOutsideEvents, 0);
  },
);

test.serial("behind SYNPROXY a flood leaves nothing in conntrack's table, and costs nobody anything", async (t) => {
  const options = iptablesStatistic.options.parse({ synproxy: "true", leave: "drain" });
  if (isSkipped(t, await iptablesStatistic.missing(netns, options))) return;
  const set = ["--set", "synproxy=true", "--set", "leave=drain"];
  const words = [...SMALL, ...set, "--at", "1 2", "--duration", "3", "--flood", "2000"];
  const out = path.join(scratch, "shield");
  const { status, summary } = await runCase(t, "iptables_statistic_flood", words, { out });
  t.is(status, 0, summary.reasons.join("\n"));
  const { entries, sent = 0, ...flood } = summary.flood ?? {};
  t.like(flood, { shielded: true, fills: [], missed: 0 });
  t.true(sent > 1800 && (entries?.after ?? 0) - (entries?.before ?? 0) < 1000, JSON.stringify(summary.flood));
  t.true((summary.latencyMs.p50 ?? 1000) < 900, "a target that refuses SYNPROXY's ACK answers a second later");
});

test.serial("who knows the seed puts all of his connections on one target, and who does not cannot", async (t) => {
  if (isSkipped(t, await missing())) return;
  const { status, summary } = await runCase(t, "nfqueue_collide", SMALL, { out: path.join(scratch, "collide") });
  t.is(status, 0, summary.reasons.join("\n"));
  t.like(summary.collide, { victim: "vm-001", secret: true, knows: { answered: 400, onVictim: 400 } });
  const { low = 0, high = 0, mispredicted, onVictim = 0 } = summary.collide?.guesses ?? {};
  t.true(onVictim >= low && onVictim <= high && high < 200, JSON.stringify(summary.collide));
  t.is(mispredicted, 0);
  t.like(summary.connections, { planned: 80, established: 80 });
});
