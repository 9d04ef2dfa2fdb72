// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { ample, MILLION } from "./limits.testing.ts";
import { exceeded, type KernelLimits, readLimits } from "./limits.ts";

test("a machine with enough of everything takes a million connections, and says nothing of what it does not tell", (t) => {
  t.deepEqual(exceeded(ample, MILLION, true), []);
  t.deepEqual(
    exceeded({ availableMiB: null, openFiles: null, allFiles: null, trackedConnections: null }, MILLION, true),
    [],
  );
  t.deepEqual(exceeded({ ...ample, openFiles: Number.POSITIVE_INFINITY }, MILLION, true), []);
});

test("conntrack's limit counts only where it holds the connections", (t) => {
  const limits = { ...ample, trackedConnections: 262_144 };
  t.deepEqual(exceeded(limits, MILLION, false), []);
  t.deepEqual(exceeded(limits, 170_000, true), []);
  const [text, ...others] = exceeded(limits, MILLION, true);
  t.regex(text ?? "", /at most 262,144 connections.*sysctl net\.netfilter\.nf_conntrack_max=1500000/);
  t.deepEqual(others, []);
});

const short: [title: string, limits: Partial<KernelLimits>, remedy: RegExp][] = [
  ["memory", { availableMiB: 2000 }, /2,000 MiB are available\. Try --connections 1\d{5}\./],
  ["files of a process", { openFiles: 1024 }, /1,024 files, and 20,000 are needed\. Run 'ulimit -Hn 20000/],
  ["files of all processes", { allFiles: 100_000 }, /sysctl fs\.file-max=2100000/],
];
for (const [title, limits, remedy] of short)
  test(`too little ${title} is told with the remedy, and is enough for few connections`, (t) => {
    const [text, ...others] = exceeded({ ...ample, ...limits }, MILLION, false);
    t.regex(text ?? "", remedy);
    t.deepEqual(others, []);
    t.deepEqual(exceeded({ ...ample, ...limits }, 1000, false), []);
  });

test("this kernel tells its limits", async (t) => {
  const { availableMiB, openFiles, allFiles } = await readLimits();
  for (const limit of [availableMiB, openFiles, allFiles]) t.true(limit !== null && limit > 0);
});
