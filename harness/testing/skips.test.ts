// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import path from "node:path";
import test from "ava";
import { root } from "./machine.ts";
import { judgeSkips, REQUIREMENTS, type Requirement, type Skip } from "./skips.ts";

const engine: Requirement = {
  name: "an engine",
  isHere: () => false,
  needed: { "a.docker.test.ts": 2, "b.lab.test.ts": 1 },
  reason: /No Docker engine/,
};
const skip = (file: string, ...reasons: string[]): Skip => ({ file, title: "a test", reasons });

test("what a machine lacks explains as many skips of a file as are written down, and no more", (t) => {
  const two = [skip("a.docker.test.ts", "No Docker engine answers."), skip("a.docker.test.ts", "No Docker engine.")];
  t.deepEqual(judgeSkips(two, [engine]), { unexpected: [], explained: new Map([["an engine", 2]]) });
  const third = skip("a.docker.test.ts", "No Docker engine answers.");
  t.deepEqual(judgeSkips([...two, third], [engine]).unexpected, [third]);
});

test("a skip is unexpected where its reason is another, its file is another, or nothing is lacking", (t) => {
  const wrong = [
    skip("a.docker.test.ts", "The moon is full."),
    skip("a.docker.test.ts", "No Docker engine answers.", "The moon is full."),
    skip("a.docker.test.ts"),
    skip("c.lab.test.ts", "No Docker engine answers."),
  ];
  t.deepEqual(judgeSkips(wrong, [engine]).unexpected, wrong);
  t.is(judgeSkips([skip("a.docker.test.ts", "No Docker engine answers.")], []).unexpected.length, 1);
});

test("reasons of two kinds are explained by two things that are lacking", (t) => {
  const root: Requirement = { name: "root", isHere: () => false, needed: {}, reason: /root/ };
  const both = skip("b.lab.test.ts", "It needs root.", "No Docker engine answers.");
  t.deepEqual(judgeSkips([both], [engine, root]).unexpected, []);
  t.deepEqual(judgeSkips([both], [engine]).unexpected, [both]);
});

test("every file that may skip tests exists", (t) => {
  const files = REQUIREMENTS.flatMap(({ needed }) => Object.keys(needed)).filter((file) => file.endsWith(".ts"));
  t.true(files.length > 10);
  t.deepEqual(
    files.filter((file) => !existsSync(path.join(root, file))),
    [],
  );
});
