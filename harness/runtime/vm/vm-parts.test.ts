// SPDX-License-Identifier: Apache-2.0
// The parts of the vm runtime that need no guest.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { eventually, wordsOf } from "../../testing/machine.ts";
import { nowNs } from "../../util/clock.ts";
import { UsageError } from "../../util/errors.ts";
import { encodeFrame, FRAME } from "../frame.ts";
import { CpioWriter } from "./cpio.ts";
import { bootGuest, bootVirtual, GuestPanic } from "./guest.ts";
import { checkClock, debuggingAt, type Machine } from "./machine.ts";
import { type Accelerator, acceleratorsOf, type Time, timeOf } from "./mode.ts";
import { rootPackages } from "./root.ts";
import { deb822, debianSource, oneLine, sourceFile } from "./sources.ts";
import { findTrace, isOdd } from "./trace.ts";
import { lz4Legacy, readKernel } from "./vmlinux.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-vm-parts-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));
const never = new AbortController().signal;

test("the machine's own mirror and keys are taken over, in both forms of apt's sources", async (t) => {
  const etc = path.join(scratch, "apt");
  mkdirSync(path.join(etc, "sources.list.d"), { recursive: true });
  writeFileSync(path.join(etc, "sources.list"), "# none\ndeb https://example.org/other stable contrib\n");
  t.is(await debianSource(etc), null);
  const line = "deb [arch=amd64 signed-by=/keys/a.gpg,/keys/b.gpg] http://mirror.example/debian bookworm main contrib";
  writeFileSync(path.join(etc, "sources.list"), line);
  const source = await debianSource(etc);
  t.truthy(source);
  const text = sourceFile(source ?? new Map(), ["bullseye", "trixie"]);
  t.regex(text, /^uris: http:\/\/mirror\.example\/debian$/m);
  t.regex(text, /^signed-by: \/keys\/a\.gpg \/keys\/b\.gpg$/m);
  t.regex(text, /^suites: bullseye trixie$/m);
  const stanza =
    "Types: deb\nURIs: http://m/debian\nSuites: trixie trixie-updates\nComponents: main\nSigned-By:\n -----BEGIN\n .\n -----END\n";
  t.regex(sourceFile(deb822(stanza)[0] ?? new Map(), ["trixie"]), /^signed-by: -----BEGIN\n \.\n -----END$/m);
  t.deepEqual(oneLine("deb-src http://m/debian bookworm main"), []);
});

test("the guest has the packages that the images' Dockerfiles name, and no compiler", (t) => {
  const packages = rootPackages();
  for (const name of ["iproute2", "ipvsadm", "iptables", "nftables", "conntrack", "kmod"])
    t.true(packages.includes(name), name);
  t.false(packages.some((name) => name === "gcc" || name.startsWith("-")));
});

