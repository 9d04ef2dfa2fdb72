// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { failedTests, passedAgain, wordsOf } from "./again.ts";

const FILES = ["a/one.test.ts", "a/one.lab.test.ts", "b.vm.test.ts"];
const outputOf = (...end: string[]) => ({
  output: [
    "  ✔ a › one › holds",
    "  ✘ [fail]: a › one.lab › is fast Error",
    "  ─",
    "",
    ...end.slice(0, -1),
    "  ─",
    "",
    ...end.slice(-1),
    "",
  ].join("\n"),
});

test("the tests that failed are found by file and title, and run again one at a time", (t) => {
  const phase = outputOf(
    "  a › one.lab › is fast",
    "",
    "  a/one.lab.test.ts:7",
    "",
    "  b.vm › counts 2 › of 3",
    "",
    "  2 tests failed",
  );
  const found = failedTests(phase, FILES);
  t.deepEqual(found, [
    { file: "a/one.lab.test.ts", title: "is fast" },
    { file: "b.vm.test.ts", title: "counts 2 › of 3" },
  ]);
  // Where all of them are in one folder AVA leaves it out.
  t.deepEqual(failedTests(outputOf("  one.lab › is fast", "  1 test failed"), FILES), [found[0]]);
  const words = "--concurrency 1 --match|is fast|--match|counts 2 › of 3|a/one.lab.test.ts|b.vm.test.ts";
  t.deepEqual(wordsOf(found).join("|").replace("--concurrency|1|", "--concurrency 1 "), words);
});

test("a crash, a test that never ended and many failures are final", (t) => {
  const one = ["  a › one.lab › is fast", ""];
  t.deepEqual(failedTests(outputOf(...one, "  1 test failed", "  1 uncaught exception"), FILES), []);
  t.deepEqual(failedTests(outputOf(...one, "  1 test failed", "  2 tests remaining in b.vm.test.ts"), FILES), []);
  const many = Array.from({ length: 21 }, (_, i) => `  a › one.lab › is fast ${i}`);
  t.deepEqual(failedTests(outputOf(...many, "  21 tests failed"), FILES), []);
});

test("only what ran again and passed has passed", (t) => {
  const [one, two] = [
    { file: "a/one.lab.test.ts", title: "is fast" },
    { file: "b.vm.test.ts", title: "counts" },
  ];
  const both = "  ✔ a › one.lab › is fast\n  ✔ b.vm › counts\n  ─\n";
  t.deepEqual(passedAgain([one, two], { output: both }), [one, two]);
  const half =
    "  ✔ a › one.lab › is fast\n  ✘ [fail]: b.vm › counts Error\n  ─\n\n  b.vm › counts\n\n  1 test failed\n";
  t.deepEqual(passedAgain([one, two], { output: half }), [one]);
  t.deepEqual(passedAgain([one, two], { output: "" }), [], "nothing ran");
  const crashed = `${half}  1 uncaught exception\n`;
  t.deepEqual(passedAgain([one, two], { output: crashed }), []);
});
