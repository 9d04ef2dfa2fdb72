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

test("an unknown name is answered with what was probably meant", (t) => {
  const why = (...patterns: string[]) => t.throws(() => findCases(catalog, patterns)).message;
  t.is(why("one_scael"), "There is no case 'one_scael'. Did you mean 'one_scale'?");
  t.is(why("tw"), "There is no case 'tw'. Did you mean 'two' or 'two_scale'?");
  t.is(why("three_way"), "There is no case 'three_way'. Run './load-balancer.ts list' for all.");
  t.is(why("ten_*"), "No case matches 'ten_*'. Run './load-balancer.ts list' for all.");
});

test("a scenario's name is no case: the sentence says how one is named", (t) => {
  const why = (...patterns: string[]) => t.throws(() => findCases(catalog, patterns)).message;
  t.is(
    why("scale"),
    "'scale' is a scenario. A case is a backend and a scenario: 'one_scale' for one backend, '*_scale' for all.",
  );
  t.is(why("two", "scale"), "'scale' is a scenario. Did you mean 'two_scale'?");
});

test("of few names all are listed where none is near", (t) => {
  const why = (name: string) => t.throws(() => findNamed("backend", catalog.backends, name)).message;
  t.is(why("on"), "There is no backend 'on'. Did you mean 'one'?");
  t.is(why("haproxy"), "There is no backend 'haproxy'. There are: one, two.");
});
