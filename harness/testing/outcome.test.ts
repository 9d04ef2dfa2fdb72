// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { countsOf, describeSkips, type Phase, skipsIn } from "./outcome.ts";

const phase = (script: string, passed: boolean, output = ""): Phase => ({ script, passed, seconds: 1, output });
const AVA = `
  ✔ a › one (1.2s)
    ℹ SKIP: There is no browser.
  ✘ [fail]: a › two Error
  ✔ b › three
  ─

  a › two
  Difference (- actual, + expected):

  1 test failed
  1 uncaught exception
`;

test("a test that skipped itself is no pass, and each failure counts", (t) => {
  const skip = { file: "a.test.ts", title: "one", reasons: ["There is no browser."] };
  const phases = [phase("npm run lint", true, "SKIP: no linter\n"), phase("npm run test:ts", false, AVA)];
  const skips = [skip, ...phases.flatMap(skipsIn)];
  t.deepEqual(countsOf(phases, skips), { passed: 1, failed: 2, skipped: 2 });
});

test("a failed test that passed alone counts as passed", (t) => {
  const failed = phase("npm run test:ts", false, AVA.replace("  1 uncaught exception\n", ""));
  const passedAlone = [{ file: "a.test.ts", title: "two" }];
  t.deepEqual(countsOf([failed], []), { passed: 2, failed: 1, skipped: 0 });
  t.deepEqual(countsOf([{ ...failed, passedAlone }], []), { passed: 3, failed: 0, skipped: 0 });
});

test("a phase that fails without a test of its own counts as one failure", (t) => {
  t.deepEqual(countsOf([phase("npm run build", false)], []), { passed: 0, failed: 1, skipped: 0 });
});

test("a reason that several tests have is printed once, with their titles", (t) => {
  const skips = ["one", "two"].map((title) => ({ file: "a.test.ts", title, reasons: ["Why."] }));
  const text = describeSkips([
    ...skips,
    { file: "npm run test:fuzz", title: "npm run test:fuzz", reasons: ["No clang."] },
  ]);
  t.is(text, "  Why.\n    a.test.ts: one\n    a.test.ts: two\n  No clang.\n    npm run test:fuzz\n");
});
