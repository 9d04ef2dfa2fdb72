// SPDX-License-Identifier: Apache-2.0
import { LabError, type Runtime, Unavailable } from "./runtime.ts";

/** Linux 6.12 has all that the backends want of a kernel. */
const DEFAULT_KERNEL = "debian:6.12";

/** Guests wait for a next lab once something has been prepared: who does that has several, and says when no other follows. */
let keep = false;

/** The vm runtime: the same lab under a kernel of one's choice. Its parts are loaded when they are first used. */
export const vm: Runtime = vmWith(DEFAULT_KERNEL);

function vmWith(word: string): Runtime {
  let kept: Promise<import("./vm/machine.ts").Parts> | undefined;
  const prepared = async (note: (text: string) => void, signal: AbortSignal) => {
    const { prepareParts } = await import("./vm/up.ts");
    kept ??= prepareParts(word, note, signal);
    // A failure is not kept: the next attempt may do better.
    return kept.catch((error: unknown) => {
      kept = undefined;
      throw error instanceof LabError ? new Unavailable(error.message, { cause: error }) : error;
    });
  };
  return {
    name: "vm",
    async missing() {
      const { missingVm } = await import("./vm/missing.ts");
      return missingVm();
    },
    async prepare(signal, note) {
      const parts = await prepared(note, signal);
      const { calibrated } = await import("./vm/calibrate.ts");
      keep = true;
      return { kernel: parts.kernel.release, capacity: await calibrated(parts, note, signal) };
    },
    async up(topology, signal, note = () => {}, logs) {
      const { vmUp } = await import("./vm/up.ts");
      return vmUp(await prepared(note, signal), topology, signal, { note, logs, keep });
    },
    async end() {
      if (keep) await (await import("./vm/machine.ts")).endIdle();
    },
    async clean() {
      const { removePartials } = await import("./vm/cache.ts");
      return removePartials();
    },
    withKernel: vmWith,
  };
}
