// SPDX-License-Identifier: Apache-2.0
// Guests, booted when they are needed. One that has nothing odd about it serves the labs of a command one after the other.
import type { GuestInfo } from "../../record/schema.ts";
import { monotonic, nowNs } from "../../util/clock.ts";
import { bootGuest, bootVirtual, type Guest, GuestPanic } from "./guest.ts";
import { guestInfo } from "./guest-info.ts";
import type { Kernel } from "./kernels.ts";
import type { Accelerator, Time } from "./mode.ts";
import { type Qemu, qemuArgv, remembersNoKvm, virtualArgv } from "./qemu.ts";
import { ensureImage } from "./root.ts";

/** A guest under emulation on a busy machine takes 5 to 10 s. */
const READY_MS = { kvm: 10_000, tcg: 60_000 } as const;
const CPUS = 2;
const CLOCK_READINGS = 8;
/** Kernels measure their processor's clock when they boot, and on a busy machine some are wrong by far: 2300 MHz were read as 97. */
const CLOCK_MS = 300;
const WRONG_BY = { atOnce: 0.25, later: 0.05 } as const;

/** Everything that guests are made of, fetched and prepared. */
export interface Parts {
  kernel: Kernel;
  qemu: Qemu;
  /** The folder of the guest's tools. */
  tree: string;
  /** In the order in which they are tried. */
  accels: readonly Accelerator[];
  time: Time;
}

export interface Machine {
  guest: Guest;
  accel: Accelerator;
  image: string;
  memoryMiB: number;
  /** How bootGuest was called: it looks up where the console goes with each line. */
  console: { logs: string | undefined };
  /** That it has had, this one included. */
  labs: number;
  /** Its clock and this machine's at the same moment, soon after its boot. */
  booted: Moment;
  /** In virtual time. */
  info?: GuestInfo;
}

/** ns */
interface Moment {
  here: number;
  guest: number;
}

/** Where the labs of one session get their guests. */
export class GuestPool {
  /** At most one waits for its next lab: others would take memory and time from what runs. */
  #idle: Machine | null = null;

  /** The one that waits, if it is of these parts and large enough, else a new one. Its programs have this machine's clock. */
  async take(parts: Parts, memoryMiB: number, lab: Surroundings): Promise<Machine> {
    // Also what another process has removed, or a change of our programs, is seen here.
    const image = await ensureImage(parts.tree, parts.kernel);
    const waiting = this.#idle;
    if (waiting && waiting.image === image && waiting.memoryMiB >= memoryMiB) {
      this.#idle = null;
      waiting.console.logs = lab.logs;
      waiting.labs++;
      return waiting;
    }
    await this.end();
    return boot(parts, image, memoryMiB, lab);
  }

  /** It waits for the next lab. */
  keep(machine: Machine): void {
    this.#idle = machine;
    machine.console.logs = undefined;
    void machine.guest.ended.then(() => {
      if (this.#idle === machine) this.#idle = null;
    });
  }

  async end(): Promise<void> {
    const waiting = this.#idle;
    this.#idle = null;
    await waiting?.guest.stop();
  }
}

/** What a lab comes up with. */
export interface Surroundings {
  signal: AbortSignal;
  note: (text: string) => void;
  /** Folder for the guest's console and messages. */
  logs: string | undefined;
  /** Of all that a guest in virtual time draws at random. */
  seed?: number;
  /** A socket at which it waits for gdb. */
  gdb?: string;
}

/** What it does depends on the parts, the memory and the seed alone: so each lab has one of its own. */
export async function bootForOne(parts: Parts, memoryMiB: number, lab: Surroundings): Promise<Machine> {
  const image = await ensureImage(parts.tree, parts.kernel);
  const words = { ...parts, image, memoryMiB, seed: lab.seed ?? 1 };
  const debugging = lab.gdb === undefined ? null : debuggingAt(lab.gdb);
  const console = { logs: lab.logs, signal: lab.signal, ...debugging?.limit };
  const guest = await bootVirtual([...virtualArgv(words), ...(debugging?.words ?? [])], console);
  const booted = { here: 0, guest: 0 };
  return { guest, accel: "tcg", image, memoryMiB, console, labs: 1, booted, info: await guestInfo(words) };
}

/** The guest stands still until it is told to begin, and whoever debugs takes the time that it takes. */
export const debuggingAt = (socket: string) => ({
  words: ["-gdb", `unix:${socket},server=on,wait=off`, "-S"],
  limit: { turnLimitS: Number.POSITIVE_INFINITY },
});

/** Under KVM where that is wanted and works, else emulated. A kernel that goes down on the way gets a second chance. */
async function boot(
  parts: Parts,
  image: string,
  memoryMiB: number,
  { signal, note, logs }: Surroundings,
): Promise<Machine> {
  const attempt = async (accel: Accelerator): Promise<Machine> => {
    const argv = qemuArgv({ ...parts, image, accel, memoryMiB, cpus: CPUS });
    const options = { readyMs: READY_MS[accel], logs, signal };
    const guest = await bootGuest(argv, options);
    try {
      const booted = await readClock(guest);
      await monotonic.sleepUntil(booted.here + CLOCK_MS * 1e6, signal);
      await checkRate(guest, booted, WRONG_BY.atOnce);
      return { guest, accel, image, memoryMiB, console: options, labs: 1, booted };
    } catch (error) {
      await guest.stop();
      throw error;
    }
  };
  if (parts.accels[0] === "kvm") {
    try {
      return await attempt("kvm");
    } catch (error) {
      signal.throwIfAborted();
      if (parts.accels.length === 1) throw error;
      await remembersNoKvm();
      note(`KVM does not work here, using emulation: ${(error as Error).message.split("\n")[0]}`);
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

/**
 * From here on what is started in the guest reads this machine's CLOCK_MONOTONIC: the reading with the shortest way there and
 * back decides. For each lab anew, as the two clocks drift apart.
 */
export async function relateClock({ guest }: Machine): Promise<void> {
  const now = await readClock(guest);
  await guest.agent.clock(Math.round(now.here - now.guest));
}

/** To be called when some time has gone by since the boot. Throws GuestPanic when the guest's time does not go by as this machine's. */
export function checkClock({ guest, booted }: Machine): Promise<void> {
  return checkRate(guest, booted, WRONG_BY.later);
}

async function checkRate(guest: Guest, since: Moment, wrongBy: number): Promise<void> {
  const now = await readClock(guest);
  const rate = (now.guest - since.guest) / (now.here - since.here);
  if (Math.abs(rate - 1) > wrongBy)
    throw new GuestPanic(`The guest's clock is wrong: it runs ${rate.toFixed(2)} times as fast as this machine's.`);
}

async function readClock({ agent }: Guest): Promise<Moment> {
  let best = { way: Number.POSITIVE_INFINITY, here: 0, guest: 0 };
  for (let i = 0; i < CLOCK_READINGS; i++) {
    const asked = nowNs();
    const guest = await agent.clock();
    const answered = nowNs();
    if (answered - asked < best.way) best = { way: answered - asked, here: (asked + answered) / 2, guest };
  }
  return best;
}
