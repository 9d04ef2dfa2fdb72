// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { count, is, list, plural, was } from "./numbers.ts";

test("numbers have separators, and small expectations one decimal", (t) => {
  t.deepEqual([0, 1, 9.87, 99.96, 2213.4, null].map(count), ["0", "1", "9.9", "100", "2,213", "n/a"]);
});

test("nouns and verbs agree with their number", (t) => {
  t.deepEqual(
    [0, 1, 2].map((n) => `${plural(n, "connection")} ${was(n)} lost`),
    ["0 connections were lost", "1 connection was lost", "2 connections were lost"],
  );
  t.is(`${plural(1, "reply", "replies")} ${is(1)} late`, "1 reply is late");
  t.is(`${plural(1000, "reply", "replies")} ${is(1000)} late`, "1,000 replies are late");
});

test("a list has commas and one 'and'", (t) => {
  t.deepEqual([[], ["a"], ["a", "b"], ["a", "b", "c"]].map(list), ["", "a", "a and b", "a, b and c"]);
});
