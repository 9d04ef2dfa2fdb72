// SPDX-License-Identifier: Apache-2.0
// images/example is what its page promises: in a lab, its own strategy predicts every connection.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import type { Summary } from "../harness/record/schema.ts";
import { runMain } from "../harness/testing/machine.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";

const file = path.join(import.meta.dirname, "../images/example/ecmp.ts");
const out = mkdtempSync(path.join(tmpdir(), "lb-example-"));
test.after.always(() => rmSync(out, { recursive: true }));

const SEED = "/proc/sys/net/ipv4/fib_multipath_hash_seed";
const missing = existsSync(SEED) ? [] : [`The example needs ${SEED}. Use Linux 6.11 or newer.`];

test.serial("a backend from a file is judged connection by connection by the strategy that it brings", async (t) => {
  if (isSkipped(t, missing)) return;
  const args = [
    "--backend",
    file,
    "--targets",
    "4",
    "--connections",
    "600",
    "--rate",
    "2400",
    "--at",
    "1 2",
    "--duration",
    "3",
  ];
  const { status, summary, dir } = await runCase(t, "my-ecmp_scale", [...args, "--scale", "1 2"], { out });
  t.is(status, 0, summary.reasons.join("\n"));
  t.true(summary.assigned.checked > 600);
  t.is(summary.assigned.mispredicted, 0);
  for (const event of summary.events) {
    t.is(event.mispredicted, 0);
    t.is(event.predicted, event.lost);
    t.true(event.lost > 0);
  }

  const read = () => JSON.parse(readFileSync(path.join(dir, "summary.json"), "utf8")) as Summary;
  const again = (...words: string[]) => runMain(["report", dir, ...words]);
  const alone = await again();
  t.is(alone.status, 2);
  t.regex(alone.stderr, /its strategy 'my-ecmp\/paths' is defined in a backend's file\. Add --backend .*ecmp\.ts/);
  t.deepEqual(read(), summary, "what it cannot judge it leaves as it was");
  t.is((await again("--backend", file)).status, 0);
  t.deepEqual(read(), summary);
});
