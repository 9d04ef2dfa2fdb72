// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { count, list } from "../util/numbers.ts";
import { wrap } from "../util/wrap.ts";
import { causes, digits, eventLabel, interval, share, shellLine } from "./format.ts";

test("numbers have thousands separators, percentages one decimal", (t) => {
  t.is(count(2213), "2,213");
  t.is(count(2.5), "2.5");
  t.is(count(null), "n/a");
  t.is(share(2213, 10_000), "22.1 %");
  t.is(share(0, 0), "n/a");
  t.is(interval([21.34, 22.96]), "21.3 to 23.0 %");
});

test("latencies keep three digits and never lose whole milliseconds", (t) => {
  t.is(digits(0.21349), "0.213");
  t.is(digits(12.345), "12.3");
  t.is(digits(12_345.6), "12,346");
});

test("events name up to three machines and count more", (t) => {
  t.is(eventLabel({ kind: "scale_in", machines: ["vm-001", "vm-002"] }), "vm-001 vm-002 leave");
  t.is(eventLabel({ kind: "scale_out", machines: ["vm-001"] }), "vm-001 returns");
  t.is(eventLabel({ kind: "scale_in", machines: ["a", "b", "c", "d"] }), "4 targets leave");
  t.is(eventLabel({ kind: "router_out", machines: ["vm-201"] }), "vm-201 leaves");
  t.is(eventLabel({ kind: "router_in", machines: ["a", "b", "c", "d"] }), "4 routers return");
});

test("causes come with the most frequent first and without those that did not occur", (t) => {
  t.is(causes({ reset: 3, wrong_target: 1200, eof: 0 }), "wrong target 1,200, reset 3");
  t.is(causes({}), "none");
});

test("lists end with an and", (t) => {
  t.deepEqual([[], ["a"], ["a", "b"], ["a", "b", "c"]].map(list), ["", "a", "a and b", "a, b and c"]);
});

test("text is wrapped between words, and a number keeps its unit", (t) => {
  t.deepEqual(wrap("lost at 15 s and 22.1 % more", 10), ["lost at", "15 s and", "22.1 %", "more"]);
  t.deepEqual(wrap("a-word-longer-than-the-line b", 5), ["a-word-longer-than-the-line", "b"]);
});

test("a command line is quoted so that a shell reads the same words", (t) => {
  t.is(shellLine(["./x.ts", "--scale", "1 2", "it's", ""]), "./x.ts --scale '1 2' 'it'\\''s' ''");
});
