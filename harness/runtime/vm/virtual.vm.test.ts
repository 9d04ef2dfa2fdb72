// SPDX-License-Identifier: Apache-2.0
// Virtual time that goes wrong: a guest that loops, a harness that ends while the lab's time stands, a QEMU that cannot.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import type { Summary } from "../../record/schema.ts";
import { placeOf } from "../../testing/faults/fault.ts";
import { guestFaults } from "../../testing/faults/guest.ts";
import { KERNEL, withGuest } from "../../testing/guest.ts";
import { runMain } from "../../testing/machine.ts";
import { bootVirtual } from "./guest.ts";
import { virtualArgv } from "./qemu.ts";
import { ensureImage } from "./root.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-virtual-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

/** Of CPU time: more than a boot, which is one turn, takes. */
const TURN_LIMIT_S = 20;

withGuest("a guest that loops for ever is ended after a limit of CPU time, with a sentence", async (t, parts) => {
  const image = await ensureImage(parts.tree, parts.kernel);
  const argv = virtualArgv({ ...parts, image, memoryMiB: 512, seed: 1 });
  const guest = await bootVirtual(argv, { turnLimitS: TURN_LIMIT_S, signal: new AbortController().signal });
  const loop = "echo -1 >/proc/sys/kernel/sched_rt_runtime_us; exec chrt --fifo 99 sh -c 'while :; do :; done'";
  await t.throwsAsync(guest.agent.host("").exec(["sh", "-c", loop]), {
    message: /guest has used 20 s of CPU time without coming to an end of anything, and was ended\./,
  });
  await guest.stop();
});

for (const { fault, wanted, got } of guestFaults.filter(({ fault }) => fault.includes("stands")))
  withGuest(`${fault}: nothing is left`, async (t) => {
    const where = placeOf("vm");
    t.is(await got({ ...where, words: [...where.words, "--kernel", KERNEL] }), wanted);
  });

/** A folder with a QEMU that does all but this. */
function qemuWithout(what: string, argv: readonly string[]): string {
  const dir = mkdtempSync(path.join(scratch, "qemu-"));
  const words = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const script = `case "$*" in *'${what},help'*) exit 1;; -help) ${words} "$@" | grep -v '^${what} '; exit;; esac`;
  writeFileSync(path.join(dir, "qemu-system-x86_64"), `#!/bin/sh\n${script}\nexec ${words} "$@"\n`, { mode: 0o755 });
  return dir;
}

for (const what of ["ivshmem-plain", "-icount"])
  withGuest(`a QEMU without ${what} runs its guest in real time, and says so`, async (t, { qemu }) => {
    const out = path.join(scratch, `without-${what}`);
    const words = "test nfqueue --targets 2 --connections 20 --duration 1 --reporter json --time virtual".split(" ");
    const { status, stderr } = await runMain([...words, "--kernel", KERNEL, "--out", out], {
      env: { PATH: `${qemuWithout(what, qemu.argv)}:${process.env.PATH}` },
    });
    // On a busy machine it is late.
    t.true(status === 0 || status === 4, stderr);
    t.regex(stderr, new RegExp(`QEMU ${qemu.version} has no ${what}, so the guest runs in real time\\.`));
    const [run = ""] = readdirSync(out).filter((name) => name.includes("-nfqueue-"));
    const summary = JSON.parse(readFileSync(path.join(out, run, "summary.json"), "utf8")) as Summary;
    t.is(summary.clock, "real");
    t.regex(readFileSync(path.join(out, run, "events.ndjson"), "utf8"), /"qemu":"[^"]*, tcg"/);
  });
