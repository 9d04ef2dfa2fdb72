// SPDX-License-Identifier: Apache-2.0
// Which QEMU there is, what it can do, and the words to start it with.

import { readFileSync } from "node:fs";
import { access, constants, writeFile } from "node:fs/promises";
import path from "node:path";
import { findTool } from "../../host/tools.ts";
import { unpackTree } from "./apt.ts";
import { cacheDir, cached, entries } from "./cache.ts";
import { command } from "./command.ts";
import type { Kernel } from "./kernels.ts";
import type { Accelerator } from "./mode.ts";
import { fromTree } from "./root.ts";

const PROGRAM = "qemu-system-x86_64";
/** Older ones make guests hang or panic now and then under emulation, the more so the newer their kernel. */
const GOOD_QEMU = 8;
const TREE = "qemu-bookworm-backports";

export interface Qemu {
  /** To be put before its options. */
  argv: readonly string[];
  /** "10.0.2". */
  version: string;
  /** What it lacks for virtual time; null: it has all. */
  lacks: string | null;
}

/** null: there is one here, or one can be fetched when it is needed; else a sentence with the remedy. */
export async function missingQemu(): Promise<string | null> {
  const sentence = await findTool(PROGRAM, "qemu-system-x86");
  return sentence === null || (await entries("")).includes(TREE) ? null : sentence;
}

const NEEDED_DEVICES = ["ivshmem-plain", "isa-debugcon"];

