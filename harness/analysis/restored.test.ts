// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { Probes } from "./restored.ts";

const ms = (n: number) => n * 1e6;
const attempt = (startMs: number, tookMs: number | null) => ({
  startT: ms(startMs),
  establishedT: tookMs === null ? null : ms(startMs + tookMs),
});

test("where no attempt failed, service was back at the first one's end at the latest", (t) => {
  const probes = new Probes(ms(5000));
  for (const at of [5700, 5012, 5300]) probes.add(attempt(at, 1));
  t.deepEqual(probes.between(), [0, 13]);
});

test("service was back between the last failed attempt and the next one that did not fail", (t) => {
  const probes = new Probes(ms(5000));
  for (const [at, took] of [
    [5010, 1],
    [5100, null],
    [5310, null],
    [5316, 2],
    [5900, 1],
  ] as const)
    probes.add(attempt(at, took));
  t.deepEqual(probes.between(), [310, 318]);
});

test("an attempt that lost a packet on its way is bad when it began, and good when it was done", (t) => {
  const probes = new Probes(ms(5000));
  probes.add(attempt(5100, 1000));
  t.deepEqual(probes.between(), [100, 1100]);
});

test("without any attempt, or none that succeeded, nothing is known", (t) => {
  t.is(new Probes(0).between(), null);
  const probes = new Probes(0);
  probes.add(attempt(10, null));
  t.is(probes.between(), null);
});
