// SPDX-License-Identifier: Apache-2.0
// The program as JavaScript: what it says is what the sources say, and it runs only while it is not older than they are.
import { cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { outcomeOf, root } from "../testing/machine.ts";

const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-compile-"));
test.after.always(() => rmSync(dir, { recursive: true, force: true }));

const compiled = path.join(root, "build/js/load-balancer.js");

test("compiled and source say the same", async (t) => {
  const words = ["help", "--markdown"];
  const [js, ts] = await Promise.all([
    outcomeOf([process.execPath, compiled, ...words]),
    outcomeOf([process.execPath, "--import=tsx", path.join(root, "load-balancer.ts"), ...words], { cwd: root }),
  ]);
  t.deepEqual([js.status, js.stderr, js.stdout], [0, "", ts.stdout]);
  t.true(js.stdout.length > 10_000);
});

test("the compiled program takes a backend in TypeScript that a configuration file names", async (t) => {
  const config = path.join(dir, "config.json");
  writeFileSync(config, JSON.stringify({ options: { backend: [path.join(root, "images/example/ecmp.ts")] } }));
  const { status, stdout, stderr } = await outcomeOf([
    process.execPath,
    compiled,
    "list",
    "--cases",
    "--config",
    config,
  ]);
  t.deepEqual([status, stderr], [0, ""]);
  t.regex(stdout, /^my-ecmp_scale$/m);
});

test("the launcher runs what is compiled while no source is newer, and no backend of the user may import sources", async (t) => {
  const file = (name: string, text: string, minutes: number) => {
    const at = path.join(dir, name);
    mkdirSync(path.dirname(at), { recursive: true });
    writeFileSync(at, text);
    utimesSync(at, minutes * 60, minutes * 60);
  };
  cpSync(path.join(root, "harness/cli/launch.sh"), path.join(dir, "harness/cli/launch.sh"));
  file("node_modules/tsx/dist/loader.mjs", 'console.log("source"); process.exit();', 0);
  file("package.json", '{"type": "module"}', 0);
  file("load-balancer.ts", "", 0);
  file("build/js/load-balancer.js", 'console.log("compiled");', 2);
  for (const folder of ["lb", "scenarios"]) mkdirSync(path.join(dir, folder));
  const runs = async (...words: string[]) => {
    const launch = [path.join(dir, "harness/cli/launch.sh"), path.join(dir, "load-balancer.ts")];
    return (await outcomeOf([...launch, ...words])).stdout.trim();
  };
  t.is(await runs("test", "all"), "compiled");
  t.is(await runs("test", "--backend", "mine.ts", "all"), "source");
  t.is(await runs("test", "all", "--backend=mine.ts"), "source");
  file("lb/a.test.ts", "", 3);
  t.is(await runs(), "compiled");
  file("lb/a.ts", "", 3);
  t.is(await runs(), "source");
});
