// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { LabError } from "../runtime/runtime.ts";
import { launchProgram, programsRunning, runProgram } from "./program.ts";

test("words reach a program as they are, and its output is given in text and bytes", async (t) => {
  const words = ["", "a b", "$HOME `id`", 'it\'s\n"two" \\lines', "*", "ä"];
  const { code, stdout, bytes } = await runProgram(["printf", "%s|", ...words]);
  t.is(code, 0);
  t.is(stdout, words.map((word) => `${word}|`).join(""));
  const raw = Uint8Array.of(0, 255, 195, 10, 0);
  t.deepEqual([...(await runProgram(["cat"], { input: raw })).bytes], [...raw]);
  t.is(bytes.toString(), stdout);
});

test("a program that fails is one sentence with its last words", async (t) => {
  const error = await t.throwsAsync(
    runProgram(["sh", "-c", "echo much; echo 'the first' >&2; echo 'the reason' >&2; exit 3"]),
    { instanceOf: LabError, message: "Cannot run 'sh -c': the first the reason" },
  );
  t.truthy(error?.cause);
  await t.throwsAsync(runProgram(["false"]), { message: "Cannot run 'false': it ended with code 1." });
  await t.throwsAsync(runProgram(["sh", "-c", "kill -KILL $$"]), {
    message: "Cannot run 'sh -c': it was ended by signal SIGKILL.",
  });
  t.like(await runProgram(["sh", "-c", "exit 3"], { check: false }), { code: 3, signal: null });
  t.like(await runProgram(["sh", "-c", "kill -TERM $$"], { check: false }), { code: null, signal: "SIGTERM" });
});

test("a program that is not there is an error even where failure is none", async (t) => {
  await t.throwsAsync(runProgram(["no-such-program", "x"], { check: false }), {
    instanceOf: LabError,
    message: "Cannot run 'no-such-program x': there is no such program.",
  });
  t.like(await runProgram(["sh", "-c", "exit 127"], { check: false }), { code: 127 });
  await t.throwsAsync(runProgram(["true"], { cwd: "/no/such/folder", check: false }), {
    message: /^Cannot run 'true': /,
  });
});

test("a program that takes too long is ended", async (t) => {
  const begin = performance.now();
  await t.throwsAsync(runProgram(["sleep", "60"], { timeoutMs: 200, check: false }), {
    instanceOf: LabError,
    message: "Cannot run 'sleep 60': it took longer than 0.2 s.",
  });
  t.true(performance.now() - begin < 5000);
});

test("an aborted signal ends a program, and its reason is the error", async (t) => {
  const controller = new AbortController();
  const { pid, ended } = launchProgram(["sleep", "60"], { signal: controller.signal });
  const reason = new Error("enough");
  controller.abort(reason);
  t.is(await t.throwsAsync(ended), reason);
  await delay(50);
  t.throws(() => process.kill(pid ?? 0, 0), { code: "ESRCH" });
  t.is(
    t.throws(() => launchProgram(["true"], { signal: controller.signal })),
    reason,
  );
});

test("a program finds sbin and its own variables, and loses those that are undefined", async (t) => {
  process.env.LB_TEST_GONE = "1";
  const { stdout } = await runProgram(["sh", "-c", 'echo "$PATH|$LB_TEST_OWN|$LB_TEST_GONE"'], {
    env: { LB_TEST_OWN: "own", LB_TEST_GONE: undefined },
  });
  t.regex(stdout, /:\/usr\/sbin:\/sbin\|own\|$/m);
  t.notRegex(stdout, /node_modules/);
});

test("one that never reads its input, and one that is watched by its pid", async (t) => {
  t.is((await runProgram(["true"], { input: "x".repeat(1_000_000) })).code, 0);
  const running = launchProgram(["sh", "-c", "echo $$; exec sleep 60"], { check: false });
  const [first] = await new Promise<Buffer[]>((resolve) => running.stdout.once("data", (chunk) => resolve([chunk])));
  t.is(Number(first), running.pid ?? 0);
  running.kill("SIGINT");
  t.like(await running.ended, { code: null, signal: "SIGINT" });
});

test("the user's ~/.bashrc has no say, though bash takes a pipe for a network's connection", async (t) => {
  const home = mkdtempSync(path.join(tmpdir(), "load-balancer-home-"));
  t.teardown(() => rmSync(home, { recursive: true }));
  writeFileSync(path.join(home, ".bashrc"), "echo said by .bashrc\n");
  const env = { HOME: home };
  t.is((await runProgram(["cat"], { input: "read", env })).stdout, "read");
  const level = { ...env, SHLVL: undefined };
  t.is((await runProgram(["cat"], { input: "read", env: level })).stdout, "said by .bashrc\nread", "as bash would");
});

test.serial("a guest's turn comes when no program is waited for: those in the background do not count", async (t) => {
  const before = programsRunning();
  const loop = launchProgram(["sleep", "60"], { check: false, isBackground: true });
  t.is(programsRunning(), before);
  const waited = launchProgram(["sleep", "60"], { check: false });
  t.is(programsRunning(), before + 1);
  for (const one of [loop, waited]) one.kill("SIGKILL");
  await Promise.all([loop.ended, waited.ended]);
  t.is(programsRunning(), before);
});
