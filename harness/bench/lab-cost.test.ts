// SPDX-License-Identifier: Apache-2.0

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { analyse } from "../analysis/analyse.ts";
import { readRecord } from "../record/read.ts";
import { eventually, marker } from "../testing/machine.ts";
import { isSkipped } from "../testing/skip.ts";
import { planTopology } from "../topology/topology.ts";
import { besideLoops } from "./guest-cost.ts";
import { missingMininet, timeMininet } from "./mininet.ts";
import { writeSyntheticRun } from "./synthetic.ts";
import { watched } from "./watched.ts";

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

test("what a program took is seen while it runs, and another exit code than expected is told", async (t) => {
  const { signal } = new AbortController();
  const { ms, cpuMs, peakMiB } = await watched(["--version"], signal);
  t.true(ms > 0 && cpuMs > 0 && peakMiB > 20, JSON.stringify({ ms, cpuMs, peakMiB }));
  await t.throwsAsync(watched(["tets"], signal), { message: /'tets' ended with 2: There is no command 'tets'/ });
});

test.serial("busy loops are there as long as the action, whatever becomes of it", async (t) => {
  const { env, processes } = marker("loops");
  Object.assign(process.env, env);
  const { signal } = new AbortController();
  // On a busy machine a program takes a while until it is one.
  t.true(await besideLoops(2, signal, () => eventually(() => processes().length >= 2, 10_000)));
  t.deepEqual(
    processes().filter((pid) => pid !== process.pid),
    [],
  );
  await t.throwsAsync(
    besideLoops(1, signal, () => Promise.reject(new Error("It broke."))),
    { message: "It broke." },
  );
  t.deepEqual(
    processes().filter((pid) => pid !== process.pid),
    [],
  );
});
