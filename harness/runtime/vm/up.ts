// A lab in a virtual machine: the same machines, links and agent as in netns, under another kernel.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { nowNs } from "../../clock.ts";
import type { Topology } from "../../topology/topology.ts";
import type { Agent } from "../agent.ts";
import { sandboxLab } from "../netns.ts";
import { type Lab, LabError } from "../runtime.ts";
import { wire } from "../wire.ts";
import { removePartials } from "./cache.ts";
import { bootGuest, type Guest, GuestPanic } from "./guest.ts";
import { describeKernel, findKernel, type Kernel } from "./kernels.ts";
import { type Accelerator, findQemu, mayUseKvm, type Qemu, qemuArgv, remembersNoKvm } from "./qemu.ts";
import { ensureImage, ensureTree, PROGRAMS } from "./root.ts";
import { warmUp } from "./warm.ts";

/** A guest under emulation on a busy machine takes 5 to 10 s. */
const READY_MS = { kvm: 10_000, tcg: 60_000 } as const;
const CPUS = 2;
const MEMORY_MIB = 1024;
const MEMORY_PER_TARGET_MIB = 6;
const CLOCK_READINGS = 8;

/** Everything that a guest is made of, fetched and prepared. */
export interface Parts {
  kernel: Kernel;
  qemu: Qemu;
  image: string;
}

/** Throws UsageError or LabError when a part cannot be had. */
export async function prepareParts(word: string, note: (text: string) => void, signal?: AbortSignal): Promise<Parts> {
  await removePartials();
  const kernel = await findKernel(word, note, signal);
  const tree = await ensureTree(note, signal);
  const [qemu, image] = await Promise.all([findQemu(note, signal), ensureImage(tree, kernel)]);
  return { kernel, qemu, image };
}

export async function vmUp(
  parts: Parts,
  topology: Topology,
  signal: AbortSignal,
  note: (text: string) => void,
  logs?: string,
): Promise<Lab> {
  signal.throwIfAborted();
  const memoryMiB = MEMORY_MIB + MEMORY_PER_TARGET_MIB * topology.targets.length;
  const { guest, accel } = await boot(parts, memoryMiB, signal, note, logs);
  const stop = async () => {
    if (logs) await keepMessages(guest.agent, logs);
    await guest.stop();
  };
  const onAbort = () => void guest.stop();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await relateClock(guest.agent);
    await guest.agent.makeMachines(topology.machines.map((m) => m.name));
    await wire(topology, guest.agent.host(""), (name) => ({ host: guest.agent.host(name), netns: name }));
    const lab: Lab = {
      ...sandboxLab(guest.agent, topology, { runtime: "vm", programs: PROGRAMS, ended: guest.ended, stop }),
      images: { kernel: describeKernel(parts.kernel), qemu: `${parts.qemu.version}, ${accel}` },
    };
    if (accel === "tcg") await warmUp(lab);
    return lab;
  } catch (cause) {
    await stop();
    signal.throwIfAborted();
    throw new LabError(
      `Cannot bring the lab up in a guest with kernel ${parts.kernel.release}: ${(cause as Error).message}`,
      { cause },
    );
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Under KVM where that works, else emulated. A kernel that goes down on the way gets a second chance. */
async function boot(
  parts: Parts,
  memoryMiB: number,
  signal: AbortSignal,
  note: (text: string) => void,
  logs: string | undefined,
): Promise<{ guest: Guest; accel: Accelerator }> {
  const attempt = async (accel: Accelerator) => {
    const argv = qemuArgv({ ...parts, accel, memoryMiB, cpus: CPUS });
    return { guest: await bootGuest(argv, { readyMs: READY_MS[accel], logs, signal }), accel };
  };
  if (await mayUseKvm()) {
    try {
      return await attempt("kvm");
    } catch (error) {
      signal.throwIfAborted();
      await remembersNoKvm();
      note(`KVM does not work here, going on without: ${(error as Error).message.split("\n")[0]}`);
    }
  }
  try {
    return await attempt("tcg");
  } catch (error) {
    if (!(error instanceof GuestPanic)) throw error;
    note(`${error.message.split("\n").slice(0, 2).join(" ")} Trying once more.`);
    return attempt("tcg");
  }
}

/** From here on the guest's programs read this machine's CLOCK_MONOTONIC: the reading with the shortest way there and back decides. */
async function relateClock(agent: Agent): Promise<void> {
  let best = { way: Number.POSITIVE_INFINITY, offset: 0 };
  for (let i = 0; i < CLOCK_READINGS; i++) {
    const asked = nowNs();
    const guest = await agent.clock();
    const answered = nowNs();
    if (answered - asked < best.way) best = { way: answered - asked, offset: (asked + answered) / 2 - guest };
  }
  await agent.clock(Math.round(best.offset));
}

/** What the guest's kernel had to say. A guest that is gone has said it on its console. */
async function keepMessages(agent: Agent, logs: string): Promise<void> {
  try {
    const { stdout } = await agent.host("").exec(["dmesg"], { timeoutMs: 5000 });
    mkdirSync(logs, { recursive: true });
    writeFileSync(path.join(logs, "dmesg.txt"), stdout);
  } catch {}
}
