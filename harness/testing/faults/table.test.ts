// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { lineText, mergeTable } from "./table.ts";

const columns = ["runtime", "phase", "SIGKILL"];
const line = (...cells: string[]) => ({ cells, passed: true });

test("a bar or a new line in a cell ends no cell", (t) => {
  t.is(lineText(line("a | b", "c\nd")), "| a \\| b | c d |");
});

test("a line takes the place of the one with the same first cells, new ones come behind, and what stands around stays", (t) => {
  const page = "before\n<!-- x -->\n<!-- end of x -->\nafter\n";
  const first = mergeTable(page, "x", columns, [line("netns", "up", "1 of 1"), line("netns", "down", "1 of 1")]);
  t.is(
    first,
    "before\n<!-- x -->\n\n| runtime | phase | SIGKILL |\n|---|---|---|\n| netns | up | 1 of 1 |\n| netns | down | 1 of 1 |\n\n<!-- end of x -->\nafter\n",
  );
  const second = mergeTable(first, "x", columns, [line("netns", "up", "20 of 20"), line("vm", "up", "5 of 5")]);
  t.deepEqual(second.split("\n").slice(5, 8), [
    "| netns | up | 20 of 20 |",
    "| netns | down | 1 of 1 |",
    "| vm | up | 5 of 5 |",
  ]);
  const renamed = mergeTable(second, "x", ["kind", "fault", "got"], [line("a", "b", "yes")]);
  t.notRegex(renamed, /netns/);
  t.throws(() => mergeTable(page, "y", columns, []), { message: /There is no '<!-- y -->'/ });
});
