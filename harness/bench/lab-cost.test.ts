// SPDX-License-Identifier: Apache-2.0

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { analyse } from "../analysis/analyse.ts";
import { readRecord } from "../record/read.ts";
import { isSkipped } from "../testing/skip.ts";
import { planTopology } from "../topology/topology.ts";
import { missingMininet, timeMininet } from "./mininet.ts";
import { writeSyntheticRun } from "./synthetic.ts";

test("a made-up run of any size passes as a real one does, with exactly the predicted losses", (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-synthetic-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  writeSyntheticRun(dir, 3000);
  const record = readRecord(dir);
  const { summary } = analyse(record.run, record);
  t.is(summary.verdict, "pass", summary.reasons.join("\n"));
  const [event] = summary.events;
  t.true((event?.lost ?? 0) > 500);
  t.like(event, { alive: 3000, ideal: 600, mispredicted: 0, predicted: event?.lost });
});

test("Mininet builds the same machines", async (t) => {
  const missing = await missingMininet();
  if (missing !== null) t.regex(missing, /root|apt-get install mininet/);
  if (isSkipped(t, missing === null ? [] : [missing])) return;
  const { upMs, commandMs, downMs } = await timeMininet(planTopology({ targets: 2, routers: 1 }), 5);
  t.true(upMs > 0 && commandMs > 0 && downMs > 0);
});
