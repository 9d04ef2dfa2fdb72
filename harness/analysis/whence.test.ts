// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { whence } from "./whence.ts";

const at = (target: string | null, family: 4 | 6, count: number) => ({ target, family, count });

test("a place is named when most have it in common", (t) => {
  t.is(whence([at("vm-002", 6, 3)], "from", true), ", all from vm-002 over IPv6");
  t.is(whence([at("vm-002", 6, 3)], "from", false), ", all from vm-002");
  t.is(whence([at("vm-002", 6, 95), at("vm-001", 6, 5)], "to", true), ", nearly all to vm-002 over IPv6");
  t.is(whence([at("vm-002", 6, 8), at("vm-002", 4, 8), at("vm-001", 4, 3)], "to", true), ", most to vm-002");
  t.is(whence([at(null, 6, 9)], "to", true), ", all over IPv6");
  t.is(whence([at("vm-001", 4, 5), at("vm-002", 6, 5)], "to", true), "");
  t.is(whence([], "to", true), "");
});
