// SPDX-License-Identifier: Apache-2.0
// Guests in virtual time side by side: neither sees the other, and an interruption ends both.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { launchProgram } from "../harness/host/program.ts";
import { eventually, marker, program, runMain } from "../harness/testing/machine.ts";
import { isSkipped } from "../harness/testing/skip.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-jobs-"));
const words = "test nfqueue_scale_in --kernel debian:6.1 --time virtual --targets 3 --connections 60 --scale 1".split(
  " ",
);
const times = "--at 0.8 --duration 1.9 --rate 120".split(" ");
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

async function cannot(t: ExecutionContext): Promise<boolean> {
  const { missingVm } = await import("../harness/runtime/vm/missing.ts");
  return isSkipped(t, await missingVm());
}

const out = (name: string) => path.join(scratch, name);
const file = (folder: string, seed: number, name: string) => {
  const run = readdirSync(out(folder)).find((each) => each.endsWith(`-${seed}`)) ?? "none";
  return readFileSync(path.join(out(folder), run, name)).toString("hex");
};

test.serial("two guests at a time leave each the record that it leaves alone, in whole lines", async (t) => {
  if (await cannot(t)) return;
  const both = await runMain([...words, ...times, "--repeat", "2", "--jobs", "2", "--out", out("both")]);
  t.is(both.status, 0, both.stderr);
  const lines = both.stderr.split("\n").filter((line) => line.includes("bringing the lab up"));
  t.deepEqual(
    lines.map((line) => line.slice(0, 5)),
    ["[1/2]", "[2/2]"],
  );
  t.true(both.stderr.lastIndexOf("bringing the lab up") < both.stderr.indexOf("taking the lab down"), both.stderr);
  t.deepEqual(both.stdout.match(/^(PASS|Run:)/gm), ["PASS", "Run:", "PASS", "Run:"]);
  const alone = await runMain([...words, ...times, "--seed", "2", "--out", out("alone")]);
  t.is(alone.status, 0, alone.stderr);
  for (const name of ["connections.bin", "logs/dmesg.txt"]) t.is(file("both", 2, name), file("alone", 2, name));
  t.not(file("both", 1, "connections.bin"), file("both", 2, "connections.bin"), "another seed is another run");
});

test.serial("an interruption ends both guests: exit code 130, and no process is left", async (t) => {
  if (await cannot(t)) return;
  const { env, processes } = marker("jobs");
  const argv = [program, ...words, "--repeat", "3", "--jobs", "2", "--out", out("interrupted"), "--reporter", "json"];
  const running = launchProgram(argv, { env, check: false, timeoutMs: 120_000 });
  let said = "";
  running.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const under = () => ["[1/3]", "[2/3]"].every((place) => said.includes(`${place} nfqueue_scale_in: traffic`));
  t.true(await eventually(under, 100_000), said);
  running.kill("SIGINT");
  t.is((await running.ended).code, 130, said);
  t.true(await eventually(() => processes().length === 0, 5000));
  t.notRegex(said, /\[3\/3\]/);
});
