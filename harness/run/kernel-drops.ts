// SPDX-License-Identifier: Apache-2.0
// Asks the machines' kernel why it drops and resets packets, where it may be asked.
import { type Lab, LabError } from "../runtime/runtime.ts";
import { type KernelDrop, readTap } from "../tap/records.ts";
import { SOURCES } from "../topology/topology.ts";
import { startObserver } from "./observer.ts";

export interface KernelDrops {
  drops: KernelDrop[];
  /** Why it was not asked; null: it was. */
  unasked: string | null;
}

/** Words of `drops`; of each machine its name and the inode of its network namespace. */
export const dropsWords = (clients: readonly string[], machines: readonly (readonly [string, string])[]): string[] => [
  ...clients.flatMap((network) => ["--client", network]),
  ...machines.flatMap(([name, inode]) => ["--machine", `${name}=${inode}`]),
];

/** From now on, until what it returns is called. Nobody depends on it: where it may not be asked, that is said. */
export async function askKernels(lab: Lab): Promise<() => Promise<KernelDrops>> {
  const none = (unasked: string) => async () => ({ drops: [], unasked });
  if (lab.traits.privileges === "user namespace")
    return none("Only root may ask a kernel for the reasons of its drops.");
  const chunks: Buffer[] = [];
  try {
    const machines = await Promise.all(
      lab.topology.machines.map(async ({ name }) => {
        const { stdout } = await lab.host(name).exec(["@netns"]);
        return [name, stdout.trim()] as const;
      }),
    );
    const observer = await startObserver(
      lab,
      ["drops", ...dropsWords(Object.values(SOURCES), machines)],
      (chunk) => void chunks.push(chunk),
    );
    return async () => {
      await observer.end();
      return { drops: readTap(Buffer.concat(chunks)).drops, unasked: null };
    };
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    return none(error.message);
  }
}
