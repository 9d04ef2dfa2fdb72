// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { parseBackendOptions } from "../../harness/testing/lab.ts";
import backend from "./original.ts";

test("without its program the original is asked for, and it serves IPv4 and targets that stay", (t) => {
  const original = backend();
  t.regex(original.asks?.(parseBackendOptions(original, [])) ?? "", /needs the program: --set program=PATH/);
  t.is(original.asks?.(parseBackendOptions(original, ["program=/x"])), null);
  t.like(original.serves?.({}, 4), { families: [4], protocols: ["tcp", "udp"] });
  t.regex(original.serves?.({}, 4)?.fixed ?? "", /once, at its start/);
});
