// SPDX-License-Identifier: Apache-2.0
// The page of a running test as a reader sees it.
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import type { Sample } from "../record/schema.ts";
import { scaleRun } from "../report/fixture.ts";
import { findBrowser, NO_BROWSER, startBrowser } from "../testing/browser.ts";
import { isSkipped } from "../testing/skip.ts";
import { startLive } from "./server.ts";

const browser = findBrowser();

const sample = (t: number, alive: number, lost: number): Sample => ({
  kind: "sample",
  t,
  stream: "ipv4",
  alive,
  connecting: 0,
  established: alive,
  failedConnects: 0,
  lost: { reset: lost },
  sent: 10,
  received: 9,
  lateSends: 0,
  maxLateUs: 0,
  perTarget: {},
  hist: [],
});

test("the page shows the run, draws each point, lists what happened and says what came out", async (t) => {
  if (isSkipped(t, browser === null ? [NO_BROWSER] : [])) return;
  const live = await startLive(0);
  t.teardown(() => live[Symbol.asyncDispose]());
  const page = await startBrowser(browser ?? "");
  t.teardown(() => page.close());
  const shows = async (id: string, wanted: RegExp) => {
    let text = "";
    for (let tries = 0; tries < 100 && !wanted.test(text); tries++) {
      text = await page.run<string>(`document.getElementById("${id}").textContent`);
      await sleep(50);
    }
    t.regex(text, wanted);
  };
  await page.open(live.url);
  await shows("live-title", /^Waiting for a run$/);
  const progress = live.follow(scaleRun().run);
  await shows("live-title", /^nfqueue_scale, seed 1$/);
  progress.event?.(sample(1e9, 5, 0));
  progress.event?.(sample(2e9, 4, 1));
  await shows("live-numbers", /^4 connections alive, 1 lost$/);
  await shows("live-phase", /^traffic$/);
  const times = { t: 3e9, requestedT: 3e9, effectiveT: 3e9 };
  progress.event?.({ kind: "scale", action: "scale_in", machines: ["vm-001"], ...times });
  await shows("live-log", /s: scale_in of vm-001$/);
  const points = `Chart.getChart(document.querySelector("canvas")).data.datasets.map(({ data }) => data.length)`;
  t.deepEqual(await page.run(points), [3, 3]);
  live.finish("pass", "All is well.");
  await shows("live-numbers", /^PASS: All is well\.$/);
  await live[Symbol.asyncDispose]();
  await shows("live-phase", /^the program has ended$/);
});