test("LZ4 blocks with matches that reach into themselves come out whole", (t) => {
  // "abc", then 9 bytes from 3 before; then "XYZ!!" as the last literals.
  const block = Buffer.from([0x35, ...Buffer.from("abc"), 3, 0, 0x50, ...Buffer.from("XYZ!!")]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(block.length);
  const frame = Buffer.concat([Buffer.from("02214c18", "hex"), length, block]);
  t.is(lz4Legacy(frame, 17).toString(), "abcabcabcabcXYZ!!");
});

test("what is no kernel is told from one", async (t) => {
  await t.throwsAsync(readKernel(Buffer.alloc(8192), "zeros"), { message: /'zeros' is not a Linux kernel for x86-64/ });
});

test("an archive for the kernel has what cpio(1)'s form says: names, modes, links, contents", async (t) => {
  const tree = path.join(scratch, "tree");
  mkdirSync(path.join(tree, "bin"), { recursive: true });
  writeFileSync(path.join(tree, "bin/run"), "hello", { mode: 0o755 });
  symlinkSync("bin/run", path.join(tree, "link"));
  const file = path.join(scratch, "tree.cpio");
  const writer = await CpioWriter.create(file);
  await writer.tree(tree, "opt/");
  await writer.device("dev/console", 5, 1);
  await writer.end();
  const names: string[] = [];
  const data = readFileSync(file);
  for (let at = 0; at < data.length; ) {
    t.is(data.toString("latin1", at, at + 6), "070701");
    const field = (i: number) => Number.parseInt(data.toString("latin1", at + 6 + 8 * i, at + 14 + 8 * i), 16);
    const name = data.toString("utf8", at + 110, at + 110 + field(11) - 1);
    const body = (at + 110 + field(11) + 3) & ~3;
    names.push(`${name} ${field(1).toString(8)} ${data.toString("utf8", body, body + field(6))}`);
    at = (body + field(6) + 3) & ~3;
  }
  t.deepEqual(names, [
    "opt/bin 40755 ",
    "opt/bin/run 100755 hello",
    "opt/link 120777 bin/run",
    "dev/console 20600 ",
    "TRAILER!!! 0 ",
  ]);
});

test("a kernel that goes down is recognised by what it says last, with its trace", (t) => {
  const text = "[ 1.0] fine\n[ 2.0] BUG: unable to handle page fault\n[ 2.1] Call Trace:\n[ 2.2]  f+0x1\n";
  t.regex(findTrace(text) ?? "", /^\[ 2\.0\] BUG:[\s\S]*f\+0x1$/);
  t.is(findTrace("[ 1.0] all is well\n"), null);
});

test("a guest whose time goes by at another pace than here is none to measure with", async (t) => {
  const paced = (rate: number) => {
    const here = nowNs() - 1e9;
    return { guest: { agent: { clock: async () => nowNs() * rate } }, booted: { here, guest: here * rate } };
  };
  await t.notThrowsAsync(checkClock(paced(1) as unknown as Machine));
  await t.throwsAsync(checkClock(paced(23.5) as unknown as Machine), {
    instanceOf: GuestPanic,
    message: "The guest's clock is wrong: it runs 23.50 times as fast as this machine's.",
  });
});

test("a guest whose kernel warned, stalled or ran out of memory gets no further lab; one that only talked does", (t) => {
  for (const line of [
    "WARNING: CPU: 0 PID: 12 at net/core/dev.c:10",
    "rcu: INFO: rcu_sched detected stalls on CPUs",
    "watchdog: BUG: soft lockup - CPU#1 stuck",
    "nginx invoked oom-killer: gfp_mask=0x0",
    "Oops: 0000 [#1] SMP",
  ])
    t.true(isOdd(`[ 1.0] Linux version 6.1\n[ 2.0] ${line}\n`), line);
  t.false(isOdd("[ 1.0] Linux version 6.1\n[ 2.0] IPVS: ipvs loaded.\n[ 2.1] device vm-001.1 left promiscuous mode\n"));
});

const boot = (script: string) => bootGuest(["sh", "-c", script], { readyMs: 3000, signal: never });

test("a guest that never answers is ended and told with its last words", async (t) => {
  await t.throwsAsync(boot("echo 'waiting for nothing' >&3; exec sleep 100"), {
    message: /does not answer within 3 s.*waiting for nothing/,
  });
});

test("a guest that falls silent is ended, and whatever waits for it is told", async (t) => {
  const hello = path.join(scratch, "hello");
  writeFileSync(hello, encodeFrame(0, FRAME.hello, Buffer.from('{"version":"1","pid":1,"rootless":false}')));
  const argv = ["sh", "-c", `cat '${hello}'; echo 'stuck in the mud' >&3; exec sleep 100`];
  const guest = await bootGuest(argv, { readyMs: 20_000, silentMs: 500, signal: never });
  await t.throwsAsync(guest.agent.host("vm-1").exec(["true"]), {
    message: /guest has not answered for 0\.5 s and was ended\. .*stuck in the mud/,
  });
  await guest.stop();
});

test("a QEMU that cannot have its memory is told in its own words", async (t) => {
  const message = /QEMU has ended \(exit code 1\): .*cannot set up guest memory/;
  await t.throwsAsync(boot("echo 'cannot set up guest memory' >&2; exit 1"), { message });
});

test("a guest whose kernel goes down on the way is told from one that is late", async (t) => {
  const error = await t.throwsAsync(boot("echo 'Kernel panic - not syncing: no init' >&3; exit 0"));
  t.true(error instanceof GuestPanic);
  t.regex(error?.message ?? "", /kernel went down:\nKernel panic - not syncing: no init/);
});

test("an interrupted start ends the machine at once", async (t) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("stop")), 100);
  const begin = performance.now();
  await t.throwsAsync(bootGuest(["sleep", "100"], { readyMs: 60_000, signal: controller.signal }), { message: "stop" });
  t.true(performance.now() - begin < 20_000);
});

