// SPDX-License-Identifier: Apache-2.0
// What routers forget, in labs: a table of connections that is too small, and silence longer than conntrack's time-outs.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { runCase } from "../../harness/testing/run-case.ts";

const out = mkdtempSync(path.join(tmpdir(), "forgotten-"));
test.after.always(() => rmSync(out, { recursive: true, force: true }));

test.serial("conntrack forgets silent TCP connections, and each that it must is lost for that cause", async (t) => {
  const load = [
    "--rate",
    "10",
    "--connections",
    "60",
    "--targets",
    "4",
    "--scale",
    "1",
    "--at",
    "5",
    "--duration",
    "26",
  ];
  const args = [...load, "--set", "timeouts=3,3,3", "--set", "looseTcp=false"];
  const { summary, stderr } = await runCase(t, "iptables_statistic_scale_in", args, { out: path.join(out, "tcp") });
  const { forgotten, verdict, reasons, connections } = summary;
  t.regex(stderr, /Each connection sends every 6 s, and is forgotten after 3 s of silence\./);
  t.is(verdict, "pass", reasons.join("\n"));
  t.true((forgotten?.lost ?? 0) >= 60);
  t.like(forgotten, { predicted: forgotten?.lost, interval: null, mispredicted: 0 });
  t.is(connections.lostOutsideEvents, 0);
});

test.serial("a table of 500 connections loses what its hash moves of 4,000", async (t) => {
  const args = ["--connections", "4000", "--targets", "4", "--scale", "1", "--set", "connections=500"];
  const { summary, stderr } = await runCase(t, "tc_scale_in", args, { out: path.join(out, "table") });
  const { forgotten, verdict, reasons, events } = summary;
  t.regex(stderr, /holds 500 of 4,000 connections/);
  t.is(verdict, "pass", reasons.join("\n"));
  t.is(events[0]?.mispredicted, 0);
  t.true((forgotten?.predicted ?? 0) > 0);
});
