// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { outcomeOf, root } from "../testing/machine.ts";

/** The outcome of a command that waits until it is aborted, then takes 50 ms to end in order. */
function outcomeOfCommand(duringIt: string) {
  const script = `
    import { runMain } from "./harness/cli/main.ts";
    await runMain(({ signal, print }) => new Promise((resolve) => {
      const held = setTimeout(() => {}, 60_000);
      signal.addEventListener("abort", () => setTimeout(() => { print("down"); clearTimeout(held); resolve(0); }, 50));
      setTimeout(() => { ${duringIt} }, 10);
    }));`;
  return outcomeOf([process.execPath, "--import=tsx", "--input-type=module", "-e", script], { cwd: root });
}

test("an error that no listener catches ends the command in order: exit code 3, with its stack", async (t) => {
  for (const thrown of ['throw new Error("of a listener");', 'Promise.reject(new Error("of a listener"));']) {
    const { status, stdout, stderr } = await outcomeOfCommand(thrown);
    t.is(status, 3, stderr);
    t.is(stdout, "down");
    t.regex(stderr, /^Error: of a listener\n +at /);
  }
});

test("a signal ends the command in order: exit code 130", async (t) => {
  const { status, stdout, stderr } = await outcomeOfCommand('process.kill(process.pid, "SIGTERM");');
  t.deepEqual([status, stdout, stderr], [130, "down", ""]);
});