/** The system's, where it is good; else a newer one of Debian's, unpacked into the cache; else the system's again. */
export async function findQemu(note: (text: string) => void, signal?: AbortSignal): Promise<Qemu> {
  const installed = (await findTool(PROGRAM, "qemu-system-x86")) === null ? await described([PROGRAM], signal) : null;
  if (installed && Number.parseInt(installed.version, 10) >= GOOD_QEMU) return installed;
  try {
    const tree = await cached(
      TREE,
      (dir) => {
        note("fetching a newer QEMU from bookworm-backports");
        return unpackTree(["bookworm", "bookworm-backports"], ["qemu-system-x86"], dir, signal);
      },
      signal,
    );
    const folders = ["qemu", "seabios", "ipxe/qemu"].flatMap((dir) => ["-L", path.join(tree, "usr/share", dir)]);
    return await described([...fromTree(tree, `usr/bin/${PROGRAM}`), ...folders], signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (!installed) throw error;
    note(`no newer QEMU than ${installed.version} is available: ${(error as Error).message}`);
    return installed;
  }
}

async function described(argv: readonly string[], signal?: AbortSignal): Promise<Qemu> {
  const ask = async (words: string[]) => (await command([...argv, ...words], { signal, timeoutMs: 20_000 })).toString();
  // One that cannot even answer has nothing of it, and is told by its own words when a guest is to boot.
  const told = (words: string[]) => ask(words).catch(() => "");
  // All devices at once would load modules, which an unpacked QEMU finds at the system's place.
  const asked = NEEDED_DEVICES.map((device) => told(["-device", `${device},help`]));
  const [said, help, ...answers] = await Promise.all([ask(["--version"]), told(["-help"]), ...asked]);
  const lacks = NEEDED_DEVICES.find((_, i) => !answers[i]?.includes("options:"));
  return {
    argv,
    version: /version (\S+)/.exec(said)?.[1] ?? "0",
    lacks: lacks ?? (/^-icount /m.test(help) ? null : "-icount"),
  };
}

/** Whether hardware virtualisation looks usable. That it works is known only once a guest has answered: /dev/kvm may be there and hang. */
export async function mayUseKvm(): Promise<boolean> {
  if (!/^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync("/proc/cpuinfo", "utf8"))) return false;
  if ((await entries("")).includes(noKvm())) return false;
  return access("/dev/kvm", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** A guest did not answer under KVM: until the next boot of this machine no other is tried. */
export async function remembersNoKvm(): Promise<void> {
  await writeFile(path.join(cacheDir(), noKvm()), "").catch(() => {});
}

const noKvm = () => `no-kvm-${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}`;

/** Models that are quick under emulation: newer ones make the translated code several times slower. */
const CPU: Record<Accelerator, string[]> = {
  kvm: ["-accel", "kvm", "-cpu", "host"],
  tcg: ["-accel", "tcg,thread=multi", "-cpu", "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand"],
};

/** Name of the virtio-serial port that the agent speaks on. */
const PORT = "load-balancer";

export interface VirtualGuest {
  qemu: Pick<Qemu, "argv">;
  kernel: Pick<Kernel, "dir">;
  image: string;
  memoryMiB: number;
  seed: number;
}

export const kernelFile = ({ dir }: Pick<Kernel, "dir">): string => path.join(dir, "kernel");

/** Where the agent finds the box, and the channel of its port; BOX_FD and FREEZE_FD in images/agent/box.h. */
const BOX = { fd: 20, freezeFd: 21, size: "8M" } as const;

/**
 * Without it QEMU's first thread may look whether the guest idles after it has halted and before its last instructions are counted, and
 * then its time leaps too far by these: on a busy machine one run of four was another by 4 ns. Who records holds a lock meanwhile
 * (replay_mutex_lock in icount_prepare_for_run). Nobody wants the recording.
 */
const SERIALIZED = "rr=record,rrfile=/dev/null";

/**
 * A guest whose time is the number of its instructions: 1000 million of them are a second, and while it idles its time leaps to the next
 * timer. All that it draws at random comes of the seed. For `agent outside`, which hands on what is said.
 */
export function virtualArgv(guest: VirtualGuest): string[] {
  return [
    guest.qemu.argv,
    ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine", "q35,hpet=off"],
    ["-accel", "tcg,thread=single", ...CPU.tcg.slice(2), "-icount", `shift=0,sleep=off,${SERIALIZED}`],
    ["-seed", `${guest.seed}`, "-rtc", "base=2026-01-01,clock=vm", "-smp", "1", "-m", `${guest.memoryMiB}`],
    ["-kernel", kernelFile(guest.kernel), "-initrd", guest.image],
    ["-append", [...BOOT, "tsc=reliable", ...SELDOM, ...END, "box"].join(" ")],
    ["-object", `memory-backend-file,id=box,share=on,mem-path=/proc/self/fd/${BOX.fd},size=${BOX.size}`],
    ["-device", "ivshmem-plain,memdev=box"],
    ["-chardev", `socket,id=freeze,fd=${BOX.freezeFd}`, "-device", "isa-debugcon,iobase=0xe9,chardev=freeze"],
    ["-chardev", "socket,id=console,fd=3", "-serial", "chardev:console"],
  ].flat();
}

const BOOT = ["console=ttyS0", "quiet", "nokaslr", "no_timer_check", "mitigations=off", "random.trust_cpu=on"];
/** What a kernel looks after now and then, needed or not, is most of what hours of silence cost: 7.6 timers a second without, 1.1 with. */
const SELDOM = [
  "nowatchdog",
  "sysctl.vm.compaction_proactiveness=0",
  "sysctl.vm.dirty_writeback_centisecs=0",
  "sysctl.vm.stat_interval=600",
];
const END = ["oops=panic", "panic=-1", "rdinit=/opt/load-balancer/agent", "--", "guest"];

/** Standard input and output are the agent's port, descriptor 3 is the console. The guest's end is QEMU's end. */
export function qemuArgv(guest: {
  qemu: Qemu;
  kernel: Kernel;
  image: string;
  accel: Accelerator;
  memoryMiB: number;
  cpus: number;
}): string[] {
  const clock = guest.accel === "tcg" ? ["tsc=reliable"] : [];
  return [
    guest.qemu.argv,
    ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine", "q35"],
    CPU[guest.accel],
    ["-smp", `${guest.cpus}`, "-m", `${guest.memoryMiB}`],
    ["-kernel", kernelFile(guest.kernel), "-initrd", guest.image],
    ["-append", [...BOOT, ...clock, ...END, PORT].join(" ")],
    ["-device", "virtio-serial-pci", "-chardev", "stdio,id=agent,signal=off"],
    ["-device", `virtserialport,chardev=agent,name=${PORT}`],
    ["-chardev", "socket,id=console,fd=3", "-serial", "chardev:console"],
  ].flat();
}
