// SPDX-License-Identifier: Apache-2.0
// Runs in virtual time, run again: the same to the bit, whatever the machine does meanwhile.
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { runsAll } from "../testing/alike.ts";
import { KERNEL, withGuest } from "../testing/guest.ts";
import { eventually, runMain } from "../testing/machine.ts";
import { runOnce } from "../testing/run-case.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-replay-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const run = (args: string[]) => runMain(args, { cwd: scratch, timeoutMs: 600_000 });

/** Once: in virtual time a second run is the first one again. */
function recordOf(name: string, words: string) {
  const out = path.join(scratch, name);
  const small = "--targets 4 --connections 60 --rate 100 --scale 1".split(" ");
  const args = [
    "--kernel",
    KERNEL,
    "--time",
    "virtual",
    "--accel",
    "tcg",
    ...small,
    ...words.split(" ").filter(Boolean),
  ];
  return runOnce(name, args, { out, timeoutMs: 600_000 });
}

withGuest("in virtual time a run with lost packets is replayed to the bit", async (t) => {
  const { dir, summary } = await recordOf("ipvs_scale", "--at 2,4 --duration 6 --loss 1%");
  t.is(summary.clock, "virtual");
  // Which packets are lost hangs on the guest's programs, too: a connection whose SYNs are among them is no result, and repeats all the same.
  t.true(["pass", "insufficient"].includes(summary.verdict), summary.reasons.join("\n"));
  t.true((summary.packets.dropped.netem ?? 0) > 0);
  t.is(summary.generator.lateSends, 0);
  const again = await run(["replay", dir, "--busy", runsAll ? "2" : "1", "--out", path.join(scratch, "replay")]);
  t.is(again.status, 0, again.stderr);
  t.regex(again.stdout, /^The same, bit for bit: \d{2,3} rows, \d+ events, \d{3} lines of dmesg/);
  t.is(again.stderr.split("Virtual time: verdicts are exact").length, 2, "it is said once");
  if (!runsAll) return;
  // A debugger that only lets it begin changes nothing.
  const out = path.join(scratch, "gdb");
  const debugged = run(["replay", dir, "--gdb", "--out", out]);
  t.true(await eventually(() => letBegin(out), 300_000));
  t.regex((await debugged).stdout, /^The same, bit for bit/);
  t.false(existsSync(path.join(out, readdirSync(out)[0] ?? "", "gdb.sock")));
});

withGuest("a run under another kernel is no repeat: that is said, and verdicts are compared", async (t) => {
  const { dir } = await recordOf("ipvs", "");
  const words = ["replay", dir, "--kernel", "debian:6.12", "--out", path.join(scratch, "replay-other")];
  const { status, stdout, stderr } = await run(words);
  t.is(status, 0, stderr);
  t.regex(
    stdout,
    /^The kernel is another: "6\.1\S+" before, "6\.12\S+" now\. So verdicts are compared: the same \(pass\)\./,
  );
});

/** Says "continue" to the guest that waits in a run below `out`, as gdb would; false while there is none. */
async function letBegin(out: string): Promise<boolean> {
  const [name] = existsSync(out) ? readdirSync(out) : [];
  const at = path.join(out, name ?? "", "gdb.sock");
  if (name === undefined || !existsSync(at)) return false;
  return new Promise((resolve) => {
    const socket = connect(at, () => {
      socket.write("$c#63");
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
