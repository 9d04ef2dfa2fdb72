// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { outcomeOf, program } from "../testing/machine.ts";
import { dryRunJson, dryRunText } from "./dry-run.ts";

test("the sum is the traffic of all runs and some seconds around each", (t) => {
  const text = dryRunText([
    { name: "ecmp_scale", seed: 1, trafficS: 20 },
    { name: "ecmp_scale", seed: 2, trafficS: 20 },
  ]);
  t.is(text.split("\n")[2], "2 runs: about 50 s, 40 s of it traffic. Nothing was run.");
  const many = Array.from({ length: 60 }, (_, seed) => ({ name: "ecmp_scale", seed, trafficS: 20 }));
  t.is(dryRunText(many).split("\n")[60], "60 runs: about 25 min, 20 min of it traffic. Nothing was run.");
  const night = many.map((one) => ({ ...one, trafficS: 200 }));
  t.is(dryRunText(night).split("\n")[60], "60 runs: about 3.4 h, 3.3 h of it traffic. Nothing was run.");
  t.regex(dryRunText(night, true).split("\n")[61] ?? "", /^Seconds are the lab's: in virtual time/);
});

test("for programs it is JSON", (t) => {
  t.deepEqual(JSON.parse(dryRunJson([{ name: "ecmp_scale", seed: 1, trafficS: 20 }])), {
    runs: [{ name: "ecmp_scale", seed: 1, trafficS: 20 }],
    trafficS: 20,
    aboutS: 25,
  });
});

test("--dry-run prints every run of this shard with its seed and starts none", async (t) => {
  const words = ["test", "ecmp_scale", "ecmp_scale_in", "--repeat", "2", "--shard", "1/2", "--dry-run"];
  const { status, stdout } = await outcomeOf([program, ...words]);
  t.is(status, 0);
  t.regex(stdout, /^ecmp_scale, seed 1: 20 s of traffic\necmp_scale_in, seed 1: 10 s of traffic\n2 runs: about 40 s/);
});

test("of a guest in virtual time it says whose seconds these are", async (t) => {
  const dry = async (...words: string[]) =>
    (await outcomeOf([program, "test", "ecmp_scale", "--dry-run", ...words])).stdout.includes("virtual time");
  t.true(await dry("--runtime", "vm"));
  t.false(await dry("--runtime", "vm", "--time", "real"));
  t.false(await dry());
});
