// SPDX-License-Identifier: Apache-2.0
// A lab in a virtual machine: the same machines, links and agent as in netns, under another kernel.
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { Topology } from "../../topology/topology.ts";
import { makeDirs } from "../../util/make-dirs.ts";
import { sandboxLab } from "../netns.ts";
import { type Lab, LabError, type Traits } from "../runtime.ts";
import { wire } from "../wire.ts";
import { cacheError, removePartials } from "./cache.ts";
import { type Guest, GuestPanic } from "./guest.ts";
import { describeKernel, findKernel } from "./kernels.ts";
import {
  bootForOne,
  checkClock,
  GuestPool,
  type Machine,
  type Parts,
  relateClock,
  type Surroundings,
} from "./machine.ts";
import { acceleratorsOf, type ModeWords, timeOf } from "./mode.ts";
import { findQemu, mayUseKvm } from "./qemu.ts";
import { ensureImage, ensureTree, PROGRAMS } from "./root.ts";
import { startSandbox } from "./sandbox.ts";
import { isOdd } from "./trace.ts";
import { warmUp } from "./warm.ts";

const MEMORY_MIB = 1024;
const MEMORY_PER_TARGET_MIB = 6;
/** In steps, so that the next lab fits the guest of this one. */
const MEMORY_STEP_MIB = 256;

/** Throws UsageError or LabError when a part cannot be had. */
export async function prepareParts(
  word: string,
  words: ModeWords,
  note: (text: string) => void,
  signal?: AbortSignal,
): Promise<Parts> {
  const accels = acceleratorsOf(words, await mayUseKvm());
  try {
    await removePartials();
    const kernel = await findKernel(word, note, signal);
    const tree = await ensureTree(note, signal);
    const [qemu] = await Promise.all([findQemu(note, signal), ensureImage(tree, kernel)]);
    return { kernel, qemu, tree, accels, time: timeOf(words.time, accels, qemu, note) };
  } catch (error) {
    throw cacheError(error);
  }
}

/** Whose labs they are: without a pool a lab's guest ends with it. */
export interface Origin {
  parts: Parts;
  traits: Traits;
  pool: GuestPool | null;
}

/** A lab in a sandbox of its own. Its guest waits in the pool for the next one, if there is a pool. Throws LabError. */
export async function vmUp(origin: Origin, topology: Topology, lab: Surroundings, again = false): Promise<Lab> {
  const { parts, pool } = origin;
  const { signal, note } = lab;
  signal.throwIfAborted();
  const needed = MEMORY_MIB + MEMORY_PER_TARGET_MIB * topology.targets.length;
  const memoryMiB = Math.ceil(needed / MEMORY_STEP_MIB) * MEMORY_STEP_MIB;
  const isVirtual = parts.time === "virtual";
  const machine = await (isVirtual
    ? bootForOne(parts, memoryMiB, lab)
    : (pool ?? new GuestPool()).take(parts, memoryMiB, lab));
  try {
    return await labIn(machine, origin, topology, lab);
  } catch (cause) {
    await machine.guest.stop();
    signal.throwIfAborted();
    // One whose clock is wrong, too, gets a second chance; not a third.
    if (machine.labs > 1 || (cause instanceof GuestPanic && !again)) {
      note(`booting the guest again, as it cannot start another lab: ${(cause as Error).message}`);
      return vmUp(origin, topology, lab, machine.labs === 1);
    }
    throw new LabError(
      `Cannot bring the lab up in a guest with kernel ${parts.kernel.release}: ${(cause as Error).message}`,
      { cause },
    );
  }
}

async function labIn(
  machine: Machine,
  { parts, traits, pool }: Origin,
  topology: Topology,
  { signal, logs }: Surroundings,
): Promise<Lab> {
  const { guest, accel } = machine;
  const onAbort = () => void guest.stop();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const { isVirtual } = guest.clock;
    if (!isVirtual) await relateClock(machine);
    // Nothing in a machine asks for this one before it opens the device.
    if (machine.labs === 1) await guest.agent.host("").exec(["modprobe", "-q", "tun"], { check: false });
    const sandbox = startSandbox(guest);
    await sandbox.agent.ready;
    await sandbox.agent.makeMachines(topology.machines.map((m) => m.name));
    const host = (name: string) => sandbox.agent.host(name);
    await wire(topology, host(""), (name) => ({ host: host(name), netns: name }));
    let isAsItWas = true;
    const stop = async () => {
      const tidy = await sandbox.stop();
      const messages = await takeMessages(guest, logs);
      if (pool && !isVirtual && isAsItWas && tidy && messages !== null && !isOdd(messages)) pool.keep(machine);
      else await guest.stop();
    };
    const lab: Lab = {
      ...sandboxLab(sandbox.agent, topology, {
        runtime: { name: "vm", traits },
        programs: PROGRAMS,
        ended: sandbox.ended,
        stop,
      }),
      kernel: () => {
        isAsItWas = false;
        return guest.agent.host("", "the guest");
      },
      images: {
        kernel: describeKernel(parts.kernel),
        qemu: `${parts.qemu.version}, ${isVirtual ? "virtual time" : accel}`,
        guest: `lab ${machine.labs} since its boot`,
      },
    };
    if (machine.info) lab.guest = machine.info;
    if (isVirtual) return lab;
    if (accel === "tcg") await warmUp(lab);
    await checkClock(machine);
    return lab;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** What the guest's kernel had to say since the last lab; null when it is gone: then its console has it. */
async function takeMessages({ agent }: Guest, logs: string | undefined): Promise<string | null> {
  try {
    const { stdout } = await agent.host("").exec(["dmesg", "--read-clear"], { timeoutMs: 5000 });
    if (logs) {
      makeDirs(logs);
      writeFileSync(path.join(logs, "dmesg.txt"), stdout);
    }
    return stdout;
  } catch {
    return null;
  }
}
