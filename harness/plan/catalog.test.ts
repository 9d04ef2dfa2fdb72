// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Backend } from "../api/backend.ts";
import type { Scenario } from "../api/scenario.ts";
import { findCases, findNamed } from "./catalog.ts";

const named = <T>(...names: string[]) => names.map((name) => ({ name }) as T & { name: string });
const catalog = {
  backends: named<Backend>("one", "two"),
  scenarios: named<Scenario>("connect", "scale"),
  runtimes: [],
};

test("globs and 'all' find cases, each once", (t) => {
  const names = (patterns: string[]) => findCases(catalog, patterns).map((c) => c.name);
  t.deepEqual(names(["one_*"]), ["one_scale"]);
  t.deepEqual(names(["all"]), ["one", "one_scale", "two", "two_scale"]);
  t.deepEqual(names(["two", "t*", "two"]), ["two", "two_scale"]);
});

test("an unknown name lists what there is, the nearest first", (t) => {
  t.throws(() => findCases(catalog, ["one_scael"]), {
    message: "There is no case 'one_scael'. Did you mean 'one_scale'? Others: one, two, two_scale.",
  });
  t.throws(() => findNamed("backend", catalog.backends, "on"), { message: /Did you mean 'one'/ });
});
