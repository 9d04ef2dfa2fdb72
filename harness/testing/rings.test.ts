// SPDX-License-Identifier: Apache-2.0
// What holds for test files as such.
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "ava";
import { root } from "./machine.ts";
import { patternsOf, ringOf, testFiles } from "./rings.ts";

const files = testFiles().filter((name) => name !== "harness/testing/rings.test.ts");
const containing = (pattern: RegExp) =>
  files.filter((name) => pattern.test(readFileSync(path.join(root, name), "utf8")));

test("the name of a test file says its ring", (t) => {
  t.deepEqual(
    ["a/x.test.ts", "a/x.lab.test.ts", "a/x.docker.test.ts", "a/vm-parts.test.ts", "x.vm.test.ts"].map(ringOf),
    ["pure", "lab", "docker", "pure", "vm"],
  );
});

test("a test that brings up a lab, an engine, a guest or a browser is in the ring of that", (t) => {
  const outside = (ring: string, pattern: RegExp) =>
    containing(pattern).filter((name) => name.endsWith(".test.ts") && ringOf(name) !== ring);
  t.deepEqual(outside("lab", /\bnetns\.up\(/), []);
  t.deepEqual(outside("docker", /\bdocker\.up\(|\btestEngine\(/), []);
  t.deepEqual(outside("browser", /\bstartBrowser\(/), []);
});

test("rings are asked of AVA by patterns that leave the others out", (t) => {
  t.deepEqual(patternsOf(["docker", "vm"]), ["**/*.docker.test.ts", "**/*.vm.test.ts"]);
  t.deepEqual(patternsOf(["pure"]), ["**/*.test.ts", "!**/*.{lab,docker,vm,browser,}.test.ts"]);
  t.deepEqual(patternsOf(["pure", "lab", "docker", "vm", "browser"]), []);
});

test("no test passes for want of something: it is skipped, which is counted", (t) => {
  t.deepEqual(containing(/\bt\.pass\(/), []);
  t.deepEqual(containing(/t\.log\([^)]*SKIP|\.skip\(/), []);
});
