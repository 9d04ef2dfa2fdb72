// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { launchProgram } from "../../host/program.ts";
import { eventually, root } from "../../testing/machine.ts";
import { cached, locked } from "./cache.ts";

const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-cache-"));
test.after.always(() => rmSync(dir, { recursive: true, force: true }));
process.env.XDG_CACHE_HOME = dir;

test("who wants an entry that is being made waits for it", async (t) => {
  let made = 0;
  const make = async (at: string) => {
    made++;
    await mkdir(at);
    await sleep(200);
    await writeFile(path.join(at, "file"), "whole");
  };
  const places = await Promise.all([1, 2, 3].map(() => cached("kernels/one", make)));
  t.deepEqual([made, new Set(places).size], [1, 1]);
  t.is(await readFile(path.join(places[0] ?? "", "file"), "utf8"), "whole");
});

test("an entry that could not be made is made by the next", async (t) => {
  await t.throwsAsync(
    cached("two", () => Promise.reject(new Error("no"))),
    { message: "no" },
  );
  t.is(await cached("two", (at) => writeFile(at, "2")), path.join(dir, "load-balancer/two"));
});

test("who waits for its turn can be interrupted", async (t) => {
  const stop = new AbortController();
  await locked("three", undefined, async () => {
    const waiting = locked("three", stop.signal, () => Promise.resolve());
    stop.abort(new Error("interrupted"));
    await t.throwsAsync(waiting, { message: "interrupted" });
  });
});

test("the lock of a killed process is free", async (t) => {
  const script = `import { locked } from "./harness/runtime/vm/cache.ts";
    await locked("four", undefined, () => new Promise(() => { console.log("mine"); setInterval(() => {}, 1000); }));`;
  const other = launchProgram([process.execPath, "--import=tsx", "--input-type=module", "-e", script], {
    cwd: root,
    check: false,
  });
  let said = "";
  other.stdout.on("data", (text) => (said += String(text)));
  await eventually(() => said.includes("mine"), 50_000);
  other.kill("SIGKILL");
  await other.ended;
  t.is(await locked("four", undefined, () => Promise.resolve(4)), 4);
});
