// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { readDelay, readList, readMillimetres, readNumber, readPercent, readSeconds } from "./quantities.ts";

test("a number may have an exponent or a factor", (t) => {
  const written = ["20", " 20 ", "10k", "10 K", "1e5", "1.1k", ".5", "2M", "1G", "-3", 7];
  t.deepEqual(written.map(readNumber), [20, 20, 10_000, 10_000, 100_000, 1100, 0.5, 2e6, 1e9, -3, 7]);
});

test("what is no number is none", (t) => {
  for (const text of [
    "",
    "x",
    "1x",
    "1 2",
    "0x10",
    "10m",
    "k",
    "1e",
    "--5",
    "1,000",
    "%",
    "5constructor",
    null,
    undefined,
    {},
    [],
  ])
    t.is(readNumber(text), Number.NaN, JSON.stringify(text));
});

test("a time is in seconds, or has its unit", (t) => {
  const written = ["20", "20s", "20 s", "500ms", "1e3us", "2min", "1h", 3.5];
  t.deepEqual(written.map(readSeconds), [20, 20, 20, 0.5, 0.001, 120, 3600, 3.5]);
  for (const text of ["s", "5m", "5 sec", "10k", ""]) t.is(readSeconds(text), Number.NaN, text);
});

test("a percentage has its sign and is at most 100", (t) => {
  t.deepEqual(["1%", "5 %", "0.25%", "1e1%", "100%", "0%"].map(readPercent), [
    "1%",
    "5%",
    "0.25%",
    "10%",
    "100%",
    "0%",
  ]);
  for (const text of ["1", "101%", "200%", "-1%", "much", "5constructor", "%", "", 1])
    t.is(readPercent(text), null, String(text));
});

test("a delay has a unit", (t) => {
  t.deepEqual(["10ms", "1.5 ms", "200us", "1s"].map(readDelay), ["10ms", "1.5ms", "200us", "1s"]);
  for (const text of ["10", "-1ms", "2h", "4000s", "ms", 10]) t.is(readDelay(text), null, String(text));
});

test("a length is millimetres, or has a unit", (t) => {
  t.deepEqual([85, "85", "85mm", "85 mm", "8.5cm"].map(readMillimetres), [85, 85, 85, 85, 85]);
  for (const text of ["85px", "wide", "", "3in"]) t.is(readMillimetres(text), Number.NaN, text);
});

test("a list is written with blanks or commas", (t) => {
  t.deepEqual(readList("1, 2 3"), ["1", "2", "3"]);
  t.deepEqual(readList(4), [4]);
  t.deepEqual(readList([1, "2"]), [1, "2"]);
  t.deepEqual(readList(" "), []);
});
