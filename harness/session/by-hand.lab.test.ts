// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { typesOldNames } from "../testing/by-hand.ts";
import { marker, runMain } from "../testing/machine.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-by-hand-"));
const { env } = marker("by-hand");
const lb = (...words: string[]) => runMain(words, { env: { ...env, XDG_RUNTIME_DIR: scratch }, cwd: scratch });

test.after.always(async () => {
  await lb("stop");
  rmSync(scratch, { recursive: true, force: true });
});

test.serial("a lab by hand says where things are and what comes next", async (t) => {
  const none = await lb("status", "--json");
  t.deepEqual([none.status, none.stdout, none.stderr], [3, '{"running":false}\n', ""]);
  const started = await lb("start", "nfqueue", "--targets", "3");
  t.is(started.status, 0, started.stderr);
  for (const wanted of [
    /^VIP +10\.0\.0\.0 1000::$/m,
    /^ports +5001 connect, 5003 TCP stream, 6003 UDP stream, 6001 fragments$/m,
    /^net1 +vm-001 192\.168\.1\.1 .*vm-201 192\.168\.1\.201/m,
  ])
    t.regex(started.stdout, wanted);
  // The next commands are typed as they stand.
  const [, next = ""] = started.stdout.split("Next:\n");
  const lines = next
    .trim()
    .split("\n")
    .map((line) => line.trim().split(" ").slice(1));
  t.is(lines.length, 5);
  for (const words of lines.filter(([first]) => first === "exec")) {
    const { status, stderr } = await lb(...words);
    t.is(status, 0, `${words.join(" ")}: ${stderr}`);
  }
  const { running, ports, vip } = JSON.parse((await lb("status", "--json")).stdout) as Record<string, unknown>;
  t.deepEqual([running, vip], [true, ["10.0.0.0", "1000::"]]);
  t.like(ports, { connect: 5001 });
});

test.serial("mconnect, ctraffic and nfqlb have their old options", (t) => typesOldNames(t, lb));

test.serial("targets have names and numbers", async (t) => {
  t.regex((await lb("scale", "in", "vm-001", "2")).stdout, /out +vm-001 vm-002/);
  t.regex((await lb("scale", "out", "1", "vm-002")).stdout, /out +none/);
  const { status, stderr } = await lb("exec", "7", "true");
  t.is(status, 3);
  t.is(stderr.trim(), "There is no machine 'vm-007' in this lab.");
});
