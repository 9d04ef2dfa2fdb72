// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { monotonic, standing } from "../util/clock.ts";
import {
  type BringUp,
  type Capacity,
  LabError,
  type Runtime,
  type Session,
  type Traits,
  Unavailable,
} from "./runtime.ts";
import { acceleratorsOf } from "./vm/mode.ts";

const options = z.strictObject({
  /** Linux 6.12 has all that the backends want of a kernel. */
  kernel: z.string().default("debian:6.12"),
  /** Where nothing is said: kvm where it works, else tcg. */
  accel: z.enum(["kvm", "tcg"]).optional(),
  /** Where nothing is said: virtual, unless KVM works. */
  time: z.enum(["virtual", "real"]).optional(),
});

/** An emulated guest of 1000 MIPS, by what it was measured to carry: the same everywhere, so it is a constant. */
const VIRTUAL_CAPACITY: Capacity = { connectionsPerS: 2000, own: true, messagesPerS: 4000 };

const traits: Traits = {
  kernel: "chosen",
  toolsAreHosts: false,
  programsAreHosts: true,
  privileges: "all",
  deviceFiles: "all",
  processesAreOurs: false,
  benchSizes: [10],
};

/** The vm runtime: the same lab under a kernel of one's choice. Its parts are loaded when they are first used. */
export const vm: Runtime = vmWith(options.parse({}));

function vmWith({ kernel: word, ...mode }: z.infer<typeof options>): Runtime {
  // What contradicts itself does so on every machine.
  acceleratorsOf(mode, false);
  const preparedParts = async (note: (text: string) => void, signal: AbortSignal) => {
    const { prepareParts } = await import("./vm/up.ts");
    return prepareParts(word, mode, note, signal).catch((error: unknown) => {
      throw error instanceof LabError ? new Unavailable(error.message, { cause: error }) : error;
    });
  };
  const runtime: Runtime = {
    name: "vm",
    traits,
    options,
    configured: (given) => vmWith(options.parse(given)),
    async missing() {
      const { missingVm } = await import("./vm/missing.ts");
      return missingVm(mode.accel);
    },
    async prepare(signal, note): Promise<Session> {
      const [{ vmUp }, { GuestPool }, { calibrated }] = await Promise.all([
        import("./vm/up.ts"),
        import("./vm/machine.ts"),
        import("./vm/calibrate.ts"),
      ]);
      const origin = { parts: await preparedParts(note, signal), traits, pool: new GuestPool() };
      const end = () => origin.pool.end();
      const isVirtual = origin.parts.time === "virtual";
      const capacity = isVirtual
        ? VIRTUAL_CAPACITY
        : await calibrated(origin, note, signal).catch(async (error: unknown) => {
            await origin.pool.end();
            throw error;
          });
      const up: BringUp = (topology, sessionSignal, sessionNote = () => {}, run = {}) =>
        vmUp(origin, topology, { logs: undefined, ...run, signal: sessionSignal, note: sessionNote });
      const prepared = { kernel: origin.parts.kernel.release, capacity };
      const clock = isVirtual ? standing : monotonic;
      return { runtime, prepared, clock, up, clear: end, [Symbol.asyncDispose]: end };
    },
    async up(topology, signal, note = () => {}, run = {}) {
      const { vmUp } = await import("./vm/up.ts");
      const origin = { parts: await preparedParts(note, signal), traits, pool: null };
      return vmUp(origin, topology, { logs: undefined, ...run, signal, note });
    },
    async clean() {
      const { removePartials } = await import("./vm/cache.ts");
      return removePartials();
    },
  };
  return runtime;
}
