// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { outcomeOf, root } from "../testing/machine.ts";
import { makeDirs } from "./make-dirs.ts";

test("folders are made with those above them, and what is there already stays", (t) => {
  const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-dirs-"));
  t.teardown(() => rmSync(scratch, { recursive: true, force: true }));
  for (let n = 0; n < 2; n++) makeDirs(path.join(scratch, "a/b/c"), 0o700);
  t.is(statSync(path.join(scratch, "a/b")).mode & 0o777, 0o700);
});

test("a folder that cannot be is an error, and no wait without end: below /proc, and in a working directory that was removed", async (t) => {
  const script = `
    import { mkdtempSync, rmdirSync } from "node:fs";
    import { makeDirs } from "./harness/util/make-dirs.ts";
    const said = (dir) => { try { makeDirs(dir); return "made"; } catch (error) { return error.code ?? error.message; } };
    const results = [said("/proc/nowhere/a"), said("/dev/null/a")];
    const gone = mkdtempSync("/tmp/load-balancer-gone-");
    process.chdir(gone);
    rmdirSync(gone);
    console.log([...results, said("a/b")].join(" "));`;
  const { stdout, stderr } = await outcomeOf([process.execPath, "--import=tsx", "--input-type=module", "-e", script], {
    cwd: root,
    timeoutMs: 20_000,
  });
  t.is(stdout, "ENOENT ENOTDIR ENOENT\n", stderr);
});
