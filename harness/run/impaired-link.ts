// SPDX-License-Identifier: Apache-2.0
import { Unsupported } from "../api/backend.ts";
import type { Lab } from "../runtime/runtime.ts";
import { startEvil } from "./evil.ts";
import type { ImpairedLink, Impairment } from "./impairment.ts";
import { recordNetem, startNetem } from "./netem.ts";

/**
 * Begins the trouble, at both ends of the link: by netem, or where the kernel has none by a program of ours that the link is led
 * through. Throws Unsupported where neither can do it; `onEnd` is told when the program ends by itself.
 */
export async function impair(lab: Lab, impairment: Impairment, onEnd: (text: string) => void): Promise<ImpairedLink> {
  // netem does not say how many packets it sent twice.
  const why = impairment.faults.duplicate === undefined ? await startNetem(lab, impairment) : null;
  if (why === true) return { record: (record, moment) => recordNetem(lab, impairment, record, moment) };
  try {
    return await startEvil(lab, impairment, onEnd);
  } catch (error) {
    const netem = why === null ? "" : `This kernel has no netem (${why}), and `;
    throw new Unsupported([
      `${netem}${netem ? "no" : "No"} program can stand in the link: ${(error as Error).message} Try '--runtime vm'.`,
    ]);
  }
}