/** A QEMU in virtual time that is a script; its boot is its first turn. */
const bootInTurns = (script: string, turnLimitS: number, signal = never) =>
  bootVirtual(["sh", "-c", script], { turnLimitS, signal }).then((guest) => guest.stop());

test("a guest in virtual time that comes to no end of its turn, or stands still in it, is ended with a sentence", async (t) => {
  // Long enough for some CPU time to be had in it on any machine.
  await t.throwsAsync(bootInTurns("echo 'round and round' >&3; while :; do :; done", 5), {
    message: /^The guest has used 5 s of CPU time without .* was ended\. .*round and round/,
  });
  await t.throwsAsync(bootInTurns("exec sleep 100", 1), {
    message: /^The guest has stood still for 1 s, and was ended\./,
  });
});

test("a QEMU in virtual time that ends is told with its own exit code", async (t) => {
  await t.throwsAsync(bootInTurns("exit 7", 60), { message: /^QEMU has ended \(exit code 7\)/ });
  await t.throwsAsync(bootInTurns("kill -9 $$", 60), { message: /^QEMU has ended \(exit code 137\)/ });
});

test("a guest that waits for a debugger may stand still", async (t) => {
  const { limit } = debuggingAt("gdb.sock");
  await t.throwsAsync(bootVirtual(["sh", "-c", "sleep 2; exit 7"], { ...limit, signal: never }), {
    message: /exit code 7/,
  });
});

test("an interrupted start of a guest in virtual time leaves no QEMU", async (t) => {
  const file = path.join(scratch, "pid");
  const controller = new AbortController();
  const started = bootInTurns(`echo $$ >'${file}'; while :; do :; done`, 60, controller.signal);
  t.true(await eventually(() => existsSync(file) && readFileSync(file, "utf8").endsWith("\n"), 10_000));
  controller.abort(new Error("stop"));
  await t.throwsAsync(started, { message: "stop" });
  t.true(await eventually(() => wordsOf(Number(readFileSync(file, "utf8"))).join("") === "", 5000));
});

test("KVM and its clock go together: virtual time needs an emulated guest, and a QEMU that can", (t) => {
  t.deepEqual(acceleratorsOf({}, true), ["kvm", "tcg"]);
  t.deepEqual(acceleratorsOf({ accel: "tcg", time: "virtual" }, true), ["tcg"]);
  t.deepEqual(acceleratorsOf({ time: "virtual" }, false), ["tcg"]);
  for (const accel of [undefined, "kvm"] as const)
    t.throws(() => acceleratorsOf({ accel, time: "virtual" }, true), {
      instanceOf: UsageError,
      message: "--time virtual needs an emulated guest: KVM keeps this machine's time. Try --accel tcg.",
    });
  const notes: string[] = [];
  const time = (wanted: Time | undefined, accels: Accelerator[], lacks: string | null) =>
    timeOf(wanted, accels, { version: "7.2", lacks }, (text) => notes.push(text));
  t.is(time(undefined, ["kvm", "tcg"], null), "real");
  t.is(time("real", ["tcg"], null), "real");
  t.is(time(undefined, ["tcg"], null), "virtual");
  t.deepEqual(notes, []);
  t.is(time("virtual", ["tcg"], "-icount"), "real");
  t.deepEqual(notes, ["QEMU 7.2 has no -icount, so the guest runs in real time."]);
});
