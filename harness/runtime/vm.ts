// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { type BringUp, LabError, type Runtime, type Session, type Traits, Unavailable } from "./runtime.ts";

const options = z.strictObject({
  /** Linux 6.12 has all that the backends want of a kernel. */
  kernel: z.string().default("debian:6.12"),
});

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

function vmWith({ kernel: word }: z.infer<typeof options>): Runtime {
  const preparedParts = async (note: (text: string) => void, signal: AbortSignal) => {
    const { prepareParts } = await import("./vm/up.ts");
    return prepareParts(word, note, signal).catch((error: unknown) => {
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
      return missingVm();
    },
    async prepare(signal, note): Promise<Session> {
      const [{ vmUp }, { GuestPool }, { calibrated }] = await Promise.all([
        import("./vm/up.ts"),
        import("./vm/machine.ts"),
        import("./vm/calibrate.ts"),
      ]);
      const origin = { parts: await preparedParts(note, signal), traits, pool: new GuestPool() };
      const capacity = await calibrated(origin, note, signal).catch(async (error: unknown) => {
        await origin.pool.end();
        throw error;
      });
      const end = () => origin.pool.end();
      const up: BringUp = (topology, sessionSignal, sessionNote = () => {}, logs) =>
        vmUp(origin, topology, { signal: sessionSignal, note: sessionNote, logs });
      const prepared = { kernel: origin.parts.kernel.release, capacity };
      return { runtime, prepared, up, clear: end, [Symbol.asyncDispose]: end };
    },
    async up(topology, signal, note = () => {}, logs) {
      const { vmUp } = await import("./vm/up.ts");
      const origin = { parts: await preparedParts(note, signal), traits, pool: null };
      return vmUp(origin, topology, { signal, note, logs });
    },
    async clean() {
      const { removePartials } = await import("./vm/cache.ts");
      return removePartials();
    },
  };
  return runtime;
}
