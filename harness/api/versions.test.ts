// SPDX-License-Identifier: Apache-2.0
// What a program says when it cannot work is no version of it.
import test from "ava";
import { versionsHere } from "./versions.ts";

const versionWhere = async (script: string, debian = "no-such-package"): Promise<string | undefined> =>
  (await versionsHere([{ tools: [{ name: "/bin/sh", package: debian, version: ["-c", script] }] }], null))[debian];

test("a version is the first line that has one", async (t) => {
  t.is(await versionWhere("echo; echo a balancer; echo balancer 1.31 of 2019 >&2"), "balancer 1.31 of 2019");
  t.is(await versionWhere("echo rolling"), "rolling");
  t.is(await versionWhere("exit 127"), "not installed");
});

test("a program that refuses to say it has the version of its package, or none that is known", async (t) => {
  const refusal = "echo 'Cannot initialize: Protocol not available' >&2; exit 2";
  t.is(await versionWhere(refusal), "unknown");
  const bash = await versionWhere(refusal, "bash");
  t.regex(bash ?? "", /^(package bash \d\S+|unknown)$/);
  t.notRegex(bash ?? "", /initialize/);
});

test("a program says its version without the folder that it was found in", async (t) => {
  t.is(await versionWhere('echo "$0, the balancer, version 1.0"'), "sh, the balancer, version 1.0");
});
