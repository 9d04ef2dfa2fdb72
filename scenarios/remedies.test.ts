// SPDX-License-Identifier: Apache-2.0
// Each gap that `doctor` can tell has a command, and that command closes it: setup brings the packages, modprobe loads what a kernel has.
import test from "ava";
import { setupFor } from "../harness/host/brought.ts";
import { needs } from "./needs.testing.ts";

test("what a backend needs is brought by setup with the words that the gap names", (t) => {
  for (const [name, { tools = [], programs = [] }] of needs) {
    for (const tool of tools) t.is(setupFor([tool.package]), "./setup", `${name}: ${tool.name}`);
    for (const { name: program, from, takes } of programs)
      t.truthy(setupFor(from === "ours" ? (takes ?? []) : from.packages.split(" ")), `${name}: ${program}`);
  }
});

test("what the kernel may lack has a command, or the version that has it", (t) => {
  const probes = needs.flatMap(([name, { kernel = [] }]) => kernel.map((probe) => ({ name, ...probe })));
  t.true(probes.length > 50);
  for (const { name, what, remedy } of probes)
    t.regex(
      remedy,
      /^(Run 'modprobe -a [\w ]+' as root, or use another kernel: '--runtime vm'|Use Linux \d+\.\d+ or newer)\.( Or try '--set variant=nft'\.)?$/,
      `${name}: ${what}`,
    );
});
