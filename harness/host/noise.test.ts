// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { noiseSentences, readNoise } from "./noise.ts";

const quiet = { load: [0.5, 1.5], cpus: 2, stolen: 0.001 } as const;

test("a machine whose load is below its CPUs is quiet, and a short burst is no noise", (t) => {
  t.deepEqual(noiseSentences(quiet), []);
  t.deepEqual(noiseSentences({ ...quiet, load: [9, 1.5] }), []);
  t.deepEqual(noiseSentences({ ...quiet, stolen: null }), []);
});

test("more load than CPUs, and time that its host takes, are told with the remedy", (t) => {
  const remedy = "a run in this machine's time may be late. '--runtime vm --time virtual' is never late.";
  t.deepEqual(noiseSentences({ ...quiet, load: [4, 3.25] }), [`The load is 3.3, with 2 CPUs: ${remedy}`]);
  t.deepEqual(noiseSentences({ ...quiet, stolen: 0.1 }), [
    `Its host gave 10 % of this machine's time to others: ${remedy}`,
  ]);
});

test("what this machine says has the form of it", (t) => {
  const { load, cpus, stolen } = readNoise();
  t.true(load.every((one) => one >= 0) && cpus >= 1 && (stolen === null || (stolen >= 0 && stolen <= 1)));
});
