// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { analyse } from "../analysis/analyse.ts";
import { mutate } from "../testing/mutate.ts";
import { UsageError } from "../util/errors.ts";
import { mulberry32 } from "../util/random.ts";
import { makeBaseline, readBaseline } from "./baseline.ts";
import { readBench } from "./bench.ts";
import { groupRuns } from "./groups.ts";
import { simulate } from "./simulate.ts";
import { readThresholds } from "./thresholds.ts";

test("a thousand damages of the gate's files: each is read, or is one sentence with the file", (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-gate-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const { run, record } = simulate({ seed: 1, connections: 200, oracle: "exact", fault: { kind: "none" } });
  const figure = { backend: "nfqueue", metric: "tcp", ratioToPlain: 0.5, ratioInterval95: [0.4, 0.6], repeats: 9 };
  const files: [name: string, content: unknown, read: (file: string) => unknown][] = [
    ["baseline.json", makeBaseline(groupRuns([{ run, ...analyse(run, record) }])), readBaseline],
    ["thresholds.json", { falseAlarm: 0.001, recoverMs: 500, ratioToPlain: { tcp: 0.5 } }, readThresholds],
    ["bench.json", [figure], readBench],
  ];
  const random = mulberry32(4);
  let found = 0;
  for (const [name, content, read] of files) {
    const file = path.join(dir, name);
    const text = Buffer.from(JSON.stringify(content, null, 2));
    for (let i = 0; i < 334; i++) {
      writeFileSync(file, mutate(text, random));
      const error = attempt(() => read(file));
      if (!error) continue;
      found++;
      t.true(error instanceof UsageError, error.stack);
      t.true(error.message.includes(name) && !error.message.includes("\n"), error.message);
    }
  }
  t.true(found > 300, `${found} were found`);
});

test("a baseline of a newer version is one sentence", (t) => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), "load-balancer-gate-")), "baseline.json");
  t.teardown(() => rmSync(path.dirname(file), { recursive: true }));
  writeFileSync(file, '{ "schema": 9 }');
  t.throws(() => readBaseline(file), {
    message: `'${file}' was written by a newer version (schema 9; this one reads 1).`,
  });
});

function attempt(action: () => unknown): Error | null {
  try {
    action();
    return null;
  } catch (error) {
    return error as Error;
  }
}
