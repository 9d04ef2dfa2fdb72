// SPDX-License-Identifier: Apache-2.0
// Several testers: together they make the connections that one would, and what they saw is one record.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { readRecord } from "../harness/record/read.ts";
import { netns } from "../harness/runtime/netns.ts";
import { TupleSpace } from "../harness/simulate/tuples.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-testers-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const EACH = 100;
const WORDS = "--testers 3 --targets 4 --scale 1 --rate 400 --at 2 --duration 4".split(" ");

test("three testers make the 5-tuples that one would, and every loss is predicted", async (t) => {
  if (isSkipped(t, await netns.missing())) return;
  const words = [...WORDS, "--connections", `${2 * EACH}`];
  const { summary, dir } = await runCase(t, "nfqueue_scale_in", words, { out: scratch });
  t.is(summary.verdict, "pass", summary.reasons.join("\n"));
  t.is(summary.events[0]?.mispredicted, 0);
  const { events, connections } = readRecord(dir);
  const starts = new Map(events.flatMap((e) => (e.kind === "stream_start" ? [[e.stream, e] as const] : [])));
  const by = new Set([...starts.keys()].map((name) => name.split(" ")[1] ?? ""));
  t.deepEqual(
    [...by].sort((a, b) => a.localeCompare(b)),
    ["vm-221", "vm-223", "vm-224"],
  );
  const made = [...connections].flatMap(({ stream, generation, srcOffset, sport }) =>
    generation === 0 ? [`${starts.get(stream)?.family} ${srcOffset} ${sport}`] : [],
  );
  const tuples = new TupleSpace({ hostBits: 16, seed: 1 });
  const due = [4, 6].flatMap((family) =>
    Array.from({ length: EACH }, (_, index) => {
      tuples.draw(index);
      return `${family} ${tuples.offset} ${tuples.port}`;
    }),
  );
  t.deepEqual(made.sort(), due.sort());
});
