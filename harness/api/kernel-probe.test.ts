// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { tried } from "./kernel-probe.ts";

test("a probe that times out is tried again, and is no answer of the kernel", async (t) => {
  const late = ["sh", "-c", "sleep 0.3; echo here >&2; exit 1"];
  t.is(await tried(["sleep", "9"], "", [20, 40]), null);
  t.like(await tried(late, "", [20, 20_000]), { code: 1, stderr: "here\n" });
});

test("a program that cannot be started is an answer", async (t) => {
  t.regex((await tried(["/nowhere/probe"], ""))?.stderr ?? "", /no such (program|file)/i);
});
