// SPDX-License-Identifier: Apache-2.0
// The package, in a folder of its own, with an empty home: it knows its revision, and builds its C programs on first use.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { runProgram } from "../host/program.ts";
import { outcomeOf, root } from "../testing/machine.ts";

const clean = mkdtempSync(path.join(tmpdir(), "load-balancer-pack-"));
test.after.always(() => rmSync(clean, { recursive: true, force: true }));

test("what npm pack makes works by itself", async (t) => {
  const home = path.join(clean, "home");
  const modules = path.join(clean, "node_modules");
  for (const dir of [home, modules]) mkdirSync(dir);
  const env = { HOME: home };
  await runProgram(["npm", "pack", "--silent", "--pack-destination", clean], { cwd: root, env, timeoutMs: 180_000 });
  const [archive = ""] = readdirSync(clean).filter((name) => name.endsWith(".tgz"));
  await runProgram(["tar", "-xzf", path.join(clean, archive), "-C", modules]);
  await runProgram(["mv", path.join(modules, "package"), path.join(modules, "load-balancer")]);
  // npm leaves the canvas out where it can be neither fetched nor built.
  for (const name of readdirSync(path.join(root, "node_modules")).filter((one) => !/^\.|canvas$/.test(one)))
    symlinkSync(path.join(root, "node_modules", name), path.join(modules, name));
  const program = path.join(modules, "load-balancer/load-balancer.ts");
  const first = await outcomeOf([program, "--version"], { cwd: home, env, timeoutMs: 220_000 });
  t.is(first.status, 0, first.stderr);
  t.regex(first.stdout, /^\d+\.\d+\.\d+ \([0-9a-f]{12}\)$/m);
  t.regex(first.stderr, /building its C programs, once, in /);
  const again = await outcomeOf([program, "list", "--cases"], { cwd: home, env });
  t.deepEqual([again.status, again.stderr], [0, ""]);
  t.regex(again.stdout, /^nfqueue_scale$/m);
  const results = path.join(clean, "results");
  const words = ["nfqueue_scale", "ecmp_scale", "--connections", "100", "--out", results];
  const undrawn = await outcomeOf([program, "simulate", ...words], { cwd: home, env });
  t.is(undrawn.status, 0, undrawn.stderr);
  const sentence = /No pictures are drawn, as the npm module chartjs-node-canvas is not installed\. Run '.*\/setup'/g;
  t.is(undrawn.stderr.match(sentence)?.length, 1, undrawn.stderr);
  const [run = ""] = readdirSync(results).filter((name) => name.includes("nfqueue_scale"));
  const asked = await outcomeOf([program, "report", path.join(results, run), "--format", "svg"], { cwd: home, env });
  t.is(asked.status, 3);
  t.regex(asked.stderr, /^Cannot write the svg report of '.*': No pictures are drawn, as .*\n$/);
});
