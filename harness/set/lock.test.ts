// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { launchProgram } from "../host/program.ts";
import { LabError } from "../runtime/runtime.ts";
import { lockSet } from "./lock.ts";

test("a folder takes one set at a time, the next when that has ended, and what a killed one left is taken over", async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-lock-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const first = lockSet(dir);
  const error = t.throws(() => lockSet(dir), { instanceOf: LabError });
  t.regex(error?.message ?? "", /Another command is writing its set of runs to '.*'\. Try another --out/);
  const [name = ""] = readdirSync(dir);
  const owner = JSON.parse(readFileSync(path.join(dir, name), "utf8")) as object;
  first[Symbol.dispose]();
  t.deepEqual(readdirSync(dir), []);
  const { pid, ended } = launchProgram(["true"]);
  await ended;
  writeFileSync(path.join(dir, name), JSON.stringify({ ...owner, pid }));
  lockSet(dir)[Symbol.dispose]();
  t.deepEqual(readdirSync(dir), []);
  writeFileSync(path.join(dir, name), "written by hand");
  t.throws(() => lockSet(dir), { instanceOf: LabError });
});
