// SPDX-License-Identifier: Apache-2.0
// nftlb's own daemon under traffic: what it keeps, and that a change of its rules draws a new seed.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { netns } from "../../harness/testing/lab.ts";
import { runCase } from "../../harness/testing/run-case.ts";
import { isSkipped } from "../../harness/testing/skip.ts";
import { nftlb } from "./nftlb.ts";

const out = mkdtempSync(path.join(tmpdir(), "nftlb-"));
test.after.always(() => rmSync(out, { recursive: true, force: true }));

const LOAD = [
  "--targets",
  "4",
  "--scale",
  "1",
  "--connections",
  "400",
  "--rate",
  "800",
  "--at",
  "1",
  "--duration",
  "3",
];
const missing = async () => [...(await netns.missing()), ...(await nftlb.missing(netns, nftlb.options.parse({})))];

test.serial("the connections of the target that leaves by REST are lost, and no other", async (t) => {
  if (isSkipped(t, await missing())) return;
  const { summary } = await runCase(t, "nftlb_scale_in", LOAD, { out: path.join(out, "dnat") });
  t.is(summary.verdict, "pass", summary.reasons.join("\n"));
  t.like(summary.events[0], { lost: 100, predicted: 100, mispredicted: 0 });
});

test.serial("with direct return a change moves every flow with the probability of a new seed", async (t) => {
  if (isSkipped(t, await missing())) return;
  const { summary } = await runCase(t, "nftlb_scale_in", [...LOAD, "--set", "mode=dsr"], {
    out: path.join(out, "dsr"),
  });
  t.is(summary.verdict, "pass", summary.reasons.join("\n"));
  // A quarter was the leaving target's; of the others two thirds.
  const [event] = summary.events;
  const share = (event?.lost ?? 0) / (event?.alive ?? 1);
  t.true(share > 0.6 && share < 0.9, `${share}`);
});

test.serial("with direct return in turn each packet gets a target of its own, and the run says so", async (t) => {
  if (isSkipped(t, await missing())) return;
  const words = ["--targets", "4", "--connections", "300", "--set", "mode=dsr", "--set", "scheduler=rr"];
  const { summary } = await runCase(t, "nftlb", words, { out: path.join(out, "packets") });
  t.is(summary.verdict, "fail", summary.reasons.join("\n"));
  t.regex(summary.reasons[0] ?? "", /connections split over targets, [\d,]+ of [\d,]+/);
  const { connections = 1, split = 0 } = summary.split ?? {};
  t.true(split > 0.9 * connections, JSON.stringify(summary.split));
});
