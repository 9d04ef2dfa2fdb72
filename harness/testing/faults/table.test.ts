// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { replaceTable, tableText } from "./table.ts";

const row = { kind: "killed", fault: "a | b", wanted: "exit code 3", got: "exit code 0", passed: false };

test("a row that is not as wanted says what it got, and a bar ends no cell", (t) => {
  const text = tableText([row, { ...row, passed: true }], "2026-11-29");
  t.regex(text, /^2 rows on 2026-11-29, 1 not as wanted\.$/m);
  t.true(text.includes("| killed | a \\| b | exit code 3 | **no**: exit code 0 |"));
  t.true(text.includes("| killed | a \\| b | exit code 3 | yes |"));
});

test("a table takes the place of the one before, and what stands around it stays", (t) => {
  const page = "before\n<!-- x -->\nold\n<!-- end of x -->\nafter\n";
  t.is(replaceTable(page, "x", "new\n"), "before\n<!-- x -->\n\nnew\n\n<!-- end of x -->\nafter\n");
  t.throws(() => replaceTable(page, "y", "new"), { message: /There is no '<!-- y -->'/ });
});
