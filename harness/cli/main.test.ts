// SPDX-License-Identifier: Apache-2.0
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { outcomeOf, program, root } from "../testing/machine.ts";

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

test("a signal that comes when the command has ended takes nothing of its exit code", async (t) => {
  const script = `
    import { spawn } from "node:child_process";
    import { runMain } from "./harness/cli/main.ts";
    const loop = "i=0; while [ $i -lt 20000 ] && kill -TERM " + process.pid + "; do i=$((i + 1)); done 2>/dev/null";
    process.on("exit", () => spawn("sh", ["-c", loop], { stdio: "ignore" }));
    await runMain(async () => 4);`;
  const { status } = await outcomeOf([process.execPath, "--import=tsx", "--input-type=module", "-e", script], {
    cwd: root,
  });
  t.is(status, 4);
});

test("output that a full disk does not take is exit code 3 and a sentence; a closed pipe ends the command", async (t) => {
  const words = (to: string) => ["sh", "-c", `exec ./load-balancer.ts list --json ${to}`];
  const full = await outcomeOf(words(">/dev/full"), { cwd: root });
  t.deepEqual(full, { status: 3, stdout: "", stderr: "Cannot write the output: the disk is full.\n" });
  const closed = await outcomeOf(["bash", "-c", "set -o pipefail; ./load-balancer.ts list --json | true"], {
    cwd: root,
  });
  t.deepEqual([closed.status, closed.stderr], [130, ""]);
});

test("a removed working directory and too few open files are exit code 3 and a sentence", async (t) => {
  const gone = await outcomeOf(["sh", "-c", `cd "$(mktemp -d)" && rmdir "$PWD" && exec '${program}' version`]);
  t.is(gone.status, 3);
  t.regex(gone.stderr, /The working directory has been removed: change to another\.\n$/);
  for (const limit of [20, 48, 256]) {
    const few = await outcomeOf(["sh", "-c", `ulimit -n ${limit}; exec '${program}' version`]);
    t.is(few.status, 3);
    t.is(few.stderr, `A process may open ${limit} files here, and 300 are needed: raise 'ulimit -n' as root.\n`);
  }
  t.is((await outcomeOf(["sh", "-c", `ulimit -n 300; exec '${program}' list`])).status, 0);
});

test("a checkout whose path has '?' or a backslash is exit code 3 and a sentence; '%', '#', ':' and a space are taken", async (t) => {
  const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-paths-"));
  t.teardown(() => rmSync(scratch, { recursive: true, force: true }));
  for (const name of ["what?", "back\\slash", "50%", "#1", "a:b", "a b"]) {
    const checkout = path.join(scratch, name);
    mkdirSync(checkout);
    symlinkSync(path.join(root, "node_modules"), path.join(checkout, "node_modules"));
    cpSync(path.join(root, "harness/cli/launch.sh"), path.join(checkout, "harness/cli/launch.sh"));
    writeFileSync(path.join(checkout, "main.ts"), 'const word: string = "runs";\nconsole.log(word);\n');
    const { status, stdout, stderr } = await outcomeOf([
      path.join(checkout, "harness/cli/launch.sh"),
      path.join(checkout, "main.ts"),
    ]);
    if (/[?\\]/.test(name)) {
      t.is(status, 3);
      t.is(
        stderr,
        `Node.js loads no modules from '${checkout}': rename the folder so that its path has no '?' and no '\\'.\n`,
      );
    } else t.deepEqual([status, stdout, stderr], [0, "runs\n", ""], name);
  }
});

test("a home that cannot be written, or be at all, keeps no command from its end", async (t) => {
  const env = { HOME: "/proc/nowhere", XDG_CACHE_HOME: undefined, XDG_RUNTIME_DIR: undefined };
  for (const words of [["list"], ["kernels"], ["clean"]]) {
    const { status, stderr } = await outcomeOf([program, ...words], { env, timeoutMs: 60_000 });
    t.true(status === 0 || status === 3, `${words.join(" ")}: ${status} ${stderr}`);
    t.notRegex(stderr, /\n +at /);
  }
});
