// SPDX-License-Identifier: Apache-2.0
import { readlinkSync } from "node:fs";
import test from "ava";
import { askKernel, tried } from "./kernel-probe.ts";

test("a probe that times out is tried again, and is no answer of the kernel", async (t) => {
  const late = ["sh", "-c", "sleep 0.3; echo here >&2; exit 1"];
  t.is(await tried(["sleep", "9"], "", [20, 40]), null);
  t.like(await tried(late, "", [20, 20_000]), { code: 1, stderr: "here\n" });
});

test("a program that cannot be started is an answer", async (t) => {
  t.regex((await tried(["/nowhere/probe"], ""))?.stderr ?? "", /no such (program|file)/i);
});

test("root asks in this user namespace, as a chroot has no other; others in one of their own", async (t) => {
  const isOurs = `test "$(readlink /proc/self/ns/user)" = '${readlinkSync("/proc/self/ns/user")}'`;
  const own = { what: "such namespace", argv: ["sh", "-c", isOurs], input: "", remedy: "None." };
  t.is((await askKernel([own], null)).length, process.geteuid?.() === 0 ? 0 : 1);
  const net = `test "$(readlink /proc/self/ns/net)" != '${readlinkSync("/proc/self/ns/net")}'`;
  t.deepEqual(await askKernel([{ ...own, argv: ["sh", "-c", net] }], null), []);
});
