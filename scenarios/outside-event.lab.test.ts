// SPDX-License-Identifier: Apache-2.0
// An event kind from outside: defined here, named nowhere in the harness, run in a lab and judged, and judged again from its record alone.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { analyse } from "../harness/analysis/analyse.ts";
import { defineEvent } from "../harness/api/event.ts";
import type { Scenario } from "../harness/api/scenario.ts";
import { EVENTS } from "../harness/events/index.ts";
import { describeHost } from "../harness/host/describe.ts";
import { findNamed } from "../harness/plan/catalog.ts";
import { parseOptions } from "../harness/plan/invalid.ts";
import { runOptions } from "../harness/plan/options.ts";
import { readRecord } from "../harness/record/read.ts";
import { headline } from "../harness/report/prose.ts";
import { planCase, runOne } from "../harness/run/planned-case.ts";
import { Sessions } from "../harness/run/runtimes.ts";
import { netns } from "../harness/runtime/netns.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { backends } from "../lb/index.ts";

/** Targets are taken from the list of the first routers only, one router after the other. */
const retire = defineEvent({
  kind: "retire",
  subject: "targets",
  effect: "leave",
  words: { past: "retired", now: ["retires", "retire"] },
  async apply({ balancer, targets, lab }) {
    let t = 0;
    for (const { name } of lab.topology.routers) t = await balancer.setTargets(targets, new Set([name]));
    return t;
  },
});

/** Its undoing composes a kind of ours. */
const scenario: Scenario = {
  name: "retire",
  summary: "Targets retire, router by router, and others come.",
  routers: 2,
  plan: ({ scale }) => ({
    mode: "stream",
    durationS: 3,
    out: [],
    steps: [
      { atS: 0.8, event: retire, members: scale },
      { atS: 1.9, event: EVENTS.scale_out, members: scale },
    ],
  }),
};

test.serial(
  "a kind of event from outside runs, is judged connection by connection, and its record explains it",
  async (t) => {
    const backend = findNamed("backend", backends, "nfqueue");
    if (isSkipped(t, await backend.missing(netns, {}))) return;
    const out = mkdtempSync(path.join(tmpdir(), "load-balancer-event-"));
    t.teardown(() => rmSync(out, { recursive: true, force: true }));
    const options = parseOptions(runOptions, { connections: 500, rate: 1000, at: "0.8 1.9", duration: 3 });
    const planned = planCase({ name: "nfqueue_retire", backend, scenario }, options, []);
    const settings = { out, commandLine: ["test"], stop: true, reporter: ["markdown"] };
    await using sessions = new Sessions(new AbortController().signal, () => {});
    const chosen = await sessions.of(netns, 500);
    const around = { host: await describeHost(), signal: new AbortController().signal };
    const { dir, data } = await runOne(planned, chosen, settings, around);
    const { summary } = data;
    t.is(summary.verdict, "pass", summary.reasons.join("\n"));
    const [event, undone] = summary.events;
    t.like(event, { kind: "retire", machines: ["vm-001", "vm-002"], alive: 500, mispredicted: 0 });
    t.is(event?.lost, event?.predicted ?? -1);
    t.true((event?.lost ?? 0) > 60, `${event?.lost}`);
    t.like(undone, { kind: "scale_out", mispredicted: 0 });
    t.is(undone?.meaning, undefined, "our kinds need no explanation");
    t.regex(headline(summary), /2 of 10 targets retired at 0\.8 s/);
    t.regex(readFileSync(path.join(dir, "summary.md"), "utf8"), /vm-001 vm-002 retire/);
    // Nothing of this file is known to whoever reads the record.
    const { run, ...record } = readRecord(dir);
    t.deepEqual(analyse(run, record).summary.events, summary.events);
  },
);
