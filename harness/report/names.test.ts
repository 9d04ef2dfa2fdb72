// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { reporters } from "./index.ts";
import { REPORTERS, RUN_REPORTERS } from "./names.ts";

test("the names that --reporter takes are those of the reporters of runs, and two of sets only", (t) => {
  t.deepEqual(Object.keys(reporters).sort(), [...RUN_REPORTERS].sort());
  t.deepEqual(
    REPORTERS.filter((name) => !(name in reporters)),
    ["github", "json"],
  );
});
