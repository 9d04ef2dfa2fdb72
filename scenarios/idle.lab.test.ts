// SPDX-License-Identifier: Apache-2.0
// Connections that are silent for longer than they are remembered: each as predicted, with keepalives and without.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { findNamed } from "../harness/plan/catalog.ts";
import { netns } from "../harness/runtime/netns.ts";
import { someOf } from "../harness/testing/alike.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { backends } from "../lb/index.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-idle-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const small = ["--targets", "4", "--connections", "100"];
const strict = ["--set", "looseTcp=false"];

/** Of 100 connections: how many have been lost by the end of their first silence, at least. */
const cases: [what: string, name: string, words: string[], lost: "all" | "none"][] = [
  ["a proxy ends what is silent for 2 s", "haproxy_idle", [], "all"],
  ["a proxy does not count keepalives", "haproxy_idle", ["--keepalive", "1"], "all"],
  ["a proxy keeps what is silent for less than its time-out", "haproxy_idle", ["--set", "timeout=60"], "none"],
  ["conntrack forgets what is silent for 2 s, and takes it for none of its own", "nftables_idle", strict, "all"],
  ["conntrack remembers what sends keepalives", "nftables_idle", [...strict, "--keepalive", "1"], "none"],
  ["conntrack's own time-out is five days", "nftables_idle", [...strict, "--set", "timeouts=0,0,0"], "none"],
  ["who remembers nothing forgets nothing", "nfqueue_idle", [], "none"],
];
for (const [what, name, words, expected] of someOf(cases, [0, 3, 4]))
  test.serial(`${what}: ${expected} of 100 connections are lost, as predicted`, async (t) => {
    const backend = findNamed("backend", backends, name.replace("_idle", ""));
    if (isSkipped(t, await backend.missing(netns, backend.options.parse({})))) return;
    const out = path.join(scratch, `${process.hrtime.bigint()}`);
    const { status, summary } = await runCase(t, name, [...small, ...words], { out });
    t.is(status, 0, summary.reasons.join("\n"));
    if (expected === "none") t.is(summary.connections.lost, 0);
    else t.true((summary.forgotten?.lost ?? 0) >= 100, `${summary.forgotten?.lost}`);
    t.is(summary.connections.lostOutsideEvents, 0);
  });
